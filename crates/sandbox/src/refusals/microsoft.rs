//! Microsoft Graph's refusals (facts 6.2).

use serde_json::json;

use crate::http::Answer;
use crate::text;

use super::trouble::{NoSession, Trouble};

const CHALLENGE: &str = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                         client_id=\"00000003-0000-0000-c000-000000000000\"";

pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    let inner = json!({
        "date": "2026-01-02T03:04:05", "request-id": "4f9b3e1c-5d1b-4a57-9f3a-6a1e0f5b7c11",
        "client-request-id": "4f9b3e1c-5d1b-4a57-9f3a-6a1e0f5b7c11",
    });
    Answer::json(status, &json!({ "error": { "code": code, "message": message, "innerError": inner } }))
}

pub(crate) fn dead(why: NoSession) -> Answer {
    let text = match why {
        NoSession::Missing => "Access token is empty.",
        NoSession::Expired => "Lifetime validation failed, the token is expired.",
        NoSession::Revoked => "Access token has expired or is not yet valid.",
        NoSession::Unknown => "CompactToken validation failed with reason code: 80049228.",
    };
    error(401, "InvalidAuthenticationToken", text).header("www-authenticate", CHALLENGE)
}

/// The session has to meet a new condition; only an interactive sign-in with these claims helps.
fn claims_challenge() -> Answer {
    let claims = text::base64(r#"{"access_token":{"nbf":{"essential":true,"value":"1767323045"}}}"#);
    let text = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp";
    error(401, "InvalidAuthenticationToken", text).header(
        "www-authenticate",
        format!("{CHALLENGE}, error=\"insufficient_claims\", claims=\"{claims}\""),
    )
}

/// The resource demands an authentication context (`acrs`): other calls of the same token go on.
fn authentication_context() -> Answer {
    let claims = text::base64(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);
    let text = "The presented access token does not satisfy the required authentication context.";
    error(401, "InvalidAuthenticationContext", text).header(
        "www-authenticate",
        format!("{CHALLENGE}, error=\"insufficient_claims\", claims=\"{claims}\""),
    )
}

/// The token is meant for another API.
fn invalid_audience() -> Answer {
    error(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
        .header("www-authenticate", CHALLENGE)
}

/// The user lacks a mailbox or a licence. Some of these are 401, although the token is good.
fn not_provisioned() -> Vec<Trouble> {
    let mailbox = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
    let licence = "Failed to get license information for the user. Ensure user has a valid Office365 license assigned to them.";
    vec![
        Trouble::new("no-mailbox", error(404, "MailboxNotEnabledForRESTAPI", mailbox)),
        Trouble::new(
            "no-mailbox-401",
            error(
                401,
                "OrganizationFromTenantGuidNotFound",
                "The tenant for tenant guid '0000' does not exist.",
            ),
        ),
        Trouble::new("no-mailbox-empty", error(401, "UnknownError", "")),
        Trouble::new("no-licence", error(403, "Forbidden", licence)),
        Trouble::new("no-licence-files", error(400, "BadRequest", "Tenant does not have a SPO license.")),
    ]
}

/// Each part of Graph has its own word for a missing permission.
pub(crate) fn lacks(area: &str) -> Answer {
    match area {
        "messages" | "mailfolders" | "sendmail" | "events" | "calendarview" | "calendar" => {
            error(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        }
        "drive" | "sites" => error(403, "accessDenied", "Access denied"),
        _ => error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    }
}

pub(crate) fn not_found() -> Answer {
    error(404, "ResourceNotFound", "Resource could not be discovered.")
}

/// The refusals that no request causes by itself.
pub(crate) fn troubles() -> Vec<Trouble> {
    let wait = |status, code: &str, text: &str, seconds: &str| {
        error(status, code, text).header("retry-after", seconds)
    };
    let mut all = vec![
        Trouble::new("token-expired", dead(NoSession::Expired)),
        Trouble::new("token-dead", dead(NoSession::Revoked)),
        Trouble::new("token-invalid", dead(NoSession::Unknown)),
        Trouble::new("claims-challenge", claims_challenge()),
        Trouble::new("authentication-context", authentication_context()),
        Trouble::new("invalid-audience", invalid_audience()),
        Trouble::new("scope-missing", lacks("users")),
        Trouble::new("scope-missing-mail", lacks("messages")),
        Trouble::new("scope-missing-files", lacks("drive")),
        Trouble::new("rate-limit", wait(429, "TooManyRequests", "Too many requests", "17")),
        Trouble::new(
            "rate-limit-mail",
            wait(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", "10"),
        ),
        Trouble::new(
            "rate-limit-503",
            wait(503, "serviceNotAvailable", "The service is temporarily unavailable.", "120"),
        ),
        Trouble::new(
            "rate-limit-509",
            wait(509, "bandwidthLimitExceeded", "Bandwidth limit exceeded", "300"),
        ),
        Trouble::new("unavailable", error(503, "UnknownError", "")),
        Trouble::new("gateway-timeout", error(504, "UnknownError", "")),
        Trouble::new(
            "locked",
            error(423, "resourceLocked", "The resource you are attempting to access is locked"),
        ),
        Trouble::new(
            "precondition",
            error(412, "preconditionFailed", "ETag does not match current item's value"),
        ),
        Trouble::new(
            "resync",
            error(
                410,
                "resyncRequired",
                "Resync required. Replace any local items with the server's version.",
            ),
        ),
        Trouble::new("not-found", not_found()),
    ];
    all.extend(not_provisioned());
    all
}
