#![doc = include_str!("../README.md")]

mod cache;
mod challenge;
mod claims;
mod credentials;
mod dpop;
mod identity;
mod jose;
mod json;
mod keys;
mod logout;
mod metadata;
mod nonce;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod properties;
mod refusal;
mod replay;
mod roca;
mod rules;
mod signature;
mod time;
mod verifier;

pub use challenge::Challenge;
pub use credentials::{CallerToken, Schemes};
pub use identity::Caller;
pub use keys::{Finding, KeySource, KeysUnavailable, VerifyingKey};
pub use logout::{Logout, LogoutMarks, LogoutRefusal};
pub use metadata::resource_metadata;
pub use refusal::{Reason, Refusal};
pub use replay::{FirstUse, MemoryReplays, ReplayError, ReplayStore};
pub use rules::{Algorithm, Authorization, Dpop, MAX_LIFETIME, Rules};
pub use verifier::{Verified, Verifier};

#[cfg(test)]
mod tests;
