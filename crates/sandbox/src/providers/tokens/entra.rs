//! Entra ID (`login.microsoftonline.com`): a new refresh token each time, the old ones stay good.

use serde_json::json;

use super::client::{BadClient, client, issued, no_store, parameter, redeem};
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::quirks::Quirk;
use crate::refusals::entra::{refused, single_tenant, with_suberror};
use crate::text;
use crate::world::grants::RefreshRefused;

const KIND: ProviderKind = ProviderKind::Microsoft;
const GRAPH: &str = "https://graph.microsoft.com/";

pub(super) fn answer(inner: &Inner, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    match (entry.method().as_str(), segments) {
        ("POST", ["common" | "organizations" | "consumers", "oauth2", ..])
            if inner.quirks.is_on(Quirk::SingleTenant) =>
        {
            Some(single_tenant())
        }
        ("POST", [_, "oauth2", "v2.0", "token"]) => Some(token(inner, entry, false)),
        ("POST", [_, "oauth2", "token"]) => Some(token(inner, entry, true)),
        _ => None,
    }
}

/// The resource a scope belongs to, and its name there.
fn split(scope: &str) -> (&str, &str) {
    match scope.rsplit_once('/') {
        Some((resource, name)) if scope.contains("://") => (resource, name),
        _ => (GRAPH.trim_end_matches('/'), scope),
    }
}

/// Whether the asked scopes are of one resource and were consented to.
fn check(asked: &str, consented: &[String]) -> Result<(), Answer> {
    let plain = ["openid", "profile", "email", "offline_access"];
    let wanted: Vec<(&str, &str)> =
        asked.split_whitespace().filter(|scope| !plain.contains(scope)).map(split).collect();
    let first = wanted.first().map(|(resource, _)| *resource);
    if wanted.iter().any(|(resource, _)| Some(*resource) != first) {
        let text = "Provided value for the input parameter scope is not valid because it contains more than one resource.";
        return Err(refused(400, "invalid_request", 28_000, text));
    }
    let held =
        |name: &str| name == ".default" || consented.iter().any(|scope| scope.eq_ignore_ascii_case(name));
    match wanted.iter().find(|(_, name)| !held(name)) {
        None => Ok(()),
        Some(_) => {
            let text = "The user or administrator has not consented to use the application.";
            Err(with_suberror(400, "invalid_grant", 65_001, text, Some("consent_required")))
        }
    }
}

fn admit(inner: &Inner, entry: &Entry) -> Result<(), Answer> {
    client(inner, KIND, entry).map_err(|bad| match bad {
        BadClient::Missing => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            refused(401, "invalid_client", 7_000_218, text)
        }
        BadClient::Unknown => {
            refused(400, "unauthorized_client", 700_016, "Application was not found in the directory.")
        }
        BadClient::WrongSecret => refused(401, "invalid_client", 7_000_215, "Invalid client secret provided."),
    })
}

fn token(inner: &Inner, entry: &Entry, old: bool) -> Answer {
    if let Err(refusal) = admit(inner, entry) {
        return refusal;
    }
    if parameter(entry, "grant_type").as_deref() != Some("refresh_token") {
        return refused(
            400,
            "unsupported_grant_type",
            70_003,
            "The app requested an unsupported grant type.",
        );
    }
    let refresh = parameter(entry, "refresh_token").unwrap_or_default();
    let asked = parameter(entry, "scope").unwrap_or_default();
    let consented = {
        let state = inner.state();
        let grant = state.grants.behind(KIND, &refresh).and_then(|id| state.grants.get(id));
        grant.map(|grant| grant.scopes.clone())
    };
    if let Err(refusal) = consented.map_or(Ok(()), |scopes| check(&asked, &scopes)) {
        return refusal;
    }
    match redeem(inner, KIND, &refresh) {
        Ok(new) => {
            let mut body = issued(&new, "Bearer", " ");
            if !new.scopes.iter().any(|scope| scope == "offline_access") {
                merge(&mut body, json!({ "refresh_token": null }));
            }
            let seconds = new.expires_in.unwrap_or(3600);
            let more = if old {
                let end = text::epoch() + i64::try_from(seconds).unwrap_or(0);
                json!({ "expires_in": seconds.to_string(), "expires_on": end.to_string(), "resource": GRAPH })
            } else {
                json!({ "ext_expires_in": seconds })
            };
            merge(&mut body, more);
            no_store(Answer::json(200, &body))
        }
        Err(RefreshRefused::Unknown) => {
            refused(400, "invalid_grant", 9_002_313, "Invalid request. Request is malformed or invalid.")
        }
        Err(_) => refused(
            400,
            "invalid_grant",
            50_173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        ),
    }
}
