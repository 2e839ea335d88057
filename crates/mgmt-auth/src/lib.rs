#![doc = include_str!("../README.md")]

mod answer;
mod api;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod assertion;
mod budget;
mod builder;
mod credentials;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod crypto;
mod discovery;
mod error;
mod form;
mod hints;
mod keys;
mod management;
mod oauth;
mod pages;
mod requests;
mod secret;
mod shared;
mod tenant;
mod token;

pub use api::Fetched;
pub use api_transport::{Body, BodyError, BoxFuture, Limits, Transport, TransportError, TransportErrorKind};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use assertion::{AssertionAlgorithm, check_private_key};
pub use budget::{Allowance, Priority};
pub use builder::TenantBuilder;
pub use credentials::{ClientAuth, ClientCredentials};
pub use discovery::Discovery;
pub use error::{Error, Fault};
pub use keys::{KeyPolicy, SigningKey, SigningKeys};
pub use management::{ManagementToken, NEEDED_SCOPES};
pub use pages::{Pages, Paging};
pub use secret::{SecretReader, SecretSource, hidden_characters};
pub use shared::{SharedToken, SharedTokenStore, StoreUnavailable, TokenName};
pub use tenant::Tenant;
pub use token::{TokenQuota, TokenResponse};
pub use token_keeper::{Age, BearerToken, Clock, Status};
// What stands in signatures here.
pub use {bytes, http, secrecy, url};
