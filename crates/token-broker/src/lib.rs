#![doc = include_str!("../README.md")]

mod account;
mod bounds;
mod broker;
mod builder;
mod by_identity;
mod by_vault;
mod call;
mod calls;
mod choose;
mod crypto;
mod decide;
mod digest;
mod error;
mod grant;
mod grants;
mod knowledge;
mod manage;
mod preview;
mod provider;
mod refresh;
mod request;
mod revocations;
mod revoke;
mod scopes;
mod store;
mod tenant_grant;
mod token;
mod transport;
mod vault;
mod vault_copy;

#[cfg(feature = "file")]
pub use self::store::FileStore;
#[cfg(feature = "postgres")]
pub use self::store::PostgresStore;
#[cfg(feature = "redis")]
pub use self::store::RedisStore;
pub use self::{
    account::{Account, AccountSelector, InvalidSelector},
    broker::Broker,
    builder::{BrokerBuilder, BuildError},
    calls::CallError,
    error::{Error, Reason},
    grant::{Fingerprint, GrantKey, GrantRecord, GrantState, GrantSummary, Intent},
    provider::{Provider, Source},
    refresh::LEASE,
    request::{Selector, TokenRequest},
    revocations::RevokedGrant,
    store::{
        BoxFuture, Durability, FleetStore, GrantFilter, GrantStore, InvalidKeyRing, KeyRing, Lease,
        MemoryStore, Reading, RecordStore, StoreError, Swap, Unsealable, Versioned,
    },
    token::{AccountState, AccountStatus, Cached, IdpToken, Revocation, RevokedAtProvider},
    transport::CALL_TIMEOUT,
    vault::{SharedVaultStore, VaultSettings},
};

#[cfg(feature = "reqwest")]
pub use api_transport::SetUpError;
pub use api_transport::{Body, BodyError, Limits, Transport, TransportError, TransportErrorKind};
// What stands in signatures here.
#[cfg(feature = "redis")]
pub use redis;
pub use tokio_util::task::TaskTracker;
pub use {bytes, http, secrecy, url, zeroize};

#[cfg(test)]
mod tests;
