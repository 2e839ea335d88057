//! `[vault]`: the Custom API Client that exchanges caller tokens at Token Vault.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    secret::{AssertionAlgorithm, AuthMethod, ClientCredentials, ProofKeys, SecretSource},
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

impl VaultSettings {
    /// Where the client secret comes from.
    #[must_use]
    pub fn client_secret(&self) -> Option<SecretSource> {
        SecretSource::from_pair(self.client_secret.as_ref(), self.client_secret_file.as_deref())
    }

    fn proof(&self) -> ProofKeys<'_> {
        ProofKeys {
            client_id: &self.client_id,
            secret: self.client_secret(),
            private_key_file: self.private_key_file.as_deref(),
            key_id: self.key_id.as_deref(),
            algorithm: self.algorithm,
            auth: self.auth,
        }
    }

    /// The authentication method in force.
    #[must_use]
    pub fn auth_method(&self) -> AuthMethod {
        self.proof().method()
    }

    /// The client's credentials; `None` only when the settings were not validated.
    #[must_use]
    pub fn credentials(&self) -> Option<ClientCredentials> {
        self.proof().credentials()
    }
}
