//! Google's refusals: two envelopes, often merged (facts 2.2).

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::json::merge;
use crate::text;

use super::trouble::{NoSession, Trouble};

/// The common start of Google's scope names.
pub(crate) const PREFIX: &str = "https://www.googleapis.com/auth/";
const REALM: &str = "Bearer realm=\"https://accounts.google.com/\"";

fn word(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        410 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

fn envelope(status: u16, message: &str, reason: &str, domain: &str) -> Value {
    json!({ "error": {
        "code": status, "message": message, "status": word(status),
        "errors": [{ "message": message, "domain": domain, "reason": reason }],
    } })
}

/// An error in both envelopes at once.
pub(crate) fn error(status: u16, message: &str, reason: &str, domain: &str) -> Answer {
    Answer::json(status, &envelope(status, message, reason, domain))
}

/// The same with `google.rpc.ErrorInfo` under `details`.
fn explained(status: u16, message: &str, reason: &str, domain: &str, info: (&str, Value)) -> Answer {
    let mut body = envelope(status, message, reason, domain);
    let (why, metadata) = info;
    if let Some(members) = body.get_mut("error") {
        let info = json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": why, "domain": "googleapis.com",
            "metadata": metadata,
        });
        merge(members, json!({ "details": [info] }));
    }
    Answer::json(status, &body)
}

pub(crate) fn not_found(what: &str) -> Answer {
    error(404, &format!("Not Found: {what}."), "notFound", "global")
}

pub(crate) fn invalid(message: &str) -> Answer {
    error(400, message, "invalid", "global")
}

/// No, or no good, token: expired and revoked cannot be told apart.
pub(crate) fn credentials(why: NoSession) -> Answer {
    if why == NoSession::Missing {
        let text = "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or \
                    other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
        let info = ("CREDENTIALS_MISSING", json!({ "service": "www.googleapis.com" }));
        return explained(401, text, "required", "global", info).header("www-authenticate", REALM);
    }
    let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
                authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
    let body = json!({ "error": {
        "code": 401, "message": text, "status": "UNAUTHENTICATED",
        "errors": [{
            "message": "Invalid Credentials", "domain": "global", "reason": "authError",
            "location": "Authorization", "locationType": "header",
        }],
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_EXPIRED",
            "domain": "googleapis.com", "metadata": { "service": "www.googleapis.com" },
        }],
    } });
    Answer::json(401, &body).header("www-authenticate", format!("{REALM}, error=\"invalid_token\""))
}

/// The user-info endpoints speak OAuth's envelope instead.
pub(crate) fn oauth_credentials(why: NoSession) -> Answer {
    let description = if why == NoSession::Missing { "Missing credentials." } else { "Invalid Credentials" };
    Answer::json(401, &json!({ "error": "invalid_request", "error_description": description }))
        .header("www-authenticate", format!("{REALM}, error=\"invalid_token\""))
}

/// The user consented to none of `scopes`.
pub(crate) fn scope_missing(scopes: &[String]) -> Answer {
    let info = ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", json!({ "service": "www.googleapis.com" }));
    let text = "Request had insufficient authentication scopes.";
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{}\"", scopes.join(" "));
    explained(403, text, "insufficientPermissions", "global", info).header("www-authenticate", challenge)
}

/// An error of the token endpoint.
fn oauth(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
        .header("cache-control", "no-store")
}

/// A limit whose end is told in `details` (`google.rpc.RetryInfo`), not in a header.
fn retry_info() -> Answer {
    let text = "Resource has been exhausted (e.g. check quota).";
    let mut body = envelope(429, text, "rateLimitExceeded", "global");
    let details = json!([
        { "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{ "subject": "user:1", "description": text }] },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38.5s" },
    ]);
    if let Some(members) = body.get_mut("error") {
        merge(members, json!({ "details": details }));
    }
    Answer::json(429, &body)
}

/// The session control of Google Workspace ended the grant.
fn session_control() -> Answer {
    let body = json!({
        "error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)",
        "error_uri": "https://support.google.com/a/answer/9368756", "error_subtype": "invalid_rapt",
    });
    Answer::json(400, &body).header("cache-control", "no-store")
}

/// What a call without any credentials is told.
const UNREGISTERED: &str = "Daily Limit for Unauthenticated Use Exceeded. Continued use requires signup.";

/// The refusals that no request causes by itself. The last five belong to the token endpoint.
pub(crate) fn troubles() -> Vec<Trouble> {
    let limit = |status, reason: &str| error(status, "User Rate Limit Exceeded", reason, "usageLimits");
    let later = text::rfc3339_in(Duration::from_secs(90));
    let gmail = error(
        429,
        &format!("User-rate limit exceeded.  Retry after {later}"),
        "rateLimitExceeded",
        "usageLimits",
    );
    let off = "Google Drive API has not been used in project 123456789012 before or it is disabled. Enable it by visiting \
               https://console.developers.google.com/apis/api/drive.googleapis.com/overview?project=123456789012 then retry.";
    let off_info = json!({ "service": "drive.googleapis.com", "consumer": "projects/123456789012" });
    let right = "The user does not have sufficient permissions for this file.";
    vec![
        Trouble::new("token-dead", credentials(NoSession::Expired)),
        Trouble::new("token-dead-oauth", oauth_credentials(NoSession::Expired)),
        Trouble::new("scope-missing", scope_missing(&[format!("{}drive.readonly", PREFIX)])),
        Trouble::new("user-limit", limit(403, "userRateLimitExceeded")),
        Trouble::new("rate-limit", limit(429, "rateLimitExceeded")),
        Trouble::new("gmail-limit", gmail),
        Trouble::new("quota", error(403, "Quota exceeded.", "quotaExceeded", "usageLimits")),
        Trouble::new("daily-limit", error(403, "Daily Limit Exceeded", "dailyLimitExceeded", "usageLimits")),
        Trouble::new(
            "daily-limit-unregistered",
            error(403, UNREGISTERED, "dailyLimitExceededUnreg", "usageLimits"),
        ),
        Trouble::new(
            "api-off",
            explained(403, off, "accessNotConfigured", "usageLimits", ("SERVICE_DISABLED", off_info)),
        ),
        Trouble::new("denied", error(403, right, "insufficientFilePermissions", "global")),
        Trouble::new(
            "domain-policy",
            error(403, "The domain administrators have disabled Drive apps.", "domainPolicy", "global"),
        ),
        Trouble::new("not-found", not_found("File not found: 1x")),
        Trouble::new("backend-error", error(503, "Backend Error", "backendError", "global")),
        Trouble::new("internal-error", error(500, "Internal Error", "internalError", "global")),
        Trouble::new("retry-info", retry_info()),
        Trouble::new("grant-dead", oauth(400, "invalid_grant", "Token has been expired or revoked.")),
        Trouble::new("session-control", session_control()),
        Trouble::new("unauthorized-client", oauth(401, "unauthorized_client", "Unauthorized")),
        Trouble::new("client-unknown", oauth(401, "invalid_client", "The OAuth client was not found.")),
        Trouble::new("client-secret", oauth(401, "invalid_client", "Unauthorized")),
    ]
}
