#![doc = include_str!("../README.md")]

mod body;
mod https_only;
#[cfg(feature = "reqwest")]
mod over_reqwest;
mod transport;

pub use body::{Body, BodyError};
pub use https_only::{HttpsOnly, is_loopback};
#[cfg(feature = "reqwest")]
pub use over_reqwest::{ReqwestTransport, SetUpError};
pub use transport::{BoxFuture, Limits, Transport, TransportError, TransportErrorKind, wipe};
// What stands in signatures here.
pub use {bytes, http};
