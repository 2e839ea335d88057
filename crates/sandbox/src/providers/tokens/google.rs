//! `oauth2.googleapis.com`: refresh tokens stay, and revoking either token ends the grant.

use super::client::{BadClient, client, end, issued, no_store, oauth_error, parameter, redeem};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::world::grants::RefreshRefused;

const KIND: ProviderKind = ProviderKind::Google;

pub(super) fn answer(inner: &Inner, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    match (entry.method().as_str(), segments) {
        ("POST", ["token"] | ["oauth2", "v4", "token"]) => Some(token(inner, entry)),
        ("POST", ["revoke"] | ["o", "oauth2", "revoke"]) => Some(revoke(inner, entry)),
        _ => None,
    }
}

fn token(inner: &Inner, entry: &Entry) -> Answer {
    match client(inner, KIND, entry) {
        Ok(()) => {}
        Err(BadClient::Missing) => {
            return oauth_error(400, "invalid_request", "Could not determine client ID from request.");
        }
        Err(BadClient::Unknown) => {
            return oauth_error(401, "invalid_client", "The OAuth client was not found.");
        }
        Err(BadClient::WrongSecret) => return oauth_error(401, "invalid_client", "Unauthorized"),
    }
    let grant = parameter(entry, "grant_type").unwrap_or_default();
    if grant != "refresh_token" {
        return oauth_error(400, "unsupported_grant_type", &format!("Invalid grant_type: {grant}"));
    }
    let Some(refresh) = parameter(entry, "refresh_token") else {
        return oauth_error(400, "invalid_request", "Missing required parameter: refresh_token");
    };
    match redeem(inner, KIND, &refresh) {
        Ok(new) => no_store(Answer::json(200, &issued(&new, "Bearer", " "))),
        Err(RefreshRefused::Unknown) => oauth_error(400, "invalid_grant", "Bad Request"),
        Err(_) => oauth_error(400, "invalid_grant", "Token has been expired or revoked."),
    }
}

fn revoke(inner: &Inner, entry: &Entry) -> Answer {
    match parameter(entry, "token") {
        Some(token) if end(inner, KIND, &token) => Answer::json(200, &serde_json::json!({})),
        Some(_) => oauth_error(400, "invalid_token", "Token expired or revoked"),
        None => oauth_error(400, "invalid_request", "Missing required parameter: token"),
    }
}
