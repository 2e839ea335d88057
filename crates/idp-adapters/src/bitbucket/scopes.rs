//! Bitbucket's scopes: which includes which, and which call needs which.

use crate::{
    ScopeRule, Segment,
    Segment::{Any, Literal, Rest},
    scopes::Table,
};

pub(super) const SCOPES: Table = Table(&[
    ("account:write", "account"),
    ("account", "email"),
    ("issue:write", "issue"),
    ("pipeline:variable", "pipeline:write"),
    ("pipeline:write", "pipeline"),
    ("project:admin", "project"),
    ("project", "repository"),
    ("pullrequest:write", "pullrequest"),
    ("pullrequest:write", "repository:write"),
    ("pullrequest", "repository"),
    ("repository:write", "repository"),
    ("runner:write", "runner"),
    ("snippet:write", "snippet"),
]);

const fn call(
    method: &'static str,
    pattern: &'static [Segment],
    any_of: &'static [&'static str],
) -> ScopeRule {
    ScopeRule::new(method, pattern, any_of)
}

const V2: Segment = Literal("2.0");
const REPOS: Segment = Literal("repositories");
const PULLS: Segment = Literal("pullrequests");

/// What the most used calls need. What else lives below a repository has scopes of its own.
pub(super) const CALLS: &[ScopeRule] = &[
    call("GET", &[V2, Literal("user")], &["account"]),
    call("GET", &[V2, Literal("user"), Literal("emails")], &["email"]),
    call("GET", &[V2, Literal("user"), Literal("workspaces"), Rest], &["account"]),
    call("GET", &[V2, REPOS, Any, Any, PULLS, Rest], &["pullrequest"]),
    call("POST", &[V2, REPOS, Any, Any, PULLS], &["pullrequest:write"]),
    call("GET", &[V2, REPOS, Any], &["repository"]),
    call("GET", &[V2, REPOS, Any, Any], &["repository"]),
    call("GET", &[V2, REPOS, Any, Any, Literal("commits"), Rest], &["repository"]),
    call("GET", &[V2, REPOS, Any, Any, Literal("refs"), Rest], &["repository"]),
    call("GET", &[V2, REPOS, Any, Any, Literal("src"), Rest], &["repository"]),
    call("GET", &[V2, REPOS, Any, Any, Literal("issues"), Rest], &["issue"]),
    call("GET", &[V2, REPOS, Any, Any, Literal("pipelines"), Rest], &["pipeline"]),
];
