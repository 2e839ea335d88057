//! `[[providers.NAME.rules]]`: who may do what.

use std::collections::BTreeMap;

use idp_adapters::HostPattern;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{callers::CallerActors, graphql::GraphQlSection, unit};

/// One of `rules`. It matches where all that it names holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Methods; GET covers HEAD; empty means any.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Patterns: `{name}` is one segment, a final `**` any number of them, none included.
    pub paths: Vec<String>,
    /// Provider hosts; `*` is a part of one label; left out means any.
    #[serde(default, deserialize_with = "unit::host_patterns")]
    #[schemars(with = "Vec<String>")]
    pub hosts: Vec<HostPattern>,
    /// Client ids of apps (`azp`, or `client_id`); left out means any.
    #[serde(default)]
    pub clients: Vec<String>,
    /// Who acts for the user (`act` of the token): `"none"` matches the user alone, a list matches where every actor is on it
    /// and there is one (with `allow = false`: where one of them is), `"any"` matches always.
    #[serde(default)]
    pub actors: CallerActors,
    /// Claims of the caller token, each with its accepted values: `{ "https://acme.com/role" = ["admin"] }`. A text must be one
    /// of them, an array must hold one of them.
    #[serde(default)]
    pub claims: BTreeMap<String, Vec<String>>,
    /// What of GraphQL is open, on a rule that allows the provider's GraphQL path.
    #[serde(default)]
    pub graphql: Option<GraphQlSection>,
    /// Whether a match allows or denies.
    #[serde(default = "yes")]
    pub allow: bool,
    /// Scope (or permission) that the caller token must hold.
    #[serde(default)]
    pub require_scope: Option<String>,
}

const fn yes() -> bool {
    true
}
