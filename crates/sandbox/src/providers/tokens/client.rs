//! What the token endpoints have in common: the client, the refresh, the form of the answers.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::quirks::Quirk;
use crate::text;
use crate::world::grants::{Issued, RefreshRefused};

/// Why a client is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadClient {
    Missing,
    Unknown,
    WrongSecret,
}

/// A parameter of the form, the JSON body or the query.
pub(super) fn parameter(entry: &Entry, name: &str) -> Option<String> {
    entry.field(name).or_else(|| entry.param(name)).filter(|value| !value.is_empty())
}

/// Checks the connection's own OAuth client, by basic authentication or by parameters.
pub(super) fn client(inner: &Inner, kind: ProviderKind, entry: &Entry) -> Result<(), BadClient> {
    let (id, secret) = match entry.basic() {
        Some((id, secret)) => (text::decode(&id), text::decode(&secret)),
        None => (
            parameter(entry, "client_id").ok_or(BadClient::Missing)?,
            parameter(entry, "client_secret").ok_or(BadClient::Missing)?,
        ),
    };
    if id != kind.client_id() {
        return Err(BadClient::Unknown);
    }
    match inner.settings.provider_secrets.get(&kind) {
        Some(known) if *known == secret => Ok(()),
        _ => Err(BadClient::WrongSecret),
    }
}

pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    no_store(Answer::json(status, &json!({ "error": error, "error_description": description })))
}

pub(super) fn no_store(answer: Answer) -> Answer {
    answer.header("cache-control", "no-store").header("pragma", "no-cache")
}

/// Redeems a refresh token; what is issued joins the secrets.
pub(super) fn redeem(inner: &Inner, kind: ProviderKind, token: &str) -> Result<Issued, RefreshRefused> {
    let mut state = inner.state();
    let issued = if inner.quirks.is_on(Quirk::RefreshRepeatsToken(kind)) {
        state.grants.repeat(kind, token)?
    } else {
        state.grants.redeem(kind, token)?
    };
    state.keep(&issued);
    Ok(issued)
}

/// The members every provider has in common; those without a value are left out.
pub(super) fn issued(issued: &Issued, token_type: &str, separator: &str) -> Value {
    let mut body = json!({ "access_token": issued.access_token, "token_type": token_type });
    let more = json!({
        "expires_in": issued.expires_in, "refresh_token": issued.refresh_token,
        "scope": issued.scopes.join(separator),
    });
    merge(&mut body, more);
    body
}

/// Ends the grant behind a token; false if there is none.
pub(super) fn end(inner: &Inner, kind: ProviderKind, token: &str) -> bool {
    let mut state = inner.state();
    let known = state.grants.behind(kind, token);
    let live = known.filter(|id| state.grants.get(*id).is_some_and(|grant| !grant.revoked));
    if let Some(id) = live {
        state.grants.revoke(id);
    }
    live.is_some()
}
