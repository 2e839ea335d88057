#![doc = include_str!("../README.md")]

mod actors;
#[cfg(feature = "axum")]
mod axum;
mod builder;
mod cache;
mod challenge;
mod claims;
mod common;
mod credentials;
mod crypto;
mod dpop;
mod explain;
mod header;
mod id_token;
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
pub mod query;
mod refusal;
mod replay;
mod roca;
mod rules;
mod signature;
mod time;
#[cfg(feature = "tower")]
mod tower;
mod verifier;

pub use actors::{Actor, Actors};
pub use builder::{BuildError, VerifierBuilder};
pub use challenge::Challenge;
pub use credentials::{CallerToken, Schemes};
pub use explain::{Check, CheckOutcome};
pub use id_token::{IdToken, IdTokenRefusal, IdTokenVerifier};
pub use identity::Caller;
pub use keys::{Finding, KeySource, KeysUnavailable, VerifyingKey};
pub use logout::{Logout, LogoutMarks, LogoutRefusal};
pub use metadata::resource_metadata;
pub use refusal::{Claim, Mismatch, Reason, Refusal};
pub use replay::{FirstUse, MemoryReplays, OneUse, ReplayError, ReplayStore};
pub use rules::{Algorithm, Authorization, Dpop, MAX_LIFETIME, MAX_TOKEN, Rules};
#[cfg(feature = "tower")]
pub use tower::{Auth, AuthLayer};
pub use verifier::{Checked, Verified, Verifier};

pub use mgmt_auth::KeyPolicy;
// What stands in signatures here.
pub use {http, url, zeroize};

#[cfg(test)]
mod tests;
