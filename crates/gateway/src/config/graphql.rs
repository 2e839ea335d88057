//! `rules[].graphql`: what of GraphQL a rule opens.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which GraphQL operations a rule allows. The rule matches only if it allows every operation of the request's documents, not
/// just the one that `operationName` selects. The body is read first and may have at most `server.limits.replay` bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GraphQlSection {
    /// Types of operation that are allowed.
    pub operations: Vec<OperationKind>,
    /// Names of the root fields that are allowed. Fragments and aliases are resolved. Empty: any.
    pub fields: Vec<String>,
    /// Greatest depth of nested fields.
    #[schemars(range(min = 1, max = 100))]
    pub depth: u32,
    /// Whether `__schema` and `__type` are allowed.
    pub introspection: bool,
    /// Persisted documents: `"deny"`, or a list of the hashes that are allowed.
    pub persisted: Persisted,
}

impl Default for GraphQlSection {
    fn default() -> Self {
        Self {
            operations: vec![OperationKind::Query],
            fields: Vec::new(),
            depth: 12,
            introspection: false,
            persisted: Persisted::default(),
        }
    }
}

/// A type of GraphQL operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// Reads.
    Query,
    /// Writes.
    Mutation,
    /// Listens.
    Subscription,
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        })
    }
}

/// `graphql.persisted`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Persisted {
    /// None.
    #[default]
    Deny,
    /// Those with these hashes.
    #[serde(untagged)]
    Only(Vec<String>),
}

impl Persisted {
    /// The setting's value, if it is one.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }
}

impl JsonSchema for Persisted {
    fn schema_name() -> Cow<'static, str> {
        "Persisted".into()
    }

    fn inline_schema() -> bool {
        true
    }

    // Two shapes, which the walk over the configuration tells by the format's name.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "format": "deny-or-list" })
    }
}
