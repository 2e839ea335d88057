//! Connected Accounts by the My Account API (facts 4.4).

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::text::{self, URL64};
use crate::world::people::{Condition, Identity};
use crate::world::state::{Held, Record};

use super::users::connected_account;
use super::{pages, verify};
use crate::world::tenant::Connect;

fn problem(status: u16, title: &str, detail: &str) -> Answer {
    let kind = format!("https://auth0.com/api-errors/A0E-{status}-0001");
    Answer::json(status, &json!({ "type": kind, "status": status, "title": title, "detail": detail }))
        .header("content-type", "application/problem+json")
}

fn invalid(field: &str, detail: &str) -> Answer {
    let error = json!({ "detail": detail, "field": field, "pointer": format!("/{field}"), "source": "body" });
    let body = json!({
        "type": "https://auth0.com/api-errors/A0E-400-0003", "status": 400, "title": "Validation Error",
        "detail": detail, "validation_errors": [error],
    });
    Answer::json(400, &body).header("content-type", "application/problem+json")
}

pub(super) fn answer(inner: &Inner, entry: &Entry, rest: &[&str]) -> Answer {
    route(inner, entry, rest).unwrap_or_else(|refusal| refusal)
}

/// The user of a token for this API with the scope `{action}:me:connected_accounts`.
fn user(inner: &Inner, entry: &Entry, action: &str) -> Result<String, Answer> {
    let token = entry.credential(&["bearer", "dpop"]).unwrap_or_default();
    let claims = verify::token_for(inner, token, &inner.settings.my_account_audience());
    let claims = claims.ok_or_else(|| problem(401, "Unauthorized", "Invalid or missing access token"))?;
    if !verify::has_scope(&claims, &format!("{action}:me:connected_accounts")) {
        return Err(problem(403, "Forbidden", "Insufficient scope"));
    }
    Ok(verify::subject(&claims).to_owned())
}

fn route(inner: &Inner, entry: &Entry, rest: &[&str]) -> Result<Answer, Answer> {
    match (entry.method().as_str(), rest) {
        ("POST", ["connected-accounts", "connect"]) => connect(inner, entry, user(inner, entry, "create")?),
        ("POST", ["connected-accounts", "complete"]) => {
            complete(inner, entry, &user(inner, entry, "create")?)
        }
        ("GET", ["connected-accounts", "accounts"]) => accounts(inner, entry, &user(inner, entry, "read")?),
        ("GET", ["connected-accounts", "connections"]) => {
            user(inner, entry, "read")?;
            let all: Vec<Value> = ProviderKind::ALL
                .into_iter()
                .map(|kind| json!({ "name": kind.strategy(), "strategy": kind.strategy(), "scopes": [] }))
                .collect();
            Ok(Answer::json(200, &json!({ "connections": all })))
        }
        ("DELETE", ["connected-accounts", "accounts", id]) => {
            let user = user(inner, entry, "delete")?;
            let gone = inner.state().users.get_mut(&user).is_some_and(|record| take_out(record, id));
            if gone { Ok(Answer::new(204)) } else { Err(problem(404, "Not Found", "No such account")) }
        }
        _ => Err(problem(404, "Not Found", "No such endpoint")),
    }
}

/// Takes an account out of the vault; the provider is not told.
fn take_out(record: &mut Record, id: &str) -> bool {
    let before = record.connected.len();
    record.connected.retain(|held| held.connected_id != id);
    let mut identities = record.identities.iter_mut().filter(|held| held.connected_id == id);
    record.connected.len() < before || identities.any(|held| held.vault.take().is_some())
}

fn vaulted(record: &Record) -> impl Iterator<Item = &Held> {
    record.connected.iter().chain(&record.identities).filter(|held| held.vault.is_some())
}

fn accounts(inner: &Inner, entry: &Entry, user: &str) -> Result<Answer, Answer> {
    let state = inner.state();
    let record = state.users.get(user).ok_or_else(|| problem(404, "Not Found", "No such user"))?;
    let wanted = entry.param("connection");
    let all: Vec<Value> = vaulted(record)
        .filter(|held| wanted.as_ref().is_none_or(|name| *name == held.identity.connection))
        .map(connected_account)
        .collect();
    let take = entry.param("take").and_then(|take| take.parse().ok()).unwrap_or(10_usize).clamp(1, 50);
    let start = entry.param("from").and_then(|from| from.parse().ok()).unwrap_or(0_usize);
    let shown: Vec<Value> = all.iter().skip(start).take(take).cloned().collect();
    let mut body = json!({ "accounts": shown });
    if start + take < all.len() {
        merge(&mut body, json!({ "next": (start + take).to_string() }));
    }
    Ok(Answer::json(200, &body))
}

