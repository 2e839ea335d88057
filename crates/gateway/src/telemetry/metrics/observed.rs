//! State that is read at each scrape.

use std::time::{Duration, SystemTime};

use crate::telemetry::labels::{KeeperName, ProviderLabel};

/// State read at each scrape; see [`Metrics::observe`](super::Metrics::observe).
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// End of the management token's life.
    pub management_token_expiry: Option<SystemTime>,
    /// Age of each kept value.
    pub ages: Vec<(KeeperName, Duration)>,
    /// Usable signing keys.
    pub keys: u64,
    /// When the key set was last had.
    pub keys_last_success: Option<SystemTime>,
    /// Calls the tenant still allows, by API (`management`, `authentication`).
    pub ratelimit_remaining: Vec<(&'static str, u64)>,
    /// The limit those are counted from.
    pub ratelimit_limit: Vec<(&'static str, u64)>,
    /// The most bytes of memory, by what takes them.
    pub memory_bounds: Vec<(&'static str, u64)>,
    /// Running calls by provider.
    pub upstream_in_flight: Vec<(ProviderLabel, u64)>,
}

/// Reads [`Observed`].
pub type Observer = dyn Fn() -> Observed + Send + Sync;
