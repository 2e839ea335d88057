//! `[[webhooks]]`: who is told what changes about accounts.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::unit::{self, PathText, UrlText};

/// A receiver of events. Messages are signed as the Standard Webhooks specification says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// URL that events are sent to.
    #[serde(deserialize_with = "unit::url")]
    #[schemars(with = "UrlText")]
    pub url: Url,
    /// File with the signing secret: `whsec_` and base64 of 24 to 64 bytes. It is read at each use.
    #[schemars(with = "PathText")]
    pub secret_file: PathBuf,
    /// Which events are sent. Left out: all.
    #[serde(default = "all_events")]
    pub events: Vec<WebhookEvent>,
    /// Whether the receiver may have a private network address.
    #[serde(default)]
    pub allow_private_network: bool,
}

/// What happened to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum WebhookEvent {
    /// The provider no longer accepts the grant.
    #[serde(rename = "account.reconnect_required")]
    ReconnectRequired,
    /// It works again.
    #[serde(rename = "account.recovered")]
    Recovered,
    /// The user has connected it by hosted connect.
    #[serde(rename = "account.connected")]
    Connected,
    /// The user has disconnected it.
    #[serde(rename = "account.disconnected")]
    Disconnected,
}

fn all_events() -> Vec<WebhookEvent> {
    use WebhookEvent::{Connected, Disconnected, ReconnectRequired, Recovered};
    vec![ReconnectRequired, Recovered, Connected, Disconnected]
}
