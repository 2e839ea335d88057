//! How the gateway's clients prove who they are, as configured.

use std::path::{Path, PathBuf};

use mgmt_auth::{ClientAuth, ClientCredentials, SecretSource};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::unit::{self, PathText, SecretText};

/// The source that a pair of keys (`secret`, `secret_file`) names; the file wins where both are given.
#[must_use]
pub fn secret_source(inline: Option<&SecretString>, file: Option<&Path>) -> Option<SecretSource> {
    match (inline, file) {
        (_, Some(file)) => Some(SecretSource::File(file.to_owned())),
        (Some(secret), None) => Some(SecretSource::Inline(secret.clone())),
        (None, None) => None,
    }
}

/// `auth`: how a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Client id and secret in the form body.
    Post,
    /// Client id and secret as HTTP Basic credentials.
    Basic,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
}

/// `algorithm`: the signature of a client assertion.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(remote = "mgmt_auth::AssertionAlgorithm")]
pub(super) enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PSS with SHA-256.
    PS256,
}

/// How a client proves who it is: keys of the sections `tenant`, `vault` and `connect`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ClientProof {
    /// The client secret. A file is safer.
    #[serde(deserialize_with = "unit::optional_secret")]
    #[schemars(with = "Option<SecretText>")]
    pub client_secret: Option<SecretString>,
    /// File with the client secret. It is read at each use.
    #[schemars(with = "Option<PathText>")]
    pub client_secret_file: Option<PathBuf>,
    /// File with the client's private key in PEM, for `private_key_jwt`. It is read at each use.
    #[schemars(with = "Option<PathText>")]
    pub private_key_file: Option<PathBuf>,
    /// `kid` of the public key that is registered in Auth0.
    pub key_id: Option<String>,
    /// Signature algorithm of the client assertion.
    #[serde(with = "AssertionAlgorithm")]
    pub algorithm: mgmt_auth::AssertionAlgorithm,
    /// How the client authenticates. Default: what the given credentials allow.
    pub auth: Option<AuthMethod>,
}

impl ClientProof {
    pub(super) fn secret(&self) -> Option<SecretSource> {
        secret_source(self.client_secret.as_ref(), self.client_secret_file.as_deref())
    }

    /// The method in force: `auth`, or what the other keys imply.
    pub(super) fn method(&self) -> AuthMethod {
        self.auth.unwrap_or(match (self.secret(), &self.private_key_file) {
            (None, Some(_)) => AuthMethod::PrivateKeyJwt,
            _ => AuthMethod::Post,
        })
    }

    /// The credentials of the client with this id; `None` only when the settings were not validated.
    #[must_use]
    pub fn credentials(&self, client_id: &str) -> Option<ClientCredentials> {
        let auth = match self.method() {
            AuthMethod::Post => ClientAuth::SecretPost(self.secret()?),
            AuthMethod::Basic => ClientAuth::SecretBasic(self.secret()?),
            AuthMethod::PrivateKeyJwt => ClientAuth::PrivateKeyJwt {
                key: SecretSource::File(self.private_key_file.clone()?),
                key_id: self.key_id.clone(),
                algorithm: self.algorithm,
            },
        };
        Some(ClientCredentials::new(client_id, auth))
    }
}
