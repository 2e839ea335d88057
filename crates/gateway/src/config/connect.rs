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
    /// Its secret; better in a file.
    #[serde(default, deserialize_with = "unit::optional_secret")]
    #[schemars(with = "Option<SecretText>")]
    pub client_secret: Option<SecretString>,
    /// File with its secret, read at each use.
    #[serde(default)]
    #[schemars(with = "Option<PathText>")]
    pub client_secret_file: Option<PathBuf>,
    /// File with its private key in PEM (`private_key_jwt`), read at each use.
    #[serde(default)]
    #[schemars(with = "Option<PathText>")]
    pub private_key_file: Option<PathBuf>,
    /// `kid` of the registered public key.
    #[serde(default)]
    pub key_id: Option<String>,
    /// Signature of the client assertion.
    #[serde(default)]
    pub algorithm: AssertionAlgorithm,
    /// How the client authenticates; default by what is given.
    #[serde(default)]
    pub auth: Option<AuthMethod>,
    /// Where a browser may be sent afterwards: addresses at one of these origins, at this path or below it. Empty: it always
    /// ends at a page of the gateway.
    #[serde(default, deserialize_with = "unit::urls")]
    #[schemars(with = "Vec<UrlText>")]
    pub return_to: Vec<Url>,
    /// How long a link works.
    #[serde(default = "ten_minutes", with = "unit::duration")]
    #[schemars(with = "DurationText")]
    pub ticket_ttl: Duration,
    /// Audience of the My Account API; default the first issuer with `me/` at its end: `https://{domain}/me/`.
    pub my_account_audience: String,
}

const fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

super::secret::client_proof!(ConnectSettings);
