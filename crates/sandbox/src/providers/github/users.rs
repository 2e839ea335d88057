//! The user, and what a repository says of its owner.

use serde_json::{Value, json};

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::json::merge;
use crate::providers::session::Session;
use crate::refusals::github::{error, limit_headers};
use crate::text;

/// What of a user's address leads to which list.
const LISTS: [(&str, &str); 10] = [
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("organizations_url", "/orgs"),
    ("repos_url", "/repos"),
    ("events_url", "/events{/privacy}"),
    ("received_events_url", "/received_events"),
    ("url", ""),
];

pub(super) fn owner(session: &Session, entry: &Entry) -> Value {
    let login = &session.account.login;
    let mut body = json!({
        "login": login, "id": session.account.id.parse::<u64>().unwrap_or(1), "node_id": text::base64(login),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", session.account.id), "gravatar_id": "",
        "html_url": format!("https://github.com/{login}"), "type": "User", "site_admin": false,
    });
    for (member, path) in LISTS {
        merge(&mut body, json!({ member: format!("{}/users/{login}{path}", entry.origin()) }));
    }
    body
}

pub(super) fn user(session: &Session, entry: &Entry) -> Value {
    let mut body = owner(session, entry);
    merge(
        &mut body,
        json!({
            "name": session.account.name, "company": "Example Ltd", "blog": "", "location": "Lisbon",
            "email": session.account.email, "hireable": false, "bio": "Writes things down", "public_repos": 5,
            "public_gists": 0, "followers": 3, "following": 4, "created_at": "2011-01-25T18:44:36Z",
            "updated_at": "2026-02-03T04:05:06Z", "gravatar_id": "",
        }),
    );
    // `merge` removes nulls, and these two are null in life.
    if let Some(members) = body.as_object_mut() {
        members.insert("hireable".to_owned(), Value::Null);
        members.insert("twitter_username".to_owned(), Value::Null);
    }
    if session.has_any(&["read:user", "user"]) {
        merge(
            &mut body,
            json!({
                "private_gists": 0, "total_private_repos": 2, "owned_private_repos": 2, "disk_usage": 314,
                "collaborators": 1, "two_factor_authentication": true,
                "plan": { "name": "pro", "space": 976_562_499, "private_repos": 9999, "collaborators": 0 },
            }),
        );
    }
    body
}

pub(super) fn emails(session: &Session) -> Answer {
    if !session.has_any(&["user:email", "user"]) {
        return error(404, "Not Found");
    }
    let email = &session.account.email;
    Answer::json(
        200,
        &json!([
            { "email": email, "primary": true, "verified": true, "visibility": "private" },
            { "email": format!("{}@users.noreply.github.com", session.account.login), "primary": false, "verified": true, "visibility": null },
        ]),
    )
}

pub(super) fn rate_limit(inner: &Inner, entry: &Entry, session: &Session) -> Answer {
    let used = inner.state().counters.get(&format!("github:{}", session.account.id)).copied().unwrap_or(0);
    let bucket = |limit: u64, used: u64| json!({ "limit": limit, "remaining": limit.saturating_sub(used), "used": used, "reset": text::epoch() + 3600 });
    let core = bucket(5000, used.min(5000));
    let mut body =
        json!({ "resources": { "core": core, "search": bucket(30, 0), "code_search": bucket(10, 0) } });
    if entry.header("x-github-api-version") != Some("2026-03-10") {
        merge(&mut body, json!({ "rate": core }));
    }
    limit_headers(Answer::json(200, &body), 5000, 5000_u64.saturating_sub(used), 3600)
}
