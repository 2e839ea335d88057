//! Facebook: no refresh tokens; a living token is exchanged for one of about sixty days.

use serde_json::json;

use super::client::{BadClient, client, no_store, parameter};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::providers::facebook::call::versioned;
use crate::providers::session::session_of;
use crate::refusals::facebook::{dead, error};

const KIND: ProviderKind = ProviderKind::Facebook;
/// What a long-lived token lives, in seconds.
const LONG: u64 = 5_183_944;

pub(super) fn answer(inner: &Inner, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    let (_, rest) = versioned(segments);
    match (entry.method().as_str(), rest) {
        ("GET" | "POST", ["oauth", "access_token"]) => Some(exchange(inner, entry)),
        _ => None,
    }
}

fn exchange(inner: &Inner, entry: &Entry) -> Answer {
    match client(inner, KIND, entry) {
        Ok(()) => {}
        Err(BadClient::Missing) => return error(400, 101, "Missing client_id parameter."),
        Err(BadClient::Unknown) => {
            return error(
                400,
                101,
                "Error validating application. Cannot get application info due to a system error.",
            );
        }
        Err(BadClient::WrongSecret) => return error(400, 1, "Error validating client secret."),
    }
    if parameter(entry, "grant_type").as_deref() != Some("fb_exchange_token") {
        return error(400, 100, "Missing redirect_uri parameter.");
    }
    let token = parameter(entry, "fb_exchange_token").unwrap_or_default();
    if let Err(why) = session_of(inner, KIND, &token) {
        return dead(why, &token);
    }
    let mut state = inner.state();
    let Some(id) = state.grants.behind(KIND, &token) else {
        return error(400, 190, "Invalid OAuth access token.");
    };
    if let Some(grant) = state.grants.get_mut(id) {
        grant.refreshes += 1;
    }
    let issued = state.grants.issue(id, Some(LONG));
    state.keep(&issued);
    let body = json!({ "access_token": issued.access_token, "token_type": "bearer", "expires_in": issued.expires_in });
    no_store(Answer::json(200, &body))
}
