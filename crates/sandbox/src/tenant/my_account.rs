//! Connected Accounts by the My Account API (facts 4.4).

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::text::{self, URL64};
use crate::world::people::Identity;
use crate::world::state::{Held, Record, State};

use super::pages::{self, Consent};
use super::{accounts, my_account_requests as requests, verify};
use crate::world::tenant::Connect;

/// How long a flow may take from its start to its completion.
const LIFETIME: Duration = Duration::from_secs(300);

/// The audiences of this API: the canonical domain's, and those of the addresses that SDKs make of the
/// domain they are set to.
fn audiences(inner: &Inner) -> Vec<String> {
    let mut all = vec![inner.settings.my_account_audience(), format!("{}me/", inner.issuer())];
    all.extend(inner.custom_issuer().map(|issuer| format!("{issuer}me/")));
    all
}

/// Whether tokens for this audience are tokens for this API.
pub(super) fn is_audience(inner: &Inner, audience: &str) -> bool {
    audiences(inner).iter().any(|known| known == audience)
}

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
    let mut audiences = audiences(inner).into_iter();
    let claims = audiences.find_map(|audience| verify::token_for(inner, token, &audience));
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
        ("GET", ["connected-accounts", "accounts"]) => list(inner, entry, &user(inner, entry, "read")?),
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

/// A connected account as this API shows it: without what only the Management API tells.
fn shown(held: &Held) -> Value {
    let identity = &held.identity;
    json!({
        "id": held.connected_id, "connection": identity.connection, "access_type": "offline",
        "scopes": identity.scopes, "created_at": "2026-01-02T03:04:05.678Z",
    })
}

fn list(inner: &Inner, entry: &Entry, user: &str) -> Result<Answer, Answer> {
    let state = inner.state();
    let record = state.users.get(user).ok_or_else(|| problem(404, "Not Found", "No such user"))?;
    let wanted = entry.param("connection");
    let all: Vec<Value> = vaulted(record)
        .filter(|held| wanted.as_ref().is_none_or(|name| *name == held.identity.connection))
        .map(shown)
        .collect();
    let take = entry.param("take").and_then(|take| take.parse().ok()).unwrap_or(10_usize).clamp(1, 20);
    let start = entry.param("from").and_then(|from| from.parse().ok()).unwrap_or(0_usize);
    let listed: Vec<Value> = all.iter().skip(start).take(take).cloned().collect();
    let mut body = json!({ "accounts": listed });
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
    let asked = requests::connection(&body).map_err(|(field, detail)| invalid(&field, &detail))?;
    let requests::ConnectRequest { connection, redirect_uri, state, challenge, scopes, hint } = asked;
    if accounts::account(inner, &user_id, &connection, hint.as_deref()).is_none() {
        return Err(invalid("connection", "The connection does not exist or has no Token Vault"));
    }
    let (session, ticket) = (text::random(URL64, 43), text::random(URL64, 32));
    let flow = Connect {
        user_id,
        connection,
        hint,
        redirect_uri,
        state,
        scopes,
        challenge,
        ticket: ticket.clone(),
        code: None,
        ends: Instant::now() + LIFETIME,
    };
    inner.state().tenant.connects.insert(session.clone(), flow);
    let base = inner.issuer_of(entry);
    let body = json!({
        "auth_session": session, "connect_uri": format!("{base}connected-accounts/connect"),
        "connect_params": { "ticket": ticket }, "expires_in": LIFETIME.as_secs(),
    });
    Ok(Answer::json(201, &body))
}

