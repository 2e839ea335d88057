//! The user, permissions, pages and their tokens, photos, albums, posts.

use serde_json::{Value, json};

use super::call::{Call, data};
use super::fields::{self, Field};
use super::paging;
use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::kinds::ProviderKind;
use crate::providers::downloads;
use crate::refusals::facebook::{error, page_token_needed, permission, unknown_path};
use crate::text;
use crate::world::state::Account;

const FIELDS: [&str; 10] =
    ["id", "name", "email", "first_name", "last_name", "picture", "link", "permissions", "photos", "albums"];

fn page_wanted() -> Answer {
    error(403, 200, "(#200) This call requires a Page access token.")
}

fn needs(call: &Call<'_>, scope: &str) -> Result<(), Answer> {
    if call.session.has(scope) { Ok(()) } else { Err(permission(scope)) }
}

/// The two pages everybody manages.
fn pages(account: &Account) -> [(String, String); 2] {
    let id = |number: u8| format!("10{}{number}", account.id.get(5..).unwrap_or_default());
    [(id(1), format!("{}'s bakery", account.login)), (id(2), format!("{}'s choir", account.login))]
}

pub(super) fn answer(inner: &Inner, entry: &Entry, call: &Call<'_>, rest: &[&str]) -> Result<Answer, Answer> {
    let account = &call.session.account;
    let method = match entry.param("method") {
        Some(method) => method.to_ascii_uppercase(),
        None => entry.method().as_str().to_owned(),
    };
    let own = |id: &str| call.page.is_none() && (id == "me" || id == account.id);
    match (method.as_str(), rest) {
        ("GET" | "HEAD", [id]) if own(id) => me(entry, call),
        ("GET" | "HEAD", [id, "permissions"]) if own(id) => Ok(data(permissions(call))),
        ("DELETE", [id, "permissions", rest @ ..]) if own(id) => forget(inner, call, rest.first().copied()),
        ("GET" | "HEAD", [id, "accounts"]) if own(id) => {
            needs(call, "pages_show_list")?;
            let pages: Vec<Value> = pages(account).iter().map(|page| managed(inner, call, page)).collect();
            Ok(paging::by_cursor(entry, call, &format!("{}/accounts", account.id), &pages))
        }
        ("GET" | "HEAD", [id, "photos"]) if own(id) => {
            needs(call, "user_photos")?;
            let photos = photos(entry, account);
            Ok(paging::by_cursor(entry, call, &format!("{}/photos", account.id), &photos))
        }
        // Since 2018 only pages take what an app publishes.
        ("POST", [id, "photos"]) if own(id) => Err(page_wanted()),
        ("GET" | "HEAD", [id, "picture"]) if own(id) => {
            let path = format!("/platform/profilepic/{}.jpg", account.id);
            Ok(Answer::redirect(302, &downloads::link(inner, "platform-lookaside.fbsbx.com", &path)))
        }
        ("GET" | "HEAD", [id, "albums"]) if own(id) => {
            needs(call, "user_photos")?;
            Ok(paging::by_offset(entry, call, &format!("{}/albums", account.id), &albums(account)))
        }
        ("GET" | "HEAD", [id, "posts" | "feed"]) if own(id) => {
            needs(call, "user_posts")?;
            let posts: Vec<(i64, Value)> = (1..=30).rev().map(|number| post(account, number)).collect();
            Ok(paging::by_time(entry, call, &format!("{}/posts", account.id), &posts))
        }
        ("GET" | "HEAD", [id, "insights"]) if call.page != Some(*id) => Err(page_token_needed()),
        ("GET" | "HEAD", [_, "insights"]) => {
            Ok(data(vec![json!({ "name": "page_views_total", "values": [] })]))
        }
        (method, [id, "feed"]) => feed(inner, entry, call, method, id),
        ("GET" | "HEAD", [id]) => {
            let found =
                pages(account).into_iter().find(|(page, _)| page == id || call.page == Some(page.as_str()));
            found
                .map(|(id, name)| Answer::json(200, &json!({ "id": id, "name": name })))
                .ok_or_else(|| unknown_path(id))
        }
        _ => Err(unknown_path(&rest.join("/"))),
    }
}

/// `?ids=`: one answer for many objects, each under its id, with paging of its own.
pub(super) fn many(
    inner: &Inner,
    entry: &Entry,
    call: &Call<'_>,
    ids: &str,
    rest: &[&str],
) -> Result<Answer, Answer> {
    let mut body = json!({});
    for id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let path: Vec<&str> =
            std::iter::once(id).chain(rest.iter().copied().filter(|segment| !segment.is_empty())).collect();
        let one = answer(inner, entry, call, &path)?;
        let value: Value = serde_json::from_slice(one.bytes()).unwrap_or_default();
        merge(&mut body, json!({ id: value }));
    }
    Ok(Answer::json(200, &body))
}

