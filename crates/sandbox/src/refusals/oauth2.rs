//! The refusals of the provider that follows RFC 6750 section 3.1.

use serde_json::json;

use crate::http::Answer;
use crate::text;

use super::trouble::{NoSession, Trouble};

pub(crate) fn refusal(status: u16, error: &str, description: &str, scope: Option<&str>) -> Answer {
    let scope = scope.map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
    let challenge =
        format!("Bearer realm=\"acme\", error=\"{error}\", error_description=\"{description}\"{scope}");
    Answer::json(status, &json!({ "error": error, "error_description": description }))
        .header("www-authenticate", challenge)
}

pub(crate) fn dead(why: NoSession) -> Answer {
    match why {
        // RFC 6750 3.1: no error code where no credential was given.
        NoSession::Missing => Answer::json(401, &json!({ "error": "unauthorized" }))
            .header("www-authenticate", "Bearer realm=\"acme\""),
        NoSession::Expired => refusal(401, "invalid_token", "The access token expired", None),
        NoSession::Revoked => refusal(401, "invalid_token", "The access token was revoked", None),
        NoSession::Unknown => refusal(401, "invalid_token", "The access token is unknown", None),
    }
}

pub(crate) fn lacks(scope: &str) -> Answer {
    refusal(403, "insufficient_scope", "The request requires higher privileges than provided", Some(scope))
}

/// The refusals that no request causes by itself.
pub(crate) fn troubles() -> Vec<Trouble> {
    let limit = || Answer::json(429, &json!({ "error": "rate_limited", "error_description": "Slow down" }));
    let object = json!({ "error": { "code": "quota", "message": "Slow down" } });
    vec![
        Trouble::new("token-dead", dead(NoSession::Revoked)),
        Trouble::new("token-expired", dead(NoSession::Expired)),
        Trouble::new("scope-missing", lacks("things:write")),
        Trouble::new("request", refusal(400, "invalid_request", "Duplicate parameter", None)),
        Trouble::new("rate-limit", limit().header("retry-after", "33")),
        Trouble::new("rate-limit-epoch", limit().header("x-rate-reset", (text::epoch() + 60).to_string())),
        Trouble::new("rate-limit-object", Answer::json(429, &object)),
        Trouble::new(
            "denied",
            Answer::json(403, &json!({ "error": "forbidden", "error_description": "Not yours" })),
        ),
        Trouble::new("error-200", Answer::json(200, &json!({ "ok": false, "error": "token_revoked" }))),
        Trouble::new("server-error", Answer::json(500, &json!({ "error": "server_error" }))),
    ]
}
