//! Composition: from settings to the running application, and its replacement on a reload.

mod build;
mod connect;
mod convert;
mod mcp;
mod offline;
mod options;
mod reload;
mod start_error;
mod webhooks;

pub(crate) use self::build::caller_verifier;
pub(crate) use self::offline::OfflinePolicy;
pub(crate) use self::reload::{Running, digest};
pub use self::start_error::StartError;