fn me(entry: &Entry, call: &Call<'_>) -> Result<Answer, Answer> {
    let account = &call.session.account;
    let asked = entry.param("fields").unwrap_or_else(|| "id,name".to_owned());
    let (first, last) = account.name.split_once(' ').unwrap_or((&account.name, ""));
    let mut body = json!({ "id": account.id });
    for Field { name: field, limit } in fields::parse(&asked)? {
        if !FIELDS.contains(&field) {
            let text = format!("(#100) Tried accessing nonexisting field ({field}) on node type (User)");
            return Err(error(400, 100, &text));
        }
        let member = match field {
            "name" => json!(account.name),
            "first_name" => json!(first),
            "last_name" => json!(last),
            "email" if call.session.has("email") => json!(account.email),
            "picture" => {
                let url =
                    format!("https://platform-lookaside.fbsbx.com/platform/profilepic/?asid={}", account.id);
                json!({ "data": { "height": 50, "is_silhouette": false, "url": url, "width": 50 } })
            }
            "permissions" => json!({ "data": permissions(call) }),
            "photos" | "albums" if call.session.has("user_photos") => {
                let all = if field == "photos" { photos(entry, account) } else { albums(account) };
                paging::expanded(entry, call, &format!("{}/{field}", account.id), &all, limit.unwrap_or(25))
            }
            _ => continue,
        };
        merge(&mut body, json!({ field: member }));
    }
    Ok(Answer::json(200, &body))
}

fn permissions(call: &Call<'_>) -> Vec<Value> {
    let one = |name: &str, status: &str| json!({ "permission": name, "status": status });
    let mut all: Vec<Value> = call.session.grant.scopes.iter().map(|scope| one(scope, "granted")).collect();
    if !call.session.has("email") {
        all.push(one("email", "declined"));
    }
    all
}

/// Revokes the grant, or takes one permission back.
fn forget(inner: &Inner, call: &Call<'_>, permission: Option<&str>) -> Result<Answer, Answer> {
    let mut state = inner.state();
    if let Some(id) = state.grants.behind(ProviderKind::Facebook, &call.session.token) {
        match permission {
            None => state.grants.revoke(id),
            Some(name) => {
                if let Some(grant) = state.grants.get_mut(id) {
                    grant.scopes.retain(|scope| scope != name);
                }
            }
        }
    }
    Ok(Answer::json(200, &json!({ "success": true })))
}

/// A page with its own token, which stays the same for a user's token.
fn managed(inner: &Inner, call: &Call<'_>, (id, name): &(String, String)) -> Value {
    let mut state = inner.state();
    let known = state
        .page_tokens
        .iter()
        .find(|(_, (page, user))| page == id && *user == call.session.token)
        .map(|(token, _)| token.clone());
    let token = known.unwrap_or_else(|| {
        let token = format!("EAA{}", text::random(text::ALNUM, 110));
        state.secrets.insert(token.clone());
        state.page_tokens.insert(token.clone(), (id.clone(), call.session.token.clone()));
        token
    });
    json!({
        "access_token": token, "category": "Local business", "name": name, "id": id,
        "category_list": [{ "id": "2500", "name": "Local business" }], "tasks": ["ANALYZE", "CREATE_CONTENT", "MANAGE"],
    })
}

fn photos(entry: &Entry, account: &Account) -> Vec<Value> {
    (1..=60).map(|number| photo(entry, account, number)).collect()
}

fn albums(account: &Account) -> Vec<Value> {
    let album = |number: usize| json!({ "id": format!("{}7{number:03}", account.id), "name": format!("Album {number}") });
    (1..=30).map(album).collect()
}

fn photo(entry: &Entry, account: &Account, number: usize) -> Value {
    let id = format!("{}{number:04}", account.id);
    let mut body =
        json!({ "created_time": format!("2026-01-{:02}T08:00:00+0000", 1 + number % 28), "id": id });
    let name = json!({ "name": format!("Photo {number}") });
    merge(&mut body, name);
    if entry.param("fields").is_some_and(|fields| fields.contains("source")) {
        let source =
            format!("https://scontent.xx.fbcdn.net/v/{id}.jpg?oh={}&oe=69A1B2C3", text::hex(id.as_bytes()));
        merge(&mut body, json!({ "source": source }));
    }
    body
}

fn post(account: &Account, number: i64) -> (i64, Value) {
    let time = 1_770_000_000 + number * 3600;
    let body = json!({
        "created_time": jiff::Timestamp::from_second(time).map(|time| time.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()).unwrap_or_default(),
        "message": format!("Post {number}"), "id": format!("{}_{number}", account.id),
    });
    (time, body)
}

/// A page's feed takes the page's token.
fn feed(inner: &Inner, entry: &Entry, call: &Call<'_>, method: &str, id: &str) -> Result<Answer, Answer> {
    let id = if id == "me" { call.page.unwrap_or(id) } else { id };
    if call.page != Some(id) {
        return Err(page_wanted());
    }
    let key = (ProviderKind::Facebook, format!("feed/{id}"));
    match method {
        "POST" => {
            let message = entry.field("message").or_else(|| entry.param("message"));
            let message = message.ok_or_else(|| error(400, 100, "(#100) Missing message or attachment"))?;
            let mut state = inner.state();
            let posts = state.created.entry(key).or_default();
            let post = format!("{id}_{}", posts.len() + 1);
            posts.insert(0, json!({ "message": message, "id": post }));
            Ok(Answer::json(200, &json!({ "id": post })))
        }
        _ => {
            let posts = inner.state().created.get(&key).cloned().unwrap_or_default();
            Ok(paging::by_cursor(entry, call, &format!("{id}/feed"), &posts))
        }
    }
}
