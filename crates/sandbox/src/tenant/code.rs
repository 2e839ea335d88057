//! The grants of applications that people sign in to: authorization code and refresh token.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::mint::{TokenMint, encrypted};
use crate::text::{self, URL64};
use crate::world::client::{Client, ClientMethod};

use super::answers::{expires_in, oauth_error};
use super::authorize::knows_audience;
use super::{profile, verify};
use crate::world::tenant::Login;

fn invalid(description: &str) -> Answer {
    oauth_error(403, "invalid_grant", description)
}

/// The authorization code grant. A code works once, for its client, address and verifier.
pub(super) fn code(inner: &Arc<Inner>, entry: &Entry, client: &Client, key: Option<String>) -> Answer {
    let code = entry.field("code").unwrap_or_default();
    let found = inner.state().tenant.codes.remove(&code);
    let Some(mut login) = found.filter(|login| login.client_id == client.id) else {
        return invalid("Invalid authorization code");
    };
    if entry.field("redirect_uri").as_ref() != Some(&login.redirect_uri) {
        return invalid("The redirect URI is wrong.");
    }
    let verifier = entry.field("code_verifier").unwrap_or_default();
    if login.challenge.as_ref().is_some_and(|challenge| !verify::proves(&verifier, challenge)) {
        return invalid("Failed to verify code verifier");
    }
    if login.dpop.is_some() && login.dpop != key {
        return oauth_error(400, "invalid_dpop_proof", "The proof's key is not the one that dpop_jkt named");
    }
    login.dpop = key;
    let mut body = tokens(inner, &login);
    if !client.methods.contains(&ClientMethod::None) {
        // What a web application gets stays on its server.
        let issued = ["access_token", "id_token"].into_iter().filter_map(|name| body[name].as_str());
        inner.state().secrets.extend(issued.map(str::to_owned));
    }
    if has(&login, "offline_access") && client.grant_types.iter().any(|grant| grant == "refresh_token") {
        let token = format!("v1.{}", text::random(URL64, 60));
        inner.state().tenant.refresh_tokens.insert(token.clone(), login);
        merge(&mut body, json!({ "refresh_token": token }));
    }
    Answer::json(200, &body).header("cache-control", "no-store")
}

/// The refresh token grant: refresh tokens stay as they are (rotation is off, as Token Vault wants it).
pub(super) fn refresh(inner: &Arc<Inner>, entry: &Entry, client: &Client, key: Option<String>) -> Answer {
    let token = entry.field("refresh_token").unwrap_or_default();
    let found = inner.state().tenant.refresh_tokens.get(&token).cloned();
    let Some(mut login) = found.filter(|login| login.client_id == client.id) else {
        return invalid("Unknown or invalid refresh token.");
    };
    if login.dpop.is_some() && login.dpop != key {
        return oauth_error(400, "invalid_dpop_proof", "The refresh token is bound to another key");
    }
    let blocked = inner.state().users.get(&login.user_id).is_none_or(|record| record.user.blocked);
    if blocked {
        return invalid("user is blocked");
    }
    let asked = entry.field("scope");
    match entry.field("audience").filter(|audience| !audience.is_empty()) {
        Some(audience) if login.audience.as_ref() != Some(&audience) => {
            if !knows_audience(inner, &audience) {
                return invalid("The refresh token may not be used for this audience");
            }
            login.audience = Some(audience);
            login.scope = asked.unwrap_or_default();
        }
        _ => {
            if let Some(asked) = asked {
                let kept: Vec<&str> = asked.split(' ').filter(|scope| has(&login, scope)).collect();
                login.scope = kept.join(" ");
            }
        }
    }
    login.nonce = None;
    Answer::json(200, &tokens(inner, &login)).header("cache-control", "no-store")
}

fn has(login: &Login, scope: &str) -> bool {
    login.scope.split(' ').any(|held| held == scope)
}

fn tokens(inner: &Arc<Inner>, login: &Login) -> Value {
    let lifetime = inner.state().tenant.access_lifetime;
    let mut body = json!({
        "access_token": access_token(inner, login), "scope": login.scope,
        "expires_in": expires_in(inner, lifetime),
        "token_type": if login.dpop.is_some() { "DPoP" } else { "Bearer" },
    });
    if has(login, "openid") {
        merge(&mut body, json!({ "id_token": id_token(inner, login) }));
    }
    body
}

fn access_token(inner: &Arc<Inner>, login: &Login) -> String {
    let Some(audience) = &login.audience else {
        // No audience: a token that only `/userinfo` takes.
        let token = encrypted(&login.issuer);
        inner.state().tenant.opaque.insert(token.clone(), login.clone());
        return token;
    };
    let audience = if has(login, "openid") {
        json!([audience, format!("{}userinfo", login.issuer)])
    } else {
        json!(audience)
    };
    let mut mint = TokenMint::new(Arc::clone(inner))
        .user(&login.user_id)
        .issuer(&login.issuer)
        .audience(audience)
        .claim("azp", login.client_id.clone())
        .claim("scope", login.scope.clone());
    if login.scope.is_empty() {
        mint = mint.claim("scope", Value::Null);
    }
    if let Some(key) = &login.dpop {
        mint = mint.claim("cnf", json!({ "jkt": key }));
    }
    mint.sign()
}

fn id_token(inner: &Arc<Inner>, login: &Login) -> String {
    let record = inner.state().users.get(&login.user_id).cloned();
    let mut claims = record.map_or_else(|| json!({}), |record| profile::claims(&record, &login.scope));
    merge(
        &mut claims,
        json!({
            "sub": login.user_id, "aud": login.client_id, "sid": text::random(URL64, 32),
            "exp": text::epoch() + 36_000, "auth_time": login.auth_time,
        }),
    );
    TokenMint::rs256(Arc::clone(inner))
        .issuer(&login.issuer)
        .id_token(login.nonce.as_deref().unwrap_or_default())
        .claims(claims)
        .claim("nonce", login.nonce.clone())
        .sign()
}
