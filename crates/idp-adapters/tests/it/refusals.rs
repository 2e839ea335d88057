//! How each provider refuses a call (facts, table 1.2).

use idp_adapters::Kind;

use crate::{
    TOKEN,
    server::{Reply, reply},
};

/// The token is not accepted. Quotes it, as providers do.
pub(crate) fn dead(kind: Kind) -> Reply {
    match kind {
        Kind::GitHub => reply(401, r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#),
        _ => unreachable!("{kind} has no typed client"),
    }
    .header("x-echo", TOKEN)
}

/// The token lacks `scope`.
pub(crate) fn scope_missing(kind: Kind, scope: &str) -> Reply {
    match kind {
        Kind::GitHub => reply(
            404,
            r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}"#,
        )
        .header("x-oauth-scopes", "gist")
        .header("x-accepted-oauth-scopes", scope),
        _ => unreachable!("{kind} has no typed client"),
    }
}

/// A limit, and how many seconds it lasts at least.
pub(crate) fn limited(kind: Kind) -> (Reply, u64) {
    match kind {
        Kind::GitHub => (
            reply(403, r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#)
                .header("x-ratelimit-remaining", "4321"),
            60,
        ),
        _ => unreachable!("{kind} has no typed client"),
    }
}
