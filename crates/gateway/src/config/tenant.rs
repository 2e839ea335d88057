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
    /// The tenant's canonical domain, for example `acme.eu.auth0.com`. Required.
    pub domain: String,
    /// URL of the tenant. Default: `https://{domain}`.
    #[serde(deserialize_with = "unit::url")]
    #[schemars(with = "UrlText")]
    pub base_url: Url,
    /// Audience of the management token. Default: `https://{domain}/api/v2/`.
    pub audience: String,
    /// Client id of the gateway's machine-to-machine application. Required.
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
    /// Suppress the warning about scopes beyond `read:users read:user_idp_tokens`.
    #[serde(default)]
    pub allow_excess_scopes: bool,
}

super::secret::client_proof!(TenantSettings);
