//! `[cors]`: which web pages may call.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::unit::DurationText;

/// Allowed origins. There is no credentials mode: callers send their token in `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorsSettings {
    /// Origins of web pages that may call and read the answers, such as `https://app.example.com`. `"*"` and `null` are refused.
    pub origins: Vec<String>,
    /// How long a browser may cache the answer to a preflight request.
    #[serde(with = "DurationText")]
    pub max_age: Duration,
}

impl Default for CorsSettings {
    fn default() -> Self {
        Self { origins: Vec::new(), max_age: Duration::from_secs(600) }
    }
}
