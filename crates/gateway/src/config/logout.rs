//! `[logout]`: OpenID Connect Back-Channel Logout.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whose logout tokens are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogoutSettings {
    /// Clients whose back-channel logout is delivered here; empty turns `/hooks/backchannel-logout` off.
    pub client_ids: Vec<String>,
}
