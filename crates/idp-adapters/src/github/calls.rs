//! GitHub's OAuth scopes: which includes which, and which call needs which.

use crate::{
    ScopeRule,
    Segment::{Any, Literal},
    scopes::Table,
};

/// `(wide, narrow)`: holding the first includes the second. Chains are followed.
const INCLUDES: &[(&str, &str)] = &[
    ("repo", "public_repo"),
    ("repo", "repo:status"),
    ("repo", "repo_deployment"),
    ("repo", "repo:invite"),
    ("repo", "security_events"),
    ("admin:repo_hook", "write:repo_hook"),
    ("write:repo_hook", "read:repo_hook"),
    ("admin:org", "write:org"),
    ("write:org", "read:org"),
    ("admin:org", "manage_runners:org"),
    ("admin:public_key", "write:public_key"),
    ("write:public_key", "read:public_key"),
    ("admin:gpg_key", "write:gpg_key"),
    ("write:gpg_key", "read:gpg_key"),
    ("admin:ssh_signing_key", "write:ssh_signing_key"),
    ("write:ssh_signing_key", "read:ssh_signing_key"),
    ("user", "read:user"),
    ("user", "user:email"),
    ("user", "user:follow"),
    ("write:packages", "read:packages"),
    ("write:discussion", "read:discussion"),
    ("project", "read:project"),
    ("audit_log", "read:audit_log"),
    ("codespace", "codespace:secrets"),
    ("admin:enterprise", "manage_runners:enterprise"),
    ("admin:enterprise", "manage_billing:enterprise"),
    ("admin:enterprise", "read:enterprise"),
];

pub(super) const SCOPES: Table = Table(INCLUDES);

const fn call(
    method: &'static str,
    pattern: &'static [crate::Segment],
    any_of: &'static [&'static str],
) -> ScopeRule {
    ScopeRule::new(method, pattern, any_of)
}

/// What OAuth App tokens need for the most used calls. Calls on repositories are not here:
/// public ones need nothing.
pub(super) const CALLS: &[ScopeRule] = &[
    call("GET", &[Literal("user")], &[]),
    call("PATCH", &[Literal("user")], &["user"]),
    call("GET", &[Literal("user"), Literal("emails")], &["user:email"]),
    call("GET", &[Literal("user"), Literal("orgs")], &["read:org", "user", "repo"]),
    call("GET", &[Literal("user"), Literal("issues")], &["repo"]),
    call("GET", &[Literal("user"), Literal("keys")], &["read:public_key"]),
    call("GET", &[Literal("notifications")], &["notifications", "repo"]),
    call("POST", &[Literal("gists")], &["gist"]),
    call("POST", &[Literal("user"), Literal("repos")], &["public_repo", "repo"]),
    call("POST", &[Literal("repos"), Any, Any, Literal("issues")], &["public_repo", "repo"]),
    call("PUT", &[Literal("user"), Literal("starred"), Any, Any], &["public_repo", "repo"]),
    call("GET", &[Literal("rate_limit")], &[]),
];