/// The page that the browser is sent to, and the form behind its buttons.
pub(super) fn browser(inner: &Inner, entry: &Entry) -> Answer {
    let ticket = entry.param("ticket").unwrap_or_default();
    let found = {
        let state = inner.state();
        let mut flows = state.tenant.connects.iter();
        let found = flows.find(|(_, flow)| flow.ticket == ticket && flow.ends > Instant::now());
        found.map(|(session, flow)| (session.clone(), flow.clone()))
    };
    let Some((session, flow)) = found.filter(|_| !ticket.is_empty()) else {
        return pages::error_page(400, "The ticket is unknown, over, or was used");
    };
    if entry.method() != ::http::Method::POST {
        return page(inner, &flow);
    }
    let mut members = Vec::new();
    if entry.field("decision").as_deref() == Some("deny") {
        inner.state().tenant.connects.remove(&session);
        members.push(("error", "access_denied".to_owned()));
        members.push(("error_description", "User did not authorize the request".to_owned()));
    } else {
        let code = text::random(URL64, 32);
        if let Some(flow) = inner.state().tenant.connects.get_mut(&session) {
            flow.code = Some(code.clone());
            // A ticket opens one page, once.
            flow.ticket.clear();
        }
        members.push(("connect_code", code));
    }
    members.extend(flow.state.clone().map(|state| ("state", state)));
    Answer::redirect(303, &pages::with_members(&flow.redirect_uri, &members))
}

/// The provider's consent page of a flow.
fn page(inner: &Inner, flow: &Connect) -> Answer {
    let Some(account) = accounts::account(inner, &flow.user_id, &flow.connection, flow.hint.as_deref())
    else {
        return pages::error_page(400, "The user or the connection is gone");
    };
    let mut scopes = account.scopes.clone();
    scopes.extend(flow.scopes.iter().filter(|scope| !account.scopes.contains(scope)).cloned());
    pages::consent(&Consent {
        provider: account.kind.map_or(flow.connection.as_str(), |kind| kind.title()),
        application: "The application",
        account: &account.login,
        scopes: &scopes,
        action: &format!("/connected-accounts/connect?ticket={}", text::encode(&flow.ticket)),
    })
}

fn complete(inner: &Inner, entry: &Entry, user_id: &str) -> Result<Answer, Answer> {
    let body = entry.json().ok_or_else(|| problem(415, "Unsupported Media Type", "The body must be JSON"))?;
    requests::completion(&body).map_err(|(field, detail)| invalid(&field, &detail))?;
    let session = member(&body, "auth_session").unwrap_or_default();
    let flow = inner.state().tenant.connects.get(&session).cloned();
    let flow = flow.filter(|flow| flow.user_id == user_id && flow.ends > Instant::now());
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
    let mut account = accounts::account(inner, user_id, &flow.connection, flow.hint.as_deref())
        .ok_or_else(|| problem(404, "Not Found", "No such connection"))?
        .in_vault();
    let more: Vec<String> = flow.scopes.into_iter().filter(|scope| !account.scopes.contains(scope)).collect();
    account.scopes.extend(more);
    // Only GitHub Apps' tokens can be kept in the vault: OAuth Apps have no refresh tokens.
    account.app = account.app || account.kind == Some(ProviderKind::GitHub);
    let mut state = inner.state();
    state.tenant.connects.remove(&session);
    keep(&mut state, user_id, &account)
}

/// Puts an account into the vault. One that is there already is a conflict, unless its grant is dead or has
/// not all the scopes: then it gets a new one.
fn keep(state: &mut State, user_id: &str, account: &Identity) -> Result<Answer, Answer> {
    let user = state.users.get(user_id).map(|record| record.user.clone());
    let user = user.ok_or_else(|| problem(404, "Not Found", "No such user"))?;
    let same = |held: &Held| {
        held.vault.is_some()
            && held.identity.connection == account.connection
            && held.identity.user_id == account.user_id
    };
    let known = state.users.get(user_id).and_then(|record| vaulted(record).find(|held| same(held)));
    let grant = known.and_then(|held| held.vault).and_then(|id| state.grants.get(id));
    if grant.is_some_and(|grant| {
        !grant.revoked && account.scopes.iter().all(|scope| grant.scopes.contains(scope))
    }) {
        return Err(problem(409, "Conflict", "The account is connected already"));
    }
    let held = state.hold(&user, account);
    let answer = shown(&held);
    if let Some(record) = state.users.get_mut(user_id) {
        let mut all = record.connected.iter_mut().chain(&mut record.identities);
        match all.find(|held| same(held)) {
            Some(known) => {
                known.vault = held.vault;
                known.connected_id = held.connected_id;
                if !known.identity.stored {
                    known.identity.scopes.clone_from(&account.scopes);
                }
            }
            None => record.connected.push(held),
        }
    }
    Ok(Answer::json(201, &answer))
}
