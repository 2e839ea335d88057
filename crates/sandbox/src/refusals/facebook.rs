//! Facebook's refusals: the code says what is wrong, the status is nearly always 400 (facts 4.3).

use serde_json::json;

use crate::http::Answer;
use crate::json::merge;

use super::trouble::{NoSession, Trouble};

pub(crate) fn error(status: u16, code: u64, message: &str) -> Answer {
    full(status, "OAuthException", code, None, message, false)
}

fn full(status: u16, kind: &str, code: u64, subcode: Option<u64>, message: &str, transient: bool) -> Answer {
    let mut error = json!({ "message": message, "type": kind, "code": code, "fbtrace_id": "AbCdEf1234" });
    if let Some(subcode) = subcode {
        merge(&mut error, json!({ "error_subcode": subcode }));
    }
    if transient {
        merge(&mut error, json!({ "is_transient": true }));
    }
    Answer::json(status, &json!({ "error": error })).header("cache-control", "no-store")
}

/// Code 190, with the three quoted strings that are no RFC 7235 challenge.
fn session_over(subcode: Option<u64>, message: &str) -> Answer {
    let challenge = format!("OAuth \"Facebook Platform\" \"invalid_token\" \"{message}\"");
    full(400, "OAuthException", 190, subcode, message, false).header("www-authenticate", challenge)
}

const EXPIRED: &str = "Error validating access token: Session has expired on Tuesday, 03-Feb-26 04:00:00 PST. \
                       The current time is Tuesday, 03-Feb-26 05:06:07 PST.";

/// No, or no good, token. A token that Facebook cannot make sense of comes back in the message.
pub(crate) fn dead(why: NoSession, token: &str) -> Answer {
    match why {
        NoSession::Missing => error(
            400,
            2500,
            "An active access token must be used to query information about the current user.",
        ),
        NoSession::Expired => session_over(Some(463), EXPIRED),
        NoSession::Revoked => {
            let text = "Error validating access token: The user has not authorized application 1234567890.";
            session_over(Some(458), text)
        }
        NoSession::Unknown => session_over(None, &format!("Malformed access token {token}")),
    }
}

pub(crate) fn permission(name: &str) -> Answer {
    error(400, 200, &format!("(#200) Requires {name} permission to manage the object"))
}

pub(crate) fn unknown_path(path: &str) -> Answer {
    full(
        400,
        "GraphMethodException",
        100,
        Some(33),
        &format!(
            "Unsupported get request. Object with ID '{path}' does not exist, cannot be loaded due to missing permissions, or does not support this operation."
        ),
        false,
    )
}

/// Sessions that are over: name, sub-code, message.
const OVER: [(&str, u64, &str); 5] = [
    ("token-expired", 463, "Session has expired on Tuesday, 03-Feb-26 04:00:00 PST."),
    ("checkpoint", 459, "You cannot access the app till you log in to www.facebook.com."),
    ("password-changed", 460, "The session is invalid because the user changed the password."),
    ("unconfirmed", 464, "The user is not a confirmed user."),
    ("logged-out", 467, "The session is invalid because the user logged out."),
];

/// All others: name, status, code, message.
const ERRORS: [(&str, u16, u64, &str); 13] = [
    ("login-expired", 400, 102, "Session key invalid or no longer valid"),
    ("permission", 403, 10, "(#10) This endpoint requires the 'pages_read_engagement' permission."),
    ("capability", 400, 3, "(#3) Application does not have the capability to make this API call."),
    ("app-limit", 400, 4, "(#4) Application request limit reached"),
    ("app-limit-403", 403, 4, "(#4) Application request limit reached"),
    ("user-limit", 400, 17, "(#17) User request limit reached"),
    ("page-limit", 400, 32, "(#32) Page request limit reached"),
    ("application-limit", 400, 341, "(#341) Application limit reached"),
    ("custom-limit", 400, 613, "(#613) Calls to this api have exceeded the rate limit."),
    ("business-limit", 400, 80_001, "(#80001) There have been too many calls to this Page account."),
    ("blocked", 403, 368, "The action attempted has been deemed abusive or is otherwise disallowed"),
    ("parameter", 400, 100, "(#100) Invalid parameter"),
    ("proof", 400, 100, "Invalid appsecret_proof provided in the API argument"),
];

/// The call wants a page's own token: code 190 although the user's token works elsewhere.
pub(crate) fn page_token_needed() -> Answer {
    session_over(None, "This method must be called with a Page Access Token")
}

/// Code 2500 is about the request: the token is good.
pub(crate) fn bad_fields(fields: &str) -> Answer {
    let position = fields.len();
    let text = format!(
        "Syntax error \"Expected end of string instead of \"{{\".\" at character {position}: {fields}"
    );
    error(400, 2500, &text)
}

/// The refusals that no request causes by itself.
pub(crate) fn troubles() -> Vec<Trouble> {
    let usage = r#"{"call_count":100,"total_time":25,"total_cputime":25}"#;
    let business = r#"{"1789":[{"type":"pages","call_count":100,"total_cputime":20,"total_time":20,"estimated_time_to_regain_access":19}]}"#;
    let mut all: Vec<Trouble> = OVER
        .into_iter()
        .map(|(name, subcode, text)| {
            Trouble::new(name, session_over(Some(subcode), &format!("Error validating access token: {text}")))
        })
        .collect();
    all.extend(ERRORS.into_iter().map(|(name, status, code, message)| {
        let answer = error(status, code, message);
        let answer = match name {
            "app-limit" | "app-limit-403" => answer.header("x-app-usage", usage),
            "business-limit" => answer.header("x-business-use-case-usage", business),
            _ => answer,
        };
        Trouble::new(name, answer)
    }));
    let transient = "An unexpected error has occurred. Please retry your request later.";
    all.extend([
        Trouble::new("token-dead", dead(NoSession::Revoked, "")),
        Trouble::new("token-invalid", session_over(None, "Invalid OAuth access token.")),
        Trouble::new("scope-missing", permission("user_photos")),
        Trouble::new("transient", full(500, "OAuthException", 2, None, transient, true)),
        Trouble::new("not-found", unknown_path("1")),
        Trouble::new("fields-syntax", bad_fields("id,name,photos{")),
        Trouble::new("path-components", error(400, 2500, "Unknown path components: /photos")),
        Trouble::new("page-token-needed", page_token_needed()),
    ]);
    all
}
