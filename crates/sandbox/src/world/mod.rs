//! The world of a sandbox: users, their identities, the tenant's applications, and what the providers know.

pub(crate) mod client;
mod demo;
pub(crate) mod grants;
pub(crate) mod live;
pub(crate) mod people;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod tenant;
