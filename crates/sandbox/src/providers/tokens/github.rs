//! GitHub: refresh of GitHub App tokens, whose errors come with status 200 and whose answers are forms
//! unless JSON is asked for; checking and deletion of tokens and grants.

use serde_json::{Value, json};

use super::client::{BadClient, client, end, no_store, parameter, redeem};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::providers::session::session_of;
use crate::refusals::github::error;

const KIND: ProviderKind = ProviderKind::GitHub;

pub(super) fn answer(inner: &Inner, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    match (entry.method().as_str(), segments) {
        ("POST", ["login", "oauth", "access_token"]) => Some(refresh(inner, entry)),
        ("DELETE", ["applications", id, "grant"]) => Some(delete(inner, entry, id, true)),
        ("DELETE", ["applications", id, "token"]) => Some(delete(inner, entry, id, false)),
        ("POST", ["applications", id, "token"]) => Some(check(inner, entry, id)),
        ("POST", ["credentials", "revoke"]) => Some(revoke_all(inner, entry)),
        _ => None,
    }
}

/// As JSON where that was asked for, as a form otherwise; always 200.
fn reply(entry: &Entry, body: &Value) -> Answer {
    if entry.header("accept").is_some_and(|accept| accept.contains("json")) {
        return no_store(Answer::json(200, body));
    }
    let members = body.as_object().into_iter().flatten();
    let pairs: Vec<(String, String)> = members
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let form = serde_urlencoded::to_string(pairs).unwrap_or_default();
    no_store(
        Answer::text(200, form).header("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
    )
}

fn refused(entry: &Entry, error: &str, description: &str) -> Answer {
    let uri = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/";
    reply(entry, &json!({ "error": error, "error_description": description, "error_uri": uri }))
}

fn refresh(inner: &Inner, entry: &Entry) -> Answer {
    match client(inner, KIND, entry) {
        Ok(()) => {}
        Err(BadClient::Unknown | BadClient::Missing) => {
            return Answer::json(404, &json!({ "error": "Not Found" }));
        }
        Err(BadClient::WrongSecret) => {
            let text = "The client_id and/or client_secret passed are incorrect.";
            return refused(entry, "incorrect_client_credentials", text);
        }
    }
    if parameter(entry, "grant_type").as_deref() != Some("refresh_token") {
        return refused(entry, "bad_verification_code", "The code passed is incorrect or expired.");
    }
    let token = parameter(entry, "refresh_token").unwrap_or_default();
    match redeem(inner, KIND, &token) {
        Ok(new) => reply(
            entry,
            &json!({
                "access_token": new.access_token, "expires_in": new.expires_in, "refresh_token": new.refresh_token,
                "refresh_token_expires_in": 15_811_200, "scope": "", "token_type": "bearer",
            }),
        ),
        Err(_) => refused(entry, "bad_refresh_token", "The refresh token passed is incorrect or expired."),
    }
}

/// Basic authentication with the client, which the path names as well.
fn admitted(inner: &Inner, entry: &Entry, id: &str) -> Result<String, Answer> {
    if entry.header("user-agent").is_none_or(str::is_empty) {
        return Err(Answer::text(403, "Request forbidden by administrative rules."));
    }
    let own = entry.basic().is_some_and(|(user, _)| user == id);
    if !own || client(inner, KIND, entry).is_err() {
        return Err(error(404, "Not Found"));
    }
    let body = entry.json().unwrap_or_default();
    let token = body.get("access_token").and_then(Value::as_str).map(str::to_owned);
    token.ok_or_else(|| error(422, "Invalid request.\n\n\"access_token\" wasn't supplied."))
}

fn delete(inner: &Inner, entry: &Entry, id: &str, whole: bool) -> Answer {
    let token = match admitted(inner, entry, id) {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    let known = if whole { end(inner, KIND, &token) } else { inner.state().grants.kill(KIND, &token) };
    if known { Answer::new(204) } else { error(404, "Not Found") }
}

fn check(inner: &Inner, entry: &Entry, id: &str) -> Answer {
    let token = match admitted(inner, entry, id) {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    let Ok(session) = session_of(inner, KIND, &token) else { return error(404, "Not Found") };
    let last = token.get(token.len().saturating_sub(8)..).unwrap_or_default();
    let digest = crate::text::hex(&crate::text::sha256(token.as_bytes()));
    let body = json!({
        "id": 1, "token": token, "token_last_eight": last, "hashed_token": digest, "scopes": session.grant.scopes,
        "app": { "client_id": id, "name": "Demo" }, "user": { "login": session.account.login },
    });
    Answer::json(200, &body)
}

/// The public revocation, which asks for no authentication.
fn revoke_all(inner: &Inner, entry: &Entry) -> Answer {
    let body = entry.json().unwrap_or_default();
    let Some(tokens) = body.get("credentials").and_then(Value::as_array).filter(|list| list.len() <= 1000)
    else {
        return error(422, "Validation Failed");
    };
    for token in tokens.iter().filter_map(Value::as_str) {
        inner.state().grants.kill(KIND, token);
    }
    Answer::json(202, &json!({}))
}
