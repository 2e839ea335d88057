//! Refusals of Entra's token endpoint: `error_codes` says more than `error` (facts 6.3).

use serde_json::json;

use crate::http::Answer;
use crate::json::merge;

use super::trouble::Trouble;

/// An error of the token endpoint. `number` is the AADSTS number.
pub(crate) fn refused(status: u16, error: &str, number: u32, description: &str) -> Answer {
    with_suberror(status, error, number, description, None)
}

/// The same with a `suberror`, which says which interaction would help.
pub(crate) fn with_suberror(
    status: u16,
    error: &str,
    number: u32,
    description: &str,
    suberror: Option<&str>,
) -> Answer {
    let id = "4f9b3e1c-5d1b-4a57-9f3a-6a1e0f5b7c11";
    let stamp = "2026-01-02 03:04:05Z";
    let text =
        format!("AADSTS{number}: {description} Trace ID: {id} Correlation ID: {id} Timestamp: {stamp}");
    let mut body = json!({
        "error": error, "error_description": text, "error_codes": [number], "timestamp": stamp, "trace_id": id,
        "correlation_id": id, "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    merge(&mut body, json!({ "suberror": suberror }));
    Answer::json(status, &body).header("cache-control", "no-store").header("pragma", "no-cache")
}

/// The app has one tenant only, and was asked under `/common`.
pub(crate) fn single_tenant() -> Answer {
    refused(
        400,
        "invalid_request",
        50_194,
        "Application 'sandbox' is not configured as a multi-tenant application. Usage of the /common endpoint is not \
         supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the \
         application to be multi-tenant.",
    )
}

/// One row: name, status, `error`, AADSTS number, `suberror` (or empty), text.
type Row = (&'static str, u16, &'static str, u32, &'static str, &'static str);

const ROWS: [Row; 22] = [
    ("aadsts-50020", 400, "invalid_grant", 50_020, "", "User account does not exist in the tenant."),
    ("aadsts-50034", 400, "invalid_grant", 50_034, "", "The user account does not exist in the directory."),
    ("aadsts-50057", 400, "invalid_grant", 50_057, "", "The user account is disabled."),
    (
        "aadsts-50076",
        400,
        "interaction_required",
        50_076,
        "basic_action",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must \
         use multi-factor authentication.",
    ),
    (
        "aadsts-50079",
        400,
        "interaction_required",
        50_079,
        "basic_action",
        "You must enroll in multi-factor authentication.",
    ),
    (
        "aadsts-50105",
        400,
        "invalid_grant",
        50_105,
        "",
        "The signed in user is not assigned to a role for the application.",
    ),
    (
        "aadsts-50087",
        400,
        "invalid_grant",
        50_087,
        "",
        "A transient error has occurred during strong authentication. Please try again.",
    ),
    (
        "aadsts-50173",
        400,
        "invalid_grant",
        50_173,
        "bad_token",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
    ),
    (
        "aadsts-50196",
        400,
        "invalid_grant",
        50_196,
        "",
        "The server terminated an operation because it encountered a client request loop.",
    ),
    (
        "aadsts-53003",
        400,
        "invalid_grant",
        53_003,
        "message_only",
        "Access has been blocked by Conditional Access policies.",
    ),
    (
        "aadsts-65001",
        400,
        "invalid_grant",
        65_001,
        "consent_required",
        "The user or administrator has not consented to use the application.",
    ),
    ("aadsts-70008", 400, "invalid_grant", 70_008, "token_expired", "The refresh token has expired."),
    (
        "aadsts-70011",
        400,
        "invalid_scope",
        70_011,
        "",
        "The provided value for the input parameter 'scope' is not valid.",
    ),
    (
        "aadsts-90002",
        400,
        "invalid_request",
        90_002,
        "",
        "Tenant 'acme' not found. Check that you have the correct tenant ID.",
    ),
    (
        "aadsts-90033",
        503,
        "temporarily_unavailable",
        90_033,
        "",
        "A transient error has occurred. Please try again.",
    ),
    (
        "aadsts-500011",
        400,
        "invalid_resource",
        500_011,
        "",
        "The resource principal was not found in the tenant.",
    ),
    (
        "aadsts-530003",
        400,
        "invalid_grant",
        530_003,
        "",
        "Your device is required to be managed to access this resource.",
    ),
    ("aadsts-700007", 400, "invalid_grant", 700_007, "", "The grant was issued to another client."),
    (
        "aadsts-700016",
        400,
        "unauthorized_client",
        700_016,
        "",
        "Application with identifier 'sandbox' was not found in the directory.",
    ),
    (
        "aadsts-700082",
        400,
        "invalid_grant",
        700_082,
        "token_expired",
        "The refresh token has expired due to inactivity.",
    ),
    ("aadsts-7000215", 401, "invalid_client", 7_000_215, "", "Invalid client secret provided."),
    ("aadsts-7000222", 401, "invalid_client", 7_000_222, "", "The provided client secret keys are expired."),
];

/// The refusals that no request causes by itself. All of them belong to the token endpoint:
/// `Fault::on(Server::Microsoft).path("/common/oauth2").trouble("aadsts-50196")`.
pub(crate) fn troubles() -> Vec<Trouble> {
    let mut all: Vec<Trouble> = ROWS
        .into_iter()
        .map(|(name, status, error, number, suberror, text)| {
            let suberror = (!suberror.is_empty()).then_some(suberror);
            Trouble::new(name, with_suberror(status, error, number, text, suberror))
        })
        .collect();
    all.push(Trouble::new("aadsts-50194", single_tenant()));
    all
}
