#![doc = include_str!("../README.md")]

mod answer;
mod assertion;
mod budget;
mod builder;
mod credentials;
mod discovery;
mod error;
mod hints;
mod keys;
mod management;
mod oauth;
mod secret;
mod shared;
mod tenant;
mod token;
mod transport;

pub use budget::{Allowance, Priority};
pub use builder::TenantBuilder;
pub use credentials::{AssertionAlgorithm, ClientAuth, ClientCredentials};
pub use discovery::Discovery;
pub use error::{Error, Fault};
pub use keys::{KeyPolicy, SigningKey, SigningKeys};
pub use management::{ManagementToken, NEEDED_SCOPES};
pub use secret::{SecretReader, SecretSource};
pub use shared::{SharedToken, SharedTokenStore, StoreUnavailable, TokenName};
pub use tenant::Tenant;
pub use token::TokenResponse;
pub use token_keeper::{Age, BearerToken, Status};
pub use transport::{BoxFuture, Limits, Transport, TransportError};
