//! Plain RFC 6749 section 6, with refresh tokens that rotate, and RFC 7009.

use super::client::{BadClient, client, end, issued, no_store, oauth_error, parameter, redeem};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;

const KIND: ProviderKind = ProviderKind::OAuth2;

pub(super) fn answer(inner: &Inner, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    match (entry.method().as_str(), segments) {
        ("POST", ["oauth", "token"]) => Some(admit(inner, entry).unwrap_or_else(|| token(inner, entry))),
        ("POST", ["oauth", "revoke"]) => Some(admit(inner, entry).unwrap_or_else(|| revoke(inner, entry))),
        _ => None,
    }
}

fn admit(inner: &Inner, entry: &Entry) -> Option<Answer> {
    let description = match client(inner, KIND, entry).err()? {
        BadClient::Missing => "No client authentication",
        BadClient::Unknown | BadClient::WrongSecret => "Client authentication failed",
    };
    let refusal = oauth_error(401, "invalid_client", description);
    Some(refusal.header("www-authenticate", "Basic realm=\"acme\""))
}

fn token(inner: &Inner, entry: &Entry) -> Answer {
    match parameter(entry, "grant_type").as_deref() {
        Some("refresh_token") => {}
        Some(_) => return oauth_error(400, "unsupported_grant_type", "Only refresh_token"),
        None => return oauth_error(400, "invalid_request", "grant_type is missing"),
    }
    let Some(refresh) = parameter(entry, "refresh_token") else {
        return oauth_error(400, "invalid_request", "refresh_token is missing");
    };
    match redeem(inner, KIND, &refresh) {
        Ok(new) => no_store(Answer::json(200, &issued(&new, "Bearer", " "))),
        Err(_) => {
            oauth_error(400, "invalid_grant", "The refresh token is expired, revoked or was used before")
        }
    }
}

/// 200 for unknown tokens as well (RFC 7009 2.2).
fn revoke(inner: &Inner, entry: &Entry) -> Answer {
    let Some(token) = parameter(entry, "token") else {
        return oauth_error(400, "invalid_request", "token is missing");
    };
    end(inner, KIND, &token);
    Answer::new(200)
}
