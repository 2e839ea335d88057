//! Who is calling: verification of Auth0 access tokens, strict and cached.
//!
//! [`Verifier::verify`] takes the head of a request and gives a [`Verified`] caller or a [`Refusal`]. Nothing else makes a
//! [`Caller`], so nothing behind this module can act for an unverified one.
//!
//! # Order of checks
//!
//! 1. *Credentials*: from `Authorization` alone; two of them, or a token in the query, end here.
//! 2. *Cache*: a token seen before, by its SHA-256, unless it has expired or the tenant's keys have changed since.
//! 3. *Form*: three strict base64url parts of at most 8 KiB, JSON without duplicate members, no `crit`, `b64`, `zip`.
//! 4. *Algorithm* against the configured list, then `typ`, then *issuer* to the letter. Up to here nothing was asked of anybody.
//! 5. *Key* by `kid` from the tenant's key set (never from the token), its own `alg` if it has one, *signature*.
//! 6. *Claims*: `events` and `nonce` absent, audience, times, then client and organisation lists, then that it is a user's.
//! 7. On every request, cached or not: the logout marks, and the proof of possession where the token is bound to a key.
//!
//! Failures before the signature has been checked all read alike for whoever sent the token; the log says which it was.
//!
//! # Caching
//!
//! Only successes are kept, at most until the token's own `exp` by both the wall clock and the monotonic one, for one set of
//! keys and one configuration (a new configuration makes a new [`Verifier`]).
//! [`Verifier::forget`] and [`Verifier::forget_all`] drop entries, [`LogoutMarks`] refuse tokens issued before a logout.

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
pub(crate) mod properties;
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
pub use refusal::Refusal;
pub use replay::{FirstUse, MemoryReplays, ReplayError, ReplayStore};
pub use rules::{Algorithm, Authorization, Dpop, MAX_LIFETIME, Rules};
pub use verifier::{Verified, Verifier};

#[cfg(test)]
mod tests;
