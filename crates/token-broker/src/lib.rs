#![doc = include_str!("../README.md")]

mod account;
mod ask;
mod broker;
mod builder;
mod by_identity;
mod by_vault;
mod call;
mod choose;
mod digest;
mod errands;
mod error;
mod grant;
mod grants;
mod judge;
mod manage;
mod provider;
mod refresh;
mod store;
mod token;
mod transport;
mod vault;

pub use self::{
    account::{Account, AccountSelector, InvalidSelector},
    ask::{Ask, Selector},
    broker::Broker,
    builder::{BrokerBuilder, BuildError},
    errands::Errands,
    error::{Error, Reason},
    grant::{Fingerprint, GrantKey, GrantRecord, GrantState, GrantSummary, Intent},
    provider::{Provider, Source},
    refresh::LEASE,
    store::{
        BoxFuture, Durability, FileStore, GrantFilter, GrantStore, InvalidKeyRing, KeyRing, Lease,
        MemoryStore, Reading, RecordStore, RedisStore, StoreError, Swap, Unsealable, Versioned,
    },
    token::{AccountState, AccountStatus, Cached, IdpToken, Revocation, RevokedAtProvider},
    transport::{Answer, CALL_TIMEOUT, Transport, TransportError},
    vault::{SharedVaultStore, VaultSettings},
};

#[cfg(test)]
mod tests;
