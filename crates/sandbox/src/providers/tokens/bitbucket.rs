//! `bitbucket.org`: each refresh token works once; one that comes again ends the whole family.

use super::client::{client, issued, no_store, oauth_error, parameter, redeem};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;

pub(super) fn answer(inner: &Inner, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    match (entry.method().as_str(), segments) {
        ("POST", ["site", "oauth2", "access_token"]) => Some(token(inner, entry)),
        _ => None,
    }
}

fn token(inner: &Inner, entry: &Entry) -> Answer {
    if client(inner, ProviderKind::Bitbucket, entry).is_err() {
        return oauth_error(400, "unauthorized_client", "Invalid OAuth client credentials");
    }
    if parameter(entry, "grant_type").as_deref() != Some("refresh_token") {
        return oauth_error(400, "unsupported_grant_type", "Unsupported grant type");
    }
    let token = parameter(entry, "refresh_token").unwrap_or_default();
    match redeem(inner, ProviderKind::Bitbucket, &token) {
        Ok(new) => {
            let mut body = issued(&new, "bearer", " ");
            merge(&mut body, serde_json::json!({ "state": "refresh_token" }));
            no_store(Answer::json(200, &body))
        }
        Err(_) => oauth_error(400, "invalid_grant", "Invalid refresh_token"),
    }
}
