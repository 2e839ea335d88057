//! `[vault]`: the Custom API Client that exchanges caller tokens at Token Vault.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    secret::{AssertionAlgorithm, AuthMethod},
    unit::{self, PathText, SecretText},
};

/// The client of Token Vault. Without a client of its own the tenant's is used.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultSettings {
    /// The Custom API Client; default the tenant's client with its proof.
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
    /// The API whose tokens can be exchanged; default the only `callers.audience`.
    pub audience: String,
}

super::secret::client_proof!(VaultSettings);