fn member(body: &Value, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn connect(inner: &Inner, entry: &Entry, user_id: String) -> Result<Answer, Answer> {
    let body = entry.json().ok_or_else(|| problem(415, "Unsupported Media Type", "The body must be JSON"))?;
    let need = |name: &str| member(&body, name).ok_or_else(|| invalid(name, &format!("{name} is required")));
    let (connection, redirect_uri) = (need("connection")?, need("redirect_uri")?);
    if identity(inner, &user_id, &connection).is_none() {
        return Err(invalid("connection", "The connection does not exist or has no Token Vault"));
    }
    let challenge = member(&body, "code_challenge");
    if challenge.is_some() && member(&body, "code_challenge_method").as_deref() != Some("S256") {
        return Err(invalid("code_challenge_method", "Only S256 is supported"));
    }
    let scopes = body
        .get("scopes")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |scopes| scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let (session, ticket) = (text::random(URL64, 43), text::random(URL64, 32));
    let state = member(&body, "state");
    let flow = Connect {
        user_id,
        connection,
        redirect_uri,
        state,
        scopes,
        challenge,
        ticket: ticket.clone(),
        code: None,
    };
    inner.state().tenant.connects.insert(session.clone(), flow);
    let base = inner.origin(crate::kinds::Server::Tenant);
    let body = json!({
        "auth_session": session, "connect_uri": format!("{base}/connected-accounts/connect"),
        "connect_params": { "ticket": ticket }, "expires_in": 300,
    });
    Ok(Answer::json(201, &body))
}

/// The page that the browser is sent to, and the form behind its button.
pub(super) fn browser(inner: &Inner, entry: &Entry) -> Answer {
    let ticket = entry.param("ticket").unwrap_or_default();
    let mut state = inner.state();
    let Some(flow) = state.tenant.connects.values_mut().find(|flow| flow.ticket == ticket) else {
        return pages::oops(400, "The ticket is unknown or was used");
    };
    if entry.method() != ::http::Method::POST {
        return pages::consent(&flow.connection, &ticket);
    }
    let code = text::random(URL64, 32);
    flow.code = Some(code.clone());
    // A ticket opens one page, once.
    flow.ticket.clear();
    let mut members = vec![("connect_code", code)];
    members.extend(flow.state.clone().map(|state| ("state", state)));
    Answer::redirect(303, &pages::with_members(&flow.redirect_uri, &members))
}

fn complete(inner: &Inner, entry: &Entry, user_id: &str) -> Result<Answer, Answer> {
    let body = entry.json().ok_or_else(|| problem(415, "Unsupported Media Type", "The body must be JSON"))?;
    let session = member(&body, "auth_session").unwrap_or_default();
    let flow = inner.state().tenant.connects.get(&session).filter(|flow| flow.user_id == user_id).cloned();
    let flow = flow.ok_or_else(|| invalid("auth_session", "The session is unknown or over"))?;
    if flow.code.is_none() || flow.code != member(&body, "connect_code") {
        return Err(invalid("connect_code", "The code is wrong"));
    }
    if member(&body, "redirect_uri").as_ref() != Some(&flow.redirect_uri) {
        return Err(invalid("redirect_uri", "The address is another one than at the start"));
    }
    let verifier = member(&body, "code_verifier").unwrap_or_default();
    if flow.challenge.is_some_and(|challenge| !verify::proves(&verifier, &challenge)) {
        return Err(invalid("code_verifier", "The verifier is wrong"));
    }
    let mut account = identity(inner, user_id, &flow.connection)
        .ok_or_else(|| problem(404, "Not Found", "No such connection"))?;
    account.scopes.extend(flow.scopes);
    account.scopes.dedup();
    let mut state = inner.state();
    state.tenant.connects.remove(&session);
    let user = state.users.get(user_id).map(|record| record.user.clone());
    let user = user.ok_or_else(|| problem(404, "Not Found", "No such user"))?;
    let taken = state.users.get(user_id).is_some_and(|record| {
        vaulted(record).any(|held| {
            held.identity.connection == account.connection && held.identity.user_id == account.user_id
        })
    });
    if taken {
        return Err(problem(409, "Conflict", "The account is connected already"));
    }
    let held = state.hold(&user, &account);
    let shown = connected_account(&held);
    if let Some(record) = state.users.get_mut(user_id) {
        record.connected.push(held);
    }
    Ok(Answer::json(201, &shown))
}

/// The account that signing in at the provider yields: the user's own one where there is one.
fn identity(inner: &Inner, user_id: &str, connection: &str) -> Option<Identity> {
    let state = inner.state();
    let record = state.users.get(user_id)?;
    let own = record.identities.iter().find(|held| held.identity.connection == connection);
    let identity = match own {
        Some(held) => held.identity.clone(),
        None => {
            let login = record.user.name.split(' ').next().unwrap_or("user").to_lowercase();
            let digest = text::sha256(format!("{user_id} {connection}").as_bytes());
            let number = digest.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            let id = number.to_string();
            match connection {
                "google-oauth2" => Identity::google(&id, &login),
                "github" => Identity::github_app(&id, &login),
                "bitbucket" => Identity::bitbucket(&format!("{{{id}}}"), &login),
                "facebook" => Identity::facebook(&id, &login),
                "windowslive" => Identity::microsoft(&id, &login),
                _ => return None,
            }
        }
    };
    Some(identity.condition(Condition::Live).in_vault())
}
