//! Why the gateway cannot start.

use crate::stores::OpenError;

/// Why the application cannot be built. The settings were validated before, so most of these are surprises.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The tenant's client credentials or URLs cannot be used.
    #[error("the tenant's settings cannot be used: {0}")]
    Tenant(String),
    /// A provider's entry cannot be used.
    #[error("providers.{name} cannot be used: {detail}")]
    Provider {
        /// The entry.
        name: String,
        /// Why.
        detail: String,
    },
    /// The broker refuses a combination; the text names the provider and the remedy.
    #[error(transparent)]
    Broker(#[from] token_broker::BuildError),
    /// Hosted connect cannot be used.
    #[error("the settings of [connect] cannot be used: {0}")]
    Connect(String),
    /// A webhook cannot be used.
    #[error("the settings of a webhook cannot be used: {0}")]
    Webhook(String),
    /// TLS cannot be set up.
    #[error("TLS towards providers cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
}
