//! `[connect]`: hosted connect, the gateway's own pages that connect, reconnect and widen accounts.

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{
    secret::{AssertionAlgorithm, AuthMethod},
    unit::{self, DurationText, PathText, SecretText, UrlText},
};

/// The client of the gateway's connect pages: a Regular Web Application whose callback is `{public_url}/connect/callback`.
/// Without this section there are no such pages.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectSettings {
    /// The application's client id. Required in this section.
    pub client_id: String,
    /// The client secret. A file is safer.
    #[serde(default, deserialize_with = "unit::optional_secret")]
    #[schemars(with = "Option<SecretText>")]
    pub client_secret: Option<SecretString>,
    /// File with the client secret. It is read at each use.
    #[serde(default)]
    #[schemars(with = "Option<PathText>")]
    pub client_secret_file: Option<PathBuf>,
    /// File with the client's private key in PEM, for `private_key_jwt`. It is read at each use.
    #[serde(default)]
    #[schemars(with = "Option<PathText>")]
    pub private_key_file: Option<PathBuf>,
    /// `kid` of the public key that is registered in Auth0.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Signature algorithm of the client assertion.
    #[serde(default)]
    pub algorithm: AssertionAlgorithm,
    /// How the client authenticates. Default: what the given credentials allow.
    #[serde(default)]
    pub auth: Option<AuthMethod>,
    /// Where the browser may be sent after the flow. An address is allowed if it has the origin of one of these and the same
    /// path or one below it. Empty: the flow always ends at a page of the gateway.
    #[serde(default, deserialize_with = "unit::urls")]
    #[schemars(with = "Vec<UrlText>")]
    pub return_to: Vec<Url>,
    /// How long a connect link works.
    #[serde(default = "ten_minutes", with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub ticket_ttl: Duration,
    /// Audience of the My Account API. Default: the first issuer followed by `me/`, such as `https://{domain}/me/`.
    pub my_account_audience: String,
}

const fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

super::secret::client_proof!(ConnectSettings);
