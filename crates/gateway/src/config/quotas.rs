//! `[quotas]`: how much one caller may ask for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits per caller (issuer, subject, client).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// The limit; unset means none.
    pub per_caller: Option<CallerQuota>,
    /// Whether the limit refuses calls or only counts them.
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
