//! How the gateway's clients prove who they are, as configured.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// Written in the configuration.
    Inline(SecretString),
    /// In a file of its own, read at each use so that it can be rotated without a restart.
    File(PathBuf),
}

impl SecretSource {
    /// The source that a pair of keys (`secret`, `secret_file`) names; the file wins where both are given.
    #[must_use]
    pub fn from_pair(inline: Option<&SecretString>, file: Option<&Path>) -> Option<Self> {
        match (inline, file) {
            (_, Some(file)) => Some(Self::File(file.to_owned())),
            (Some(secret), None) => Some(Self::Inline(secret.clone())),
            (None, None) => None,
        }
    }

    /// Reads the secret once; a file that cannot be read has no earlier value here.
    ///
    /// # Errors
    /// The secret is empty, or its file cannot be read.
    pub async fn read(&self) -> Result<SecretString, mgmt_auth::Error> {
        mgmt_auth::SecretReader::new().read(&self.clone().into()).await
    }
}

impl From<SecretSource> for mgmt_auth::SecretSource {
    fn from(source: SecretSource) -> Self {
        match source {
            SecretSource::Inline(secret) => Self::Inline(secret),
            SecretSource::File(path) => Self::File(path),
        }
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[default]
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PSS with SHA-256.
    PS256,
}

/// Proof of a client's identity, complete: what `auth`, the secret and the key settings say together.
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// `auth = "post"`.
    SecretPost(SecretSource),
    /// `auth = "basic"`.
    SecretBasic(SecretSource),
    /// `auth = "private_key_jwt"`.
    PrivateKeyJwt {
        /// The private key in PEM.
        key: SecretSource,
        /// `kid` of the assertion.
        key_id: Option<String>,
        /// The signature.
        algorithm: AssertionAlgorithm,
    },
}

/// A client id and its proof.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The client id.
    pub client_id: String,
    /// The proof.
    pub auth: ClientAuth,
}

/// The keys that describe a client's proof, as the sections `tenant`, `vault` and `connect` hold them.
pub(super) struct ProofKeys<'a> {
    pub(super) client_id: &'a str,
    pub(super) secret: Option<SecretSource>,
    pub(super) private_key_file: Option<&'a Path>,
    pub(super) key_id: Option<&'a str>,
    pub(super) algorithm: AssertionAlgorithm,
    pub(super) auth: Option<AuthMethod>,
}

impl ProofKeys<'_> {
    /// The method in force: `auth`, or what the other keys imply.
    pub(super) fn method(&self) -> AuthMethod {
        self.auth.unwrap_or(match (&self.secret, self.private_key_file) {
            (None, Some(_)) => AuthMethod::PrivateKeyJwt,
            _ => AuthMethod::Post,
        })
    }

    /// The credentials, when what the method needs is there.
    pub(super) fn credentials(self) -> Option<ClientCredentials> {
        let auth = match self.method() {
            AuthMethod::Post => ClientAuth::SecretPost(self.secret?),
            AuthMethod::Basic => ClientAuth::SecretBasic(self.secret?),
            AuthMethod::PrivateKeyJwt => ClientAuth::PrivateKeyJwt {
                key: SecretSource::File(self.private_key_file?.to_owned()),
                key_id: self.key_id.map(str::to_owned),
                algorithm: self.algorithm,
            },
        };
        Some(ClientCredentials { client_id: self.client_id.to_owned(), auth })
    }
}

/// What follows from the keys of a client's proof, for a section that holds them.
macro_rules! client_proof {
    ($section:ty) => {
        impl $section {
            /// Where the client secret comes from.
            #[must_use]
            pub fn client_secret(&self) -> Option<$crate::config::SecretSource> {
                $crate::config::SecretSource::from_pair(
                    self.client_secret.as_ref(),
                    self.client_secret_file.as_deref(),
                )
            }

            fn proof(&self) -> $crate::config::secret::ProofKeys<'_> {
                $crate::config::secret::ProofKeys {
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
            pub fn auth_method(&self) -> $crate::config::AuthMethod {
                self.proof().method()
            }

            /// The client's credentials; `None` only when the settings were not validated.
            #[must_use]
            pub fn credentials(&self) -> Option<$crate::config::ClientCredentials> {
                self.proof().credentials()
            }
        }
    };
}
pub(super) use client_proof;
