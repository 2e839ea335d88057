//! `[quotas]`: how many calls one user or one app may make.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits on the rate of calls. A call must be within every limit that applies to it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// Limit for each caller: the combination of issuer, user, app and, if present, actor. Unset: no limit.
    pub per_caller: Option<CallerQuota>,
    /// Limit for each app (`azp` or `client_id`), for all its users together. Unset: no limit.
    pub per_client: Option<CallerQuota>,
    /// Whether calls over a limit are refused or only counted. This includes the quotas of providers.
    pub mode: QuotaMode,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerQuota {
    /// Average number of calls in a second. May be a fraction.
    #[schemars(range(min = 0.0))]
    pub per_second: f64,
    /// Number of calls that may be made at once.
    #[schemars(range(min = 1))]
    pub burst: u32,
}

/// `quotas.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QuotaMode {
    /// Refuse with `rate-limited`.
    #[default]
    Enforce,
    /// Let pass and count.
    Observe,
}
