//! `[vault]`: the Custom API Client that exchanges caller tokens at Token Vault.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    secret::{AssertionAlgorithm, AuthMethod},
    unit::{self, PathText, SecretText},
};

/// The client that exchanges tokens at Token Vault. Without one, the tenant's client is used.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultSettings {
    /// Client id of the Custom API Client. Default: the tenant's client and its credentials.
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
    /// The API whose tokens can be exchanged. Default: `callers.audience`, if it has one entry.
    pub audience: String,
}

super::secret::client_proof!(VaultSettings);
