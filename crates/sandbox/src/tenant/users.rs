//! The user record as the Management API shows it (facts 3.2).

use serde_json::{Map, Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::text;
use crate::world::state::{Held, Record};

use super::answers::boom;

fn no_user() -> Answer {
    boom(404, "Not Found", "The user does not exist.", Some("inexistent_user"))
}

pub(super) fn one(inner: &Inner, entry: &Entry, id: &str, tokens: bool) -> Answer {
    if id.split_once('|').is_none_or(|(provider, rest)| provider.is_empty() || rest.is_empty()) {
        let text = format!("Object didn't pass validation for format user-id: {id}");
        return boom(400, "Bad Request", &text, Some("invalid_uri"));
    }
    let fields = entry.param("fields");
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ',' | '-');
    if fields.as_ref().is_some_and(|fields| fields.is_empty() || !fields.chars().all(valid)) {
        let text = "Query validation error: 'String does not match pattern' on property fields (Comma-separated list of fields).";
        return boom(400, "Bad Request", text, Some("invalid_query_string"));
    }
    let Some(record) = inner.state().users.get(id).cloned() else { return no_user() };
    let Value::Object(whole) = document(&record, tokens) else { return no_user() };
    let include = entry.param("include_fields").is_none_or(|include| include != "false");
    let body: Map<String, Value> = match fields {
        None => whole,
        Some(fields) => {
            let named: Vec<&str> = fields.split(',').collect();
            whole.into_iter().filter(|(name, _)| named.contains(&name.as_str()) == include).collect()
        }
    };
    Answer::json(200, &Value::Object(body))
}

/// The user record; token members only for those who may see them.
fn document(record: &Record, tokens: bool) -> Value {
    let user = &record.user;
    let (given, family) = user.name.split_once(' ').unwrap_or((&user.name, ""));
    let ago = record.last_login.elapsed().unwrap_or_default();
    let identities: Vec<Value> = record
        .identities
        .iter()
        .enumerate()
        .map(|(index, held)| identity(record, held, index > 0, tokens))
        .collect();
    let mut body = json!({
        "user_id": user.user_id, "email": user.email, "email_verified": true, "name": user.name,
        "given_name": given, "family_name": family,
        "nickname": record.identities.first().map(|held| held.identity.login.clone()),
        "picture": format!("https://cdn.example.test/{}.png", text::encode(&user.user_id)),
        "identities": identities, "app_metadata": {}, "user_metadata": {},
        "created_at": "2026-01-02T03:04:05.678Z", "updated_at": text::rfc3339(ago), "last_login": text::rfc3339(ago),
        "last_ip": "203.0.113.9", "logins_count": 12,
    });
    if user.blocked {
        merge(&mut body, json!({ "blocked": true }));
    }
    merge(&mut body, user.extra.clone());
    body
}

/// The identities of a user, without tokens.
pub(super) fn identities(inner: &Inner, id: &str) -> Option<Value> {
    let record = inner.state().users.get(id).cloned()?;
    let all = record.identities.iter().enumerate();
    Some(all.map(|(index, held)| identity(&record, held, index > 0, false)).collect())
}

fn identity(record: &Record, held: &Held, secondary: bool, tokens: bool) -> Value {
    let identity = &held.identity;
    let number = identity.numeric.then(|| identity.user_id.parse::<u64>().ok()).flatten();
    let user_id = number.map_or_else(|| Value::from(identity.user_id.clone()), Value::from);
    let mut body = json!({
        "provider": identity.strategy, "connection": identity.connection, "user_id": user_id,
        "isSocial": identity.social,
    });
    if tokens {
        let members = [("access_token", &held.access_token), ("refresh_token", &held.refresh_token)];
        for (name, token) in members {
            if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
                body.insert(name.to_owned(), token.clone().into());
            }
        }
        if let (Some(_), Some(seconds)) = (&held.access_token, identity.expires_in) {
            merge(&mut body, json!({ "expires_in": seconds }));
        }
    }
    if secondary {
        let profile = json!({
            "email": record.user.email, "email_verified": true, "name": record.user.name, "nickname": identity.login,
        });
        merge(&mut body, json!({ "profileData": profile }));
    }
    if identity.profile_data.as_object().is_some_and(|members| !members.is_empty()) {
        let mut profile = body.get("profileData").cloned().unwrap_or_else(|| json!({}));
        merge(&mut profile, identity.profile_data.clone());
        merge(&mut body, json!({ "profileData": profile }));
    }
    body
}

pub(super) fn connected(inner: &Inner, id: &str) -> Answer {
    let Some(record) = inner.state().users.get(id).cloned() else { return no_user() };
    let accounts: Vec<Value> = record
        .connected
        .iter()
        .chain(&record.identities)
        .filter(|held| held.vault.is_some())
        .map(connected_account)
        .collect();
    Answer::json(200, &json!({ "connected_accounts": accounts }))
}

pub(super) fn connected_account(held: &Held) -> Value {
    let identity = &held.identity;
    json!({
        "id": held.connected_id, "connection": identity.connection,
        "connection_id": format!("con_{}", identity.connection.replace('-', "")),
        "strategy": identity.strategy, "access_type": "offline", "scopes": identity.scopes,
        "created_at": "2026-01-02T03:04:05.678Z",
    })
}
