//! A provider that speaks plain RFC 6749 and RFC 6750, with every usual style of paging (facts 7).

use std::sync::Arc;

use ::http::Response;
use serde_json::{Value, json};

use super::common;
use super::query::number;
use super::session::{Session, session};
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::refusals::oauth2::{dead, lacks, refusal};

const THINGS: usize = 23;

fn consented(session: &Session, scope: &str) -> Result<(), Answer> {
    if session.has(scope) { Ok(()) } else { Err(lacks(scope)) }
}

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let session = match session(inner, ProviderKind::OAuth2, entry, &["bearer", "token"]) {
        Ok(_) if entry.param("access_token").is_some() => {
            return refusal(400, "invalid_request", "More than one way to send a token", None)
                .into_response();
        }
        Ok(session) => session,
        Err(why) => return dead(why).into_response(),
    };
    if let ["sandbox", rest @ ..] = segments.as_slice() {
        return common::answer(inner, entry, &session, rest);
    }
    api(inner, entry, &session, &segments).unwrap_or_else(|refusal| refusal).into_response()
}

fn thing(number: usize) -> Value {
    json!({ "id": number, "name": format!("Thing {number}") })
}

/// | path | style of paging |
/// |---|---|
/// | `/things` | `{ "data", "next" }`, the next page's whole address |
/// | `/things/linked` | a plain array, `Link` with `rel="next"` |
/// | `/things/cursor` | `{ "data", "next_cursor" }`, sent back as `cursor` |
/// | `/things/pages` | `{ "data", "page", "total_pages" }` |
/// | `/things/offset` | `{ "data", "offset", "limit", "total" }` |
fn api(inner: &Inner, entry: &Entry, session: &Session, segments: &[&str]) -> Result<Answer, Answer> {
    let account = &session.account;
    match (entry.method().as_str(), segments) {
        ("GET" | "HEAD", ["userinfo" | "profile"]) => {
            consented(session, "profile")?;
            let (given, family) = account.name.split_once(' ').unwrap_or((&account.name, ""));
            Ok(Answer::json(
                200,
                &json!({
                    "sub": account.id, "name": account.name, "given_name": given, "family_name": family,
                    "preferred_username": account.login, "email": account.email, "email_verified": true,
                }),
            ))
        }
        ("GET" | "HEAD", ["things", style @ ..]) if style.len() < 2 => {
            consented(session, "things:read")?;
            things(inner, entry, session, style.first().copied().unwrap_or_default())
        }
        ("POST", ["things"]) => {
            consented(session, "things:write")?;
            let body = entry.json().ok_or_else(|| refusal(400, "invalid_request", "No JSON", None))?;
            let mut state = inner.state();
            let created = state.created.entry((ProviderKind::OAuth2, account.id.clone())).or_default();
            let id = THINGS + 1 + created.len();
            let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
            let thing = json!({ "id": id, "name": name });
            created.push(thing.clone());
            Ok(Answer::json(201, &thing).header("location", format!("{}/things/{id}", entry.origin())))
        }
        _ => Err(Answer::json(404, &json!({ "error": "not_found" }))),
    }
}

fn things(inner: &Inner, entry: &Entry, session: &Session, style: &str) -> Result<Answer, Answer> {
    let mut all: Vec<Value> = (1..=THINGS).map(thing).collect();
    let key = (ProviderKind::OAuth2, session.account.id.clone());
    all.extend(inner.state().created.get(&key).cloned().unwrap_or_default());
    if let Ok(id) = style.parse::<usize>() {
        let found = all.into_iter().find(|thing| thing.get("id") == Some(&json!(id)));
        return found
            .map(|thing| Answer::json(200, &thing))
            .ok_or_else(|| Answer::json(404, &json!({ "error": "not_found" })));
    }
    let size = number(entry, "limit", 10, 100).max(1);
    let page = number(entry, "page", 1, usize::MAX).max(1);
    let start = match style {
        "cursor" => {
            entry.param("cursor").and_then(|cursor| cursor.strip_prefix("c-")?.parse().ok()).unwrap_or(0)
        }
        "offset" => number(entry, "offset", 0, usize::MAX),
        _ => (page - 1).saturating_mul(size),
    };
    let items: Vec<Value> = all.iter().skip(start).take(size).cloned().collect();
    let more = start.saturating_add(size) < all.len();
    let next = format!("{}{}?limit={size}&page={}", entry.origin(), entry.path(), page + 1);
    let answer = match style {
        "" => Answer::json(200, &json!({ "data": items, "next": more.then_some(next) })),
        "linked" => {
            let answer = Answer::json(200, &Value::Array(items));
            if more { answer.header("link", format!("<{next}>; rel=\"next\"")) } else { answer }
        }
        "cursor" => {
            let cursor = more.then(|| format!("c-{}", start + size));
            Answer::json(200, &json!({ "data": items, "next_cursor": cursor }))
        }
        "pages" => Answer::json(
            200,
            &json!({ "data": items, "page": page, "total_pages": all.len().div_ceil(size) }),
        ),
        "offset" => {
            Answer::json(200, &json!({ "data": items, "offset": start, "limit": size, "total": all.len() }))
        }
        _ => return Err(Answer::json(404, &json!({ "error": "not_found" }))),
    };
    Ok(answer)
}
