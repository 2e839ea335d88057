//! How each provider refuses a call.

use idp_adapters::Kind;

use crate::{
    TOKEN,
    server::{Reply, reply},
};

/// The token is not accepted. Quotes it, as providers do.
pub(crate) fn dead(kind: Kind) -> Reply {
    match kind {
        Kind::GitHub => reply(401, r#"{"message":"Bad credentials","status":"401"}"#),
        Kind::Google => reply(
            401,
            r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED","errors":[{"message":"Invalid Credentials","domain":"global","reason":"authError"}]}}"#,
        )
        .header("www-authenticate", r#"Bearer realm="https://accounts.google.com/", error="invalid_token""#),
        Kind::Facebook => reply(
            400,
            format!(
                r#"{{"error":{{"message":"Malformed access token {TOKEN}","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"A1b2"}}}}"#
            ),
        ),
        Kind::Bitbucket => reply(
            401,
            r#"{"type":"error","error":{"message":"Access token expired. Use your refresh token to obtain a new access token."}}"#,
        ),
        Kind::Microsoft => reply(
            401,
            r#"{"error":{"code":"InvalidAuthenticationToken","message":"Lifetime validation failed, the token is expired.","innerError":{"date":"2026-01-02T03:04:05","request-id":"1"}}}"#,
        ),
        _ => unreachable!("{kind} has no typed client"),
    }
    .header("x-echo", TOKEN)
}

/// The token lacks `scope`.
pub(crate) fn scope_missing(kind: Kind, scope: &str) -> Reply {
    match kind {
        Kind::GitHub => reply(404, r#"{"message":"Not Found","status":"404"}"#)
            .header("x-oauth-scopes", "gist")
            .header("x-accepted-oauth-scopes", scope),
        Kind::Google => reply(
            403,
            r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.","status":"PERMISSION_DENIED","errors":[{"reason":"insufficientPermissions"}],"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#,
        )
        .header("www-authenticate", format!(r#"Bearer realm="x", error="insufficient_scope", scope="{scope}""#)),
        Kind::Facebook => reply(
            403,
            format!(
                r#"{{"error":{{"message":"(#200) Requires {scope} permission","type":"OAuthException","code":200}}}}"#
            ),
        ),
        Kind::Bitbucket => reply(
            403,
            format!(
                r#"{{"type":"error","error":{{"message":"Your credentials lack one or more required privilege scopes.","detail":{{"required":["{scope}"],"granted":["webhook"]}}}}}}"#
            ),
        ),
        // Graph names no scope: the table of known calls has it.
        Kind::Microsoft => {
            reply(403, r#"{"error":{"code":"ErrorAccessDenied","message":"Access is denied. Check credentials."}}"#)
        }
        _ => unreachable!("{kind} has no typed client"),
    }
}

/// A limit, and how many seconds it lasts.
pub(crate) fn limited(kind: Kind) -> (Reply, u64) {
    match kind {
        Kind::GitHub => (
            reply(403, r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#)
                .header("x-ratelimit-remaining", "4321"),
            60,
        ),
        Kind::Google => (
            reply(
                403,
                r#"{"error":{"code":403,"message":"User Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}]}}"#,
            ),
            60,
        ),
        Kind::Facebook => (
            reply(400, r#"{"error":{"message":"(#17) User request limit reached","type":"OAuthException","code":17}}"#)
                .header(
                    "x-business-use-case-usage",
                    r#"{"9":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":19}]}"#,
                ),
            19 * 60,
        ),
        Kind::Bitbucket => (
            reply(429, "Rate limit for this resource has been exceeded").header("x-ratelimit-reset", "745"),
            745,
        ),
        Kind::Microsoft => (
            reply(429, r#"{"error":{"code":"TooManyRequests","message":"Please retry after"}}"#)
                .header("retry-after", "11"),
            11,
        ),
        _ => unreachable!("{kind} has no typed client"),
    }
}
