//! The Auth0-compatible tenant.

mod accounts;
mod answers;
mod authenticate;
mod authorize;
mod code;
mod connections;
mod consent;
mod cors;
mod dpop;
mod keys;
mod machine;
mod management;
mod my_account;
mod my_account_requests;
mod on_behalf;
mod pages;
mod profile;
mod register;
mod token;
mod users;
mod vault;
mod verify;

use std::sync::Arc;

use ::http::Response;
use serde_json::json;

use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;

fn not_found() -> Answer {
    Answer::json(404, &json!({ "statusCode": 404, "error": "Not Found", "message": "Not Found" }))
}

pub(crate) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(answer) = cors::preflight(inner, entry, &segments) {
        return answer.into_response();
    }
    let answer = match (entry.method().as_str(), segments.as_slice()) {
        ("GET" | "HEAD", [".well-known", "openid-configuration"]) => keys::discovery(inner, entry),
        ("GET" | "HEAD", [".well-known", "jwks.json"]) => keys::key_set(inner),
        ("POST", ["oauth", "token"]) => token::answer(inner, entry),
        ("POST", ["oauth", "revoke"]) => token::revoke(inner, entry),
        ("POST", ["oidc", "register"]) => register::answer(inner, entry),
        ("GET", ["authorize"]) => authorize::answer(inner, entry),
        ("POST", ["u", "login"]) => authorize::login(inner, entry),
        ("POST", ["u", "consent"]) => authorize::consent(inner, entry),
        ("GET", ["u", "style.css"]) => pages::style(),
        ("GET", ["v2" | "oidc", "logout"]) => authorize::logout(inner, entry),
        ("GET" | "POST", ["userinfo"]) => profile::userinfo(inner, entry),
        ("GET" | "POST", ["connected-accounts", "connect"]) => my_account::browser(inner, entry),
        (_, ["me", "v1", rest @ ..]) => my_account::answer(inner, entry, rest),
        ("GET" | "POST", ["api", "v2", rest @ ..]) => management::answer(inner, entry, rest),
        _ => not_found(),
    };
    cors::mark(inner, entry, &segments, answer).into_response()
}
