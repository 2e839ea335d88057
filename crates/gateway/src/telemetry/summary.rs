//! What the domain tells the access log and the server metrics about one request.

use super::ProviderLabel;
use std::time::Duration;

/// Put into the response's extensions by the handler; read by the observing layer. Nothing in here names a user.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Route template: `/proxy/{provider}/{path}`. `None` counts as `unmatched`.
    pub route: Option<&'static str>,
    /// The provider, once known.
    pub provider: Option<ProviderLabel>,
    /// The outcome word of design section 8.
    pub outcome: Option<&'static str>,
    /// Time spent waiting for the provider's response head, all attempts together.
    pub upstream: Option<Duration>,
    /// Time spent waiting for the tenant.
    pub tenant: Option<Duration>,
    /// How the IdP token was found.
    pub cache: Option<super::CacheResult>,
    /// What of the caller token was refused, beside what is accepted.
    pub mismatch: Option<Box<caller_auth::Mismatch>>,
}
