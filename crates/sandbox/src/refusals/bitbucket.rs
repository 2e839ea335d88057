//! Bitbucket's refusals (facts 5.3 and 5.4).

use serde_json::json;

use crate::http::Answer;

use super::trouble::{NoSession, Trouble};

pub(crate) fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "type": "error", "error": { "message": message } }))
}

pub(crate) fn not_found(what: &str) -> Answer {
    error(404, &format!("{what} not found"))
}

pub(crate) fn dead(why: NoSession) -> Answer {
    let text = match why {
        NoSession::Expired => "Access token expired. Use your refresh token to obtain a new access token.",
        _ => "Token is invalid, expired, or not supported for this endpoint.",
    };
    error(401, text).header("www-authenticate", "Bearer realm=\"Bitbucket.org HTTP\"")
}

pub(crate) fn lacks(required: &[&str], granted: &[String]) -> Answer {
    let message = "Your credentials lack one or more required privilege scopes.";
    let detail = json!({ "required": required, "granted": granted });
    let body = json!({ "type": "error", "error": { "message": message, "detail": detail } });
    Answer::json(403, &body)
        .header("x-oauth-scopes", granted.join(", "))
        .header("x-accepted-oauth-scopes", required.join(", "))
}

fn grant_as_request() -> Answer {
    let body = json!({ "error": "invalid_request", "error_description": "Invalid refresh_token" });
    Answer::json(400, &body)
}

const LIMIT: &str = "Rate limit for this resource has been exceeded";

/// The refusals that no request causes by itself.
pub(crate) fn troubles() -> Vec<Trouble> {
    let sampled = error(429, LIMIT)
        .header("x-ratelimit-limit", "60, 60;w=3600")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "745");
    let scaled = error(429, LIMIT)
        .header("x-ratelimit-limit", "1000")
        .header("x-ratelimit-resource", "api")
        .header("x-ratelimit-nearlimit", "true");
    vec![
        Trouble::new("token-expired", dead(NoSession::Expired)),
        Trouble::new("token-dead", dead(NoSession::Revoked)),
        // The same words as for a dead token, although the token works elsewhere.
        Trouble::new("not-supported", dead(NoSession::Unknown)),
        Trouble::new("scope-missing", lacks(&["pullrequest:write"], &["account".to_owned()])),
        Trouble::new("rate-limit", error(429, LIMIT)),
        Trouble::new("rate-limit-text", Answer::text(429, LIMIT)),
        Trouble::new("rate-limit-seconds", sampled),
        Trouble::new("rate-limit-scaled", scaled),
        Trouble::new("denied", error(403, "You do not have access to this workspace.")),
        Trouble::new("not-found", not_found("Repository ben/none")),
        // Of the token endpoint. RFC 6749 has another word for it.
        Trouble::new("grant-as-request", grant_as_request()),
        Trouble::new("server-error", Answer::html(503, "<html><body>Service unavailable</body></html>")),
    ]
}
