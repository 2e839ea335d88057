//! `[logout]`: OpenID Connect Back-Channel Logout.

use schemars::JsonSchema;
use serde::Deserialize;

/// Whose logout tokens are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogoutSettings {
    /// Client ids of the applications whose logout tokens are accepted at `/hooks/backchannel-logout`. Empty: the route is off.
    pub client_ids: Vec<String>,
}
