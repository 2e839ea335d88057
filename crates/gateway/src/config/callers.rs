//! `[callers]`: whose tokens are accepted.

use std::time::Duration;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::unit::{ByteSize, DurationText};

/// What a caller token must look like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerSettings {
    /// The API identifiers. The token's `aud` must contain one of them. Required.
    pub audience: Vec<String>,
    /// Accepted values of `iss`, compared exactly. Default: `["{tenant.base_url}/"]`.
    pub issuers: Vec<String>,
    /// Accepted signature algorithms.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<CallerAlgorithm>,
    /// How far the clocks of Auth0 and the gateway may differ.
    #[serde(default = "default_leeway", with = "DurationText")]
    pub leeway: Duration,
    /// Longest accepted lifetime of a token (`exp` minus `iat`): from one minute to 30 days, which is Auth0's own limit.
    #[serde(default = "default_max_lifetime", with = "DurationText")]
    pub max_lifetime: Duration,
    /// Longest accepted token. It must be shorter than `server.limits.headers`, because it is one of the headers.
    #[serde(default = "default_max_token")]
    pub max_token: ByteSize,
    /// The claim that `require_scope` reads.
    #[serde(default)]
    pub authorization: Authorization,
    /// Client ids that may call. Empty: any.
    #[serde(default)]
    pub clients: Vec<String>,
    /// Organisations (id or name) whose members may call. Empty: any.
    #[serde(default)]
    pub organizations: Vec<String>,
    /// Which actors (`act` of the token) may act for a user: `"any"`, `"none"`, or a list of their ids.
    #[serde(default)]
    pub actors: CallerActors,
    /// DPoP (RFC 9449): whether tokens may be bound to a key (`allow`) or must be (`require`). Needs `server.public_url` or
    /// `server.allowed_hosts`.
    #[serde(default)]
    pub dpop: Dpop,
    /// Whether every DPoP proof must contain a nonce from the gateway.
    #[serde(default)]
    pub dpop_nonce: bool,
    /// The cache of the tenant's signing keys.
    #[serde(default)]
    pub keys: KeySettings,
}

fn default_algorithms() -> Vec<CallerAlgorithm> {
    vec![CallerAlgorithm::RS256, CallerAlgorithm::PS256]
}

fn default_leeway() -> Duration {
    Duration::from_secs(30)
}

fn default_max_token() -> ByteSize {
    ByteSize::new(caller_auth::MAX_TOKEN as u64)
}

fn default_max_lifetime() -> Duration {
    caller_auth::MAX_LIFETIME
}

/// A signature algorithm of caller tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CallerAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
}

impl CallerAlgorithm {
    /// The name in a token's header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
        }
    }
}

/// `callers.actors`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallerActors {
    /// Any party may act for a user, or none.
    #[default]
    Any,
    /// Tokens with an actor are refused.
    None,
    /// Every actor of a token must be one of these.
    #[serde(untagged)]
    Only(Vec<String>),
}

impl CallerActors {
    /// The setting's value, if it is one.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }
}

impl JsonSchema for CallerActors {
    fn schema_name() -> Cow<'static, str> {
        "CallerActors".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // Two shapes, which the walk over the configuration tells by the format's name.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "format": "word-or-list" })
    }
}

/// `callers.authorization`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Authorization {
    /// The space-separated `scope` claim.
    #[default]
    Scope,
    /// The `permissions` list that role-based access control adds.
    Permissions,
}

/// `callers.dpop`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dpop {
    /// Proofs are not looked at; key-bound tokens are refused.
    #[default]
    Off,
    /// Bound and unbound tokens.
    Allow,
    /// Bound tokens only.
    Require,
}

/// `callers.keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeySettings {
    /// Age at which the key set is read again.
    #[serde(with = "DurationText")]
    pub max_age: Duration,
    /// Shortest time between two reads of the key set that an unknown key id causes.
    #[serde(with = "DurationText")]
    pub cooldown: Duration,
    /// Age up to which an old key set is used while the tenant does not answer. The default grows with `max_age`.
    #[serde(with = "DurationText")]
    pub stale: Duration,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(600),
            cooldown: Duration::from_secs(30),
            stale: Duration::from_secs(12 * 3600),
        }
    }
}
