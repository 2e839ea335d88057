//! `[users]`: the cache of user records.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::unit::{self, DurationText};

/// How long user records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserSettings {
    /// Age at which callers wait for a new copy; renewed from 80 % of it while in use.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub cache_ttl: Duration,
    /// Total age up to which a record serves while Auth0 answers 429, 5xx or not at all; the default grows
    /// with a longer `cache_ttl`.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub stale_ttl: Duration,
    /// How long the answer "no such user" is kept, and "not in the vault" where another source follows.
    #[serde(with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub negative_ttl: Duration,
    /// Number of records kept.
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
