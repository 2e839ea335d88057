//! How the gateway's clients prove who they are, as configured.

use std::path::Path;

use mgmt_auth::{ClientAuth, ClientCredentials, SecretSource};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

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

impl From<AssertionAlgorithm> for mgmt_auth::AssertionAlgorithm {
    fn from(algorithm: AssertionAlgorithm) -> Self {
        match algorithm {
            AssertionAlgorithm::RS256 => Self::RS256,
            AssertionAlgorithm::RS384 => Self::RS384,
            AssertionAlgorithm::PS256 => Self::PS256,
        }
    }
}

/// The keys that describe a client's proof, as the sections `tenant`, `vault` and `connect` hold them.
pub(super) struct ProofKeys<'a> {
    pub(super) client_id: &'a str,
    pub(super) client_secret: Option<&'a SecretString>,
    pub(super) client_secret_file: Option<&'a Path>,
    pub(super) private_key_file: Option<&'a Path>,
    pub(super) key_id: Option<&'a str>,
    pub(super) algorithm: AssertionAlgorithm,
    pub(super) auth: Option<AuthMethod>,
}

impl ProofKeys<'_> {
    pub(super) fn secret(&self) -> Option<SecretSource> {
        secret_source(self.client_secret, self.client_secret_file)
    }

    /// The method in force: `auth`, or what the other keys imply.
    pub(super) fn method(&self) -> AuthMethod {
        self.auth.unwrap_or(match (self.secret(), self.private_key_file) {
            (None, Some(_)) => AuthMethod::PrivateKeyJwt,
            _ => AuthMethod::Post,
        })
    }

    /// The credentials, when what the method needs is there.
    pub(super) fn credentials(&self) -> Option<ClientCredentials> {
        let auth = match self.method() {
            AuthMethod::Post => ClientAuth::SecretPost(self.secret()?),
            AuthMethod::Basic => ClientAuth::SecretBasic(self.secret()?),
            AuthMethod::PrivateKeyJwt => ClientAuth::PrivateKeyJwt {
                key: SecretSource::File(self.private_key_file?.to_owned()),
                key_id: self.key_id.map(str::to_owned),
                algorithm: self.algorithm.into(),
            },
        };
        Some(ClientCredentials::new(self.client_id, auth))
    }
}

/// What follows from the keys of a client's proof, for a section that holds them.
macro_rules! client_proof {
    ($section:ty) => {
        impl $section {
            pub(super) fn proof(&self) -> $crate::config::secret::ProofKeys<'_> {
                $crate::config::secret::ProofKeys {
                    client_id: &self.client_id,
                    client_secret: self.client_secret.as_ref(),
                    client_secret_file: self.client_secret_file.as_deref(),
                    private_key_file: self.private_key_file.as_deref(),
                    key_id: self.key_id.as_deref(),
                    algorithm: self.algorithm,
                    auth: self.auth,
                }
            }

            /// The client's credentials; `None` only when the settings were not validated.
            #[must_use]
            pub fn credentials(&self) -> Option<mgmt_auth::ClientCredentials> {
                self.proof().credentials()
            }
        }
    };
}
pub(super) use client_proof;
