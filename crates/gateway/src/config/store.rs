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
    /// The database file of `kind = "file"`; it need not exist.
    #[schemars(with = "Option<PathText>")]
    pub path: Option<PathBuf>,
    /// Where the server is: `rediss://[user:password@]host:port` for `kind = "redis"`,
    /// `postgres://user:password@host:port/database` for `kind = "postgres"`. It may hold a password, so it is treated as a secret.
    #[serde(deserialize_with = "unit::optional_secret")]
    #[schemars(with = "Option<SecretText>")]
    pub url: Option<SecretString>,
    /// File that holds that URL, for the sake of its password.
    #[schemars(with = "Option<PathText>")]
    pub url_file: Option<PathBuf>,
    /// File of lines `id:base64 of 32 bytes`; the first one encrypts, all of them decrypt. Required for all
    /// kinds but `memory`.
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
