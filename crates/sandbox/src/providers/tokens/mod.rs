//! Where the providers refresh and revoke grants: each with its own parameters, errors and rotation (facts
//! 1.3 and the "refresh" sections).

mod bitbucket;
mod entra;
mod facebook;
mod github;
mod google;
mod plain;

use serde_json::{Value, json};

use crate::ProviderKind;
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::Entry;
use crate::text;
use crate::world::grants::{Issued, RefreshRefused};

/// Answers when the path is a token or revocation endpoint of this provider.
pub(super) fn answer(inner: &Inner, kind: ProviderKind, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    match kind {
        ProviderKind::Google => google::answer(inner, entry, segments),
        ProviderKind::GitHub => github::answer(inner, entry, segments),
        ProviderKind::Facebook => facebook::answer(inner, entry, segments),
        ProviderKind::Bitbucket => bitbucket::answer(inner, entry, segments),
        ProviderKind::Microsoft => entra::answer(inner, entry, segments),
        ProviderKind::OAuth2 => plain::answer(inner, entry, segments),
    }
}

/// Why a client is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BadClient {
    Missing,
    Unknown,
    WrongSecret,
}

/// A parameter of the form, the JSON body or the query.
fn parameter(entry: &Entry, name: &str) -> Option<String> {
    entry.field(name).or_else(|| entry.param(name)).filter(|value| !value.is_empty())
}

/// Checks the connection's own OAuth client, by basic authentication or by parameters.
fn client(inner: &Inner, kind: ProviderKind, entry: &Entry) -> Result<(), BadClient> {
    let (id, secret) = match entry.basic() {
        Some((id, secret)) => (text::decode(&id), text::decode(&secret)),
        None => (
            parameter(entry, "client_id").ok_or(BadClient::Missing)?,
            parameter(entry, "client_secret").ok_or(BadClient::Missing)?,
        ),
    };
    if id != crate::sandbox::provider_client_id(kind) {
        return Err(BadClient::Unknown);
    }
    match inner.settings.provider_secrets.get(&kind) {
        Some(known) if *known == secret => Ok(()),
        _ => Err(BadClient::WrongSecret),
    }
}

fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    no_store(Answer::json(status, &json!({ "error": error, "error_description": description })))
}

fn no_store(answer: Answer) -> Answer {
    answer.header("cache-control", "no-store").header("pragma", "no-cache")
}

/// Redeems a refresh token; what is issued joins the secrets.
fn redeem(inner: &Inner, kind: ProviderKind, token: &str) -> Result<Issued, RefreshRefused> {
    let mut state = inner.state();
    let issued = state.grants.redeem(kind, token)?;
    state.keep(&issued);
    Ok(issued)
}

/// The members every provider has in common; those without a value are left out.
fn issued(issued: &Issued, token_type: &str, separator: &str) -> Value {
    let mut body = json!({ "access_token": issued.access_token, "token_type": token_type });
    let more = json!({
        "expires_in": issued.expires_in, "refresh_token": issued.refresh_token,
        "scope": issued.scopes.join(separator),
    });
    crate::mint::merge(&mut body, more);
    body
}

/// Ends the grant behind a token; false if there is none.
fn end(inner: &Inner, kind: ProviderKind, token: &str) -> bool {
    let mut state = inner.state();
    let known = state.grants.behind(kind, token);
    let live = known.filter(|id| state.grants.get(*id).is_some_and(|grant| !grant.revoked));
    if let Some(id) = live {
        state.grants.revoke(id);
    }
    live.is_some()
}
