//! `[[providers.NAME.rules]]`: who may do what.

use std::collections::BTreeMap;

use idp_adapters::HostPattern;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{callers::CallerActors, graphql::GraphQlSection, unit};

/// One of `rules`. It matches a call when each of its conditions is true.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Methods. GET includes HEAD. Empty: any.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Path patterns. `{name}` stands for one segment, `**` at the end for any number of segments, including none.
    pub paths: Vec<String>,
    /// Hosts of the provider. `*` stands for a part of one label. Left out: any.
    #[serde(default, deserialize_with = "unit::host_patterns")]
    #[schemars(with = "Vec<unit::HostPatternText>")]
    pub hosts: Vec<HostPattern>,
    /// Client ids of apps (`azp` or `client_id`). Left out: any.
    #[serde(default)]
    pub clients: Vec<String>,
    /// Actors (`act` of the token). `"none"` matches tokens without an actor, `"any"` matches every token. A list matches when
    /// the token has an actor and every actor is on the list; with `allow = false`, when at least one actor is on the list.
    #[serde(default)]
    pub actors: CallerActors,
    /// Claims of the caller token with their accepted values: `{ "https://acme.com/role" = ["admin"] }`. A text claim must
    /// equal one of the values; an array claim must contain one of them.
    #[serde(default)]
    pub claims: BTreeMap<String, Vec<String>>,
    /// Which GraphQL operations the rule allows. For a rule whose `paths` include the provider's GraphQL path.
    #[serde(default)]
    pub graphql: Option<GraphQlSection>,
    /// Whether a match allows or denies the call.
    #[serde(default = "yes")]
    pub allow: bool,
    /// Scope (or permission) that the caller token must have. The call is refused without it.
    #[serde(default)]
    pub require_scope: Option<String>,
}

const fn yes() -> bool {
    true
}
