//! `[users]`: the cache of user records.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::unit::DurationText;

/// How long user records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserSettings {
    /// Age up to which a record is used. From 80 % of it the record is renewed in the background while it is in use.
    #[serde(with = "DurationText")]
    pub cache_ttl: Duration,
    /// Age up to which a record is used while Auth0 answers 429 or 5xx, or does not answer. The default grows with `cache_ttl`.
    #[serde(with = "DurationText")]
    pub stale_ttl: Duration,
    /// How long the answer "no such user" is cached, and "not in the vault" if another source follows.
    #[serde(with = "DurationText")]
    pub negative_ttl: Duration,
    /// Most records in the cache.
    #[schemars(range(min = 1))]
    pub capacity: u64,
}

impl Default for UserSettings {
    fn default() -> Self {
        Self {
            cache_ttl: Duration::from_secs(600),
            stale_ttl: Duration::from_secs(3600),
            negative_ttl: Duration::from_secs(5),
            capacity: 100_000,
        }
    }
}
