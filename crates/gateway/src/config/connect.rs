//! `[connect]`: hosted connect, the gateway's own pages that connect, reconnect and widen accounts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::{
    secret::ClientProof,
    unit::{self, DurationText, UrlText},
};

/// The client of the gateway's connect pages: a Regular Web Application whose callback is `{public_url}/connect/callback`.
/// Without this section there are no such pages.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectSettings {
    /// The application's client id. Required in this section.
    pub client_id: String,
    /// How the client authenticates.
    #[serde(flatten)]
    pub proof: ClientProof,
    /// Where the browser may be sent after the flow. An address is allowed if it has the origin of one of these and the same
    /// path or one below it. Empty: the flow always ends at a page of the gateway.
    #[serde(default, deserialize_with = "unit::urls")]
    #[schemars(with = "Vec<UrlText>")]
    pub return_to: Vec<Url>,
    /// How long a connect link works.
    #[serde(default = "ten_minutes", with = "DurationText")]
    pub ticket_ttl: Duration,
    /// Audience of the My Account API. Default: the first issuer followed by `me/`, such as `https://{domain}/me/`.
    pub my_account_audience: String,
}

const fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}
