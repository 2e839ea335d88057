#![doc = include_str!("../README.md")]

mod builder;
mod directory;
mod error;
mod names;
mod record;
mod shared;
mod store;
mod user;
mod wire;

pub use self::{
    builder::UserStoreBuilder,
    directory::Directory,
    error::Error,
    shared::SharedUserStore,
    store::{Found, Lookup, UserStore},
    user::{ConnectedAccount, Identity, User},
};
pub use mgmt_auth::{BoxFuture, Fault, Priority};
// What stands in signatures here.
pub use {secrecy, zeroize};
