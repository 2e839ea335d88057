//! `[quotas]`: how much one caller may ask for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of what is asked for. A call must fit all that concern it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// For each caller: issuer, user, app, and who acts for the user, if anybody does. Unset means no limit.
    pub per_caller: Option<CallerQuota>,
    /// For each app (`azp` or `client_id`), all its users together. Unset means no limit.
    pub per_client: Option<CallerQuota>,
    /// Whether the limits, those of providers too, refuse calls or only count them.
    pub mode: QuotaMode,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerQuota {
    /// Calls a second in the long run; fractions are fine.
    #[schemars(range(min = 0.0))]
    pub per_second: f64,
    /// Calls at once.
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
