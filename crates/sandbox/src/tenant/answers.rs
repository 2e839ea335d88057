//! The tenant's forms of answers.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::json::merge;

/// An OAuth error answer.
pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}

/// A hapi/boom error answer, as the Management API gives it.
pub(super) fn boom(status: u16, reason: &str, message: &str, code: Option<&str>) -> Answer {
    let mut body = json!({ "statusCode": status, "error": reason, "message": message });
    if let Some(code) = code {
        merge(&mut body, json!({ "errorCode": code }));
    }
    if status == 401 {
        merge(&mut body, json!({ "attributes": { "error": message } }));
    }
    Answer::json(status, &body)
}

/// `expires_in` as this tenant writes it.
pub(super) fn expires_in(inner: &Inner, seconds: u64) -> Value {
    if inner.state().tenant.expires_in_text { seconds.to_string().into() } else { seconds.into() }
}
