//! The Auth0-compatible tenant.

mod authenticate;
mod keys;
mod machine;
pub(crate) mod state;
mod token;
mod users;

use std::sync::Arc;

use ::http::Response;
use serde_json::{Value, json};

use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::Entry;

/// An OAuth error answer.
pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}

/// A hapi/boom error answer, as the Management API gives it.
pub(crate) fn boom(status: u16, reason: &str, message: &str, code: Option<&str>) -> Answer {
    let mut body = json!({ "statusCode": status, "error": reason, "message": message });
    if let Some(code) = code {
        crate::mint::merge(&mut body, json!({ "errorCode": code }));
    }
    if status == 401 {
        crate::mint::merge(&mut body, json!({ "attributes": { "error": message } }));
    }
    Answer::json(status, &body)
}

/// `expires_in` as this tenant writes it.
pub(crate) fn expires_in(inner: &Inner, seconds: u64) -> Value {
    if inner.state().tenant.expires_in_text { seconds.to_string().into() } else { seconds.into() }
}

pub(crate) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let answer = match (entry.method().as_str(), segments.as_slice()) {
        ("GET" | "HEAD", [".well-known", "openid-configuration"]) => keys::discovery(inner),
        ("GET" | "HEAD", [".well-known", "jwks.json"]) => keys::key_set(inner),
        ("POST", ["oauth", "token"]) => token::answer(inner, entry),
        ("POST", ["oauth", "revoke"]) => token::revoke(inner, entry),
        ("GET", ["api", "v2", rest @ ..]) => users::answer(inner, entry, rest),
        _ => Answer::json(404, &json!({ "statusCode": 404, "error": "Not Found", "message": "Not Found" })),
    };
    answer.into_response()
}
