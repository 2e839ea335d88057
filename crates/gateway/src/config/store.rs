//! `[store]`: where grants are kept.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::unit::{self, PathText, SecretText};

/// The store of refresh grants, shared tokens, blocks and logout marks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Where refreshed grants are kept.
    pub kind: StoreKind,
    /// The database file of `kind = "file"`. It is created if it does not exist.
    #[schemars(with = "Option<PathText>")]
    pub path: Option<PathBuf>,
    /// URL of the server: `rediss://[user:password@]host:port` for `kind = "redis"`,
    /// `postgres://user:password@host:port/database` for `kind = "postgres"`. It is a secret, because it can contain a
    /// password.
    #[serde(deserialize_with = "unit::optional_secret")]
    #[schemars(with = "Option<SecretText>")]
    pub url: Option<SecretString>,
    /// File that contains the URL, instead of `store.url`.
    #[schemars(with = "Option<PathText>")]
    pub url_file: Option<PathBuf>,
    /// File with lines `id:base64 of 32 bytes`. The first key encrypts, all keys decrypt. Required for all kinds except
    /// `memory`.
    #[schemars(with = "Option<PathText>")]
    pub encryption_keys_file: Option<PathBuf>,
}

/// `store.kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Nothing survives a restart.
    #[default]
    Memory,
    /// An embedded database, for one replica.
    File,
    /// Redis or Valkey, for any number of replicas.
    Redis,
    /// PostgreSQL, for any number of replicas.
    Postgres,
}

impl StoreKind {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}
