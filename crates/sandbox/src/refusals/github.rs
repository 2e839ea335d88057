//! GitHub's refusals (facts 3.3 and 3.4).

use serde_json::json;

use crate::http::Answer;
use crate::text;

use super::trouble::Trouble;

const DOCS: &str = "https://docs.github.com/rest";

/// GitHub's error object.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "message": message, "documentation_url": DOCS, "status": status.to_string() }),
    )
}

/// The primary limit is used up; it is full again in `seconds`.
fn primary_limit(status: u16, seconds: i64) -> Answer {
    let answer = error(status, "API rate limit exceeded for user ID 1.");
    limit_headers(answer, 5000, 0, seconds)
}

/// The secondary limit: `remaining` is not 0, and a hint may be missing.
fn secondary_limit(status: u16, retry_after: Option<u64>) -> Answer {
    let text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let answer = limit_headers(error(status, text), 5000, 4321, 1800);
    match retry_after {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// An organization demands SAML single sign-on for this token.
pub(crate) fn saml() -> Answer {
    let text = "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.";
    error(403, text).header(
        "x-github-sso",
        "required; url=https://github.com/orgs/saml-corp/sso?authorization_request=AZSCKtL4U8yX",
    )
}

pub(crate) fn bad_credentials() -> Answer {
    error(401, "Bad credentials").header("www-authenticate", "Bearer realm=\"GitHub\"")
}

/// `/app` and what else only an app's own JSON web token may call, asked with a user's token.
pub(crate) fn app_token_needed() -> Answer {
    error(401, "A JSON web token could not be decoded")
}

/// GraphQL tells its limit in the body of a 200.
fn graphql_limit() -> Answer {
    let message = "API rate limit exceeded for user ID 1.";
    let body = json!({ "errors": [{ "type": "RATE_LIMITED", "message": message }] });
    limit_headers(Answer::json(200, &body), 5000, 0, 1234).header("x-ratelimit-resource", "graphql")
}

/// The refusals that no request causes by itself.
pub(crate) fn troubles() -> Vec<Trouble> {
    let scopes = error(403, "Must have admin rights to Repository.")
        .header("x-oauth-scopes", "read:user")
        .header("x-accepted-oauth-scopes", "admin:org, repo");
    let hidden = error(404, "Not Found")
        .header("x-oauth-scopes", "read:user")
        .header("x-accepted-oauth-scopes", "repo");
    let integration = error(403, "Resource not accessible by integration")
        .header("x-accepted-github-permissions", "issues=read,contents=read; pull_requests=write");
    vec![
        Trouble::new("token-dead", bad_credentials()),
        Trouble::new("primary-limit", primary_limit(403, 1234)),
        Trouble::new("primary-limit-429", primary_limit(429, 1234)),
        Trouble::new("secondary-limit", secondary_limit(403, None)),
        Trouble::new("secondary-limit-429", secondary_limit(429, None)),
        Trouble::new("secondary-limit-hinted", secondary_limit(403, Some(30))),
        Trouble::new("scope-missing", scopes),
        Trouble::new("scope-missing-hidden", hidden),
        Trouble::new("integration", integration),
        Trouble::new("saml", saml()),
        Trouble::new("app-token-needed", app_token_needed()),
        Trouble::new("graphql-limit", graphql_limit()),
        Trouble::new("server-error", Answer::json(502, &json!({ "message": "Server Error" }))),
        Trouble::new("validation", error(422, "Validation Failed")),
    ]
}

pub(crate) fn limit_headers(answer: Answer, limit: u64, remaining: u64, seconds: i64) -> Answer {
    answer
        .header("x-ratelimit-limit", limit.to_string())
        .header("x-ratelimit-remaining", remaining.to_string())
        .header("x-ratelimit-used", limit.saturating_sub(remaining).to_string())
        .header("x-ratelimit-reset", (text::epoch() + seconds).to_string())
        .header("x-ratelimit-resource", "core")
}
