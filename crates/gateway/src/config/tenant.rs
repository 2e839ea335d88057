//! `[tenant]`: the Auth0 tenant and the gateway's own client there.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{
    secret::{AssertionAlgorithm, AuthMethod},
    unit::{self, PathText, SecretText, UrlText},
};

/// The tenant, where it is reached, and the client that asks for the management token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// The canonical domain, for example `acme.eu.auth0.com`. Required.
    pub domain: String,
    /// Where the tenant is reached; default `https://{domain}`.
    #[serde(deserialize_with = "unit::url")]
    #[schemars(with = "UrlText")]
    pub base_url: Url,
    /// Audience of the management token; default `https://{domain}/api/v2/`.
    pub audience: String,
    /// The gateway's client (a machine-to-machine application). Required.
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
    /// Do not warn about a grant beyond `read:users read:user_idp_tokens`.
    #[serde(default)]
    pub allow_excess_scopes: bool,
}

super::secret::client_proof!(TenantSettings);
