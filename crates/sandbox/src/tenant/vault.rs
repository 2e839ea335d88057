//! Token Vault's exchange (facts 4.1 and 4.2).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::text::{self, URL64};
use crate::world::client::Client;
use crate::world::state::Held;

use super::answers::{expires_in, oauth_error};
use super::verify::{self, Bad};

pub(super) const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const ISSUED: &str = "http://auth0.com/oauth/token-type/federated-connection-access-token";

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry, client: &Client) -> Answer {
    exchange(inner, entry, client).unwrap_or_else(|refusal| refusal)
}

pub(super) fn required(entry: &Entry, name: &str) -> Result<String, Answer> {
    let missing = || oauth_error(400, "invalid_request", &format!("Missing required parameter: {name}"));
    entry.field(name).filter(|value| !value.is_empty()).ok_or_else(missing)
}

fn exchange(inner: &Arc<Inner>, entry: &Entry, client: &Client) -> Result<Answer, Answer> {
    for name in ["audience", "resource"] {
        if entry.field(name).is_some() {
            let text = format!("Parameter {name} is not supported for this grant");
            return Err(oauth_error(400, "invalid_request", &text));
        }
    }
    if required(entry, "requested_token_type")? != ISSUED {
        return Err(oauth_error(400, "invalid_request", "Unsupported requested_token_type"));
    }
    let connection = required(entry, "connection")?;
    let user_id = subject(inner, entry, client)?;
    if client.vault_connections.as_ref().is_some_and(|names| !names.contains(&connection)) {
        let text = "The connection is not enabled for the client";
        return Err(oauth_error(403, "unauthorized_client", text));
    }
    if inner.state().tenant.mfa_always {
        let token = format!("Fe26.2*{}", text::random(URL64, 40));
        let body = json!({
            "error": "mfa_required", "error_description": "Multifactor authentication required", "mfa_token": token,
        });
        return Err(Answer::json(401, &body));
    }
    let held = find(inner, &user_id, &connection, entry.field("login_hint"))?;
    token(inner, &held)
}

/// The user that the subject token speaks for.
fn subject(inner: &Inner, entry: &Entry, client: &Client) -> Result<String, Answer> {
    let token = required(entry, "subject_token")?;
    let kind = required(entry, "subject_token_type")?;
    let user_id = match kind.as_str() {
        ACCESS => by_access_token(inner, &token, client)?,
        REFRESH => {
            let login = inner.state().tenant.refresh_tokens.get(&token).cloned();
            login
                .ok_or_else(|| oauth_error(403, "invalid_grant", "Unknown or invalid refresh token."))?
                .user_id
        }
        _ => return Err(oauth_error(400, "invalid_request", "Unsupported subject_token_type")),
    };
    match inner.state().users.get(&user_id) {
        Some(record) if record.user.blocked => Err(oauth_error(403, "access_denied", "user is blocked")),
        Some(_) => Ok(user_id),
        None => Err(oauth_error(403, "invalid_grant", "The subject of the token does not exist")),
    }
}

/// The user of an access token for the API that the client is linked to.
pub(super) fn by_access_token(inner: &Inner, token: &str, client: &Client) -> Result<String, Answer> {
    let invalid = |why: &str| oauth_error(403, "invalid_grant", why);
    let claims = verify::signed(inner, token).map_err(|bad| match bad {
        Bad::Malformed => invalid("The subject token is malformed"),
        Bad::Signature => invalid("The subject token's signature is invalid"),
    })?;
    if claims.get("iss").and_then(Value::as_str).is_none_or(|issuer| !inner.is_issuer(issuer)) {
        return Err(invalid("The subject token has another issuer"));
    }
    if verify::is_over(&claims) {
        return Err(oauth_error(401, "expired_token", "The subject token is expired"));
    }
    let linked = client.resource_server.as_deref();
    if !linked.is_some_and(|api| verify::audiences(&claims).contains(&api)) {
        let text = "The client is not linked to the API that the subject token is for";
        return Err(oauth_error(403, "access_denied", text));
    }
    if claims.get("cnf").is_some() {
        return Err(oauth_error(
            400,
            "invalid_request",
            "A sender-constrained token cannot be a subject token",
        ));
    }
    Ok(verify::subject(&claims).to_owned())
}

fn find(inner: &Inner, user_id: &str, connection: &str, hint: Option<String>) -> Result<Held, Answer> {
    let state = inner.state();
    let record = state.users.get(user_id);
    let mut held: Vec<&Held> = record.map_or_else(Vec::new, |record| {
        let all = record.connected.iter().chain(&record.identities);
        all.filter(|held| held.vault.is_some() && held.identity.connection == connection).collect()
    });
    if held.is_empty() {
        let text = "Federated connection Refresh Token not found. Reason: tokenset_not_found";
        return Err(oauth_error(401, "federated_connection_refresh_token_not_found", text));
    }
    if let Some(hint) = hint {
        held.retain(|held| held.identity.user_id == hint);
    }
    let none = || oauth_error(401, "access_denied", "No identity matches the connection and login_hint");
    held.first().copied().cloned().ok_or_else(none)
}

/// The vault's access token; a new one, with the same scopes, when it is over.
fn token(inner: &Inner, held: &Held) -> Result<Answer, Answer> {
    let (token, left, scopes) = {
        let mut state = inner.state();
        let id = held.vault;
        let scopes = id.and_then(|id| state.grants.get(id)).map(|grant| grant.scopes.join(" "));
        match id.and_then(|id| state.grants.newest(id)) {
            Some((token, left)) => (token, left, scopes),
            None => {
                let failed = || {
                    let text = "Refresh Token flow for the Federated Connection failed";
                    oauth_error(401, "federated_connection_refresh_token_flow_failed", text)
                };
                let issued = id.and_then(|id| state.grants.renew(id)).ok_or_else(failed)?;
                state.keep(&issued);
                (issued.access_token, issued.expires_in, scopes)
            }
        }
    };
    let mut body = json!({
        "access_token": token, "scope": scopes, "issued_token_type": ISSUED, "token_type": "Bearer",
    });
    if let Some(left) = left {
        merge(&mut body, json!({ "expires_in": expires_in(inner, left) }));
    }
    Ok(Answer::json(200, &body).header("cache-control", "no-store"))
}
