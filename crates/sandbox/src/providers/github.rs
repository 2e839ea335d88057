//! `api.github.com` (facts 3): who may ask, limits, the user.

use std::sync::Arc;

use ::http::Response;
use serde_json::{Value, json};

use super::troubles::Trouble;
use super::{NoSession, Session, common, github_repos, session};
use crate::ProviderKind;
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::Entry;
use crate::text;

const DOCS: &str = "https://docs.github.com/rest";

/// GitHub's error object.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "message": message, "documentation_url": DOCS, "status": status.to_string() }),
    )
}

/// The primary limit is used up; it is full again in `seconds`.
fn primary_limit(status: u16, seconds: i64) -> Answer {
    let answer = error(status, "API rate limit exceeded for user ID 1.");
    limit_headers(answer, 5000, 0, seconds)
}

/// The secondary limit: `remaining` is not 0, and a hint may be missing.
fn secondary_limit(status: u16, retry_after: Option<u64>) -> Answer {
    let text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let answer = limit_headers(error(status, text), 5000, 4321, 1800);
    match retry_after {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// An organization demands SAML single sign-on for this token.
fn saml() -> Answer {
    let text = "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.";
    error(403, text).header(
        "x-github-sso",
        "required; url=https://github.com/orgs/saml-corp/sso?authorization_request=AZSCKtL4U8yX",
    )
}

fn bad_credentials() -> Answer {
    error(401, "Bad credentials").header("www-authenticate", "Bearer realm=\"GitHub\"")
}

/// The refusals that no request brings about by itself.
pub(super) fn troubles() -> Vec<Trouble> {
    let scopes = error(403, "Must have admin rights to Repository.")
        .header("x-oauth-scopes", "read:user")
        .header("x-accepted-oauth-scopes", "admin:org, repo");
    let hidden = error(404, "Not Found")
        .header("x-oauth-scopes", "read:user")
        .header("x-accepted-oauth-scopes", "repo");
    let integration = error(403, "Resource not accessible by integration")
        .header("x-accepted-github-permissions", "issues=read,contents=read; pull_requests=write");
    vec![
        Trouble::new("token-dead", bad_credentials()),
        Trouble::new("primary-limit", primary_limit(403, 1234)),
        Trouble::new("primary-limit-429", primary_limit(429, 1234)),
        Trouble::new("secondary-limit", secondary_limit(403, None)),
        Trouble::new("secondary-limit-429", secondary_limit(429, None)),
        Trouble::new("secondary-limit-hinted", secondary_limit(403, Some(30))),
        Trouble::new("scope-missing", scopes),
        Trouble::new("scope-missing-hidden", hidden),
        Trouble::new("integration", integration),
        Trouble::new("saml", saml()),
        Trouble::new("server-error", Answer::json(502, &json!({ "message": "Server Error" }))),
        Trouble::new("validation", error(422, "Validation Failed")),
    ]
}

fn limit_headers(answer: Answer, limit: u64, remaining: u64, seconds: i64) -> Answer {
    answer
        .header("x-ratelimit-limit", limit.to_string())
        .header("x-ratelimit-remaining", remaining.to_string())
        .header("x-ratelimit-used", limit.saturating_sub(remaining).to_string())
        .header("x-ratelimit-reset", (text::epoch() + seconds).to_string())
        .header("x-ratelimit-resource", "core")
}

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    if entry.header("user-agent").is_none_or(str::is_empty) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header \
                    (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).";
        return Answer::text(403, text).into_response();
    }
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let version = entry.header("x-github-api-version").unwrap_or("2022-11-28");
    if !matches!(version, "2022-11-28" | "2026-03-10") {
        let text = format!("The requested API version \"{version}\" is not supported.");
        return error(400, &text).into_response();
    }
    let session = match session(inner, ProviderKind::GitHub, entry, &["bearer", "token"]) {
        Ok(session) => session,
        Err(NoSession::Missing) => return error(401, "Requires authentication").into_response(),
        Err(_) => return bad_credentials().into_response(),
    };
    if let ["sandbox", rest @ ..] = segments.as_slice() {
        return common::answer(inner, entry, &session, rest);
    }
    let answer = api(inner, entry, &session, &segments);
    conditional(entry, mark(inner, answer, &session, &segments), version).into_response()
}

/// Scope and limit headers, as on every answer to an authenticated call.
fn mark(inner: &Inner, answer: Answer, session: &Session, segments: &[&str]) -> Answer {
    let answer = if session.grant.app {
        answer.header("x-accepted-github-permissions", "metadata=read")
    } else {
        let accepted = match segments {
            ["user", "emails"] => "user:email, user",
            ["user", "orgs"] => "read:org, admin:org, user, write:org",
            ["user"] | ["rate_limit"] => "",
            _ => "repo",
        };
        answer
            .header("x-oauth-scopes", session.grant.scopes.join(", "))
            .header("x-accepted-oauth-scopes", accepted)
    };
    let answer = answer.header("x-github-media-type", "github.v3; format=json");
    if answer.headers().contains_key("x-ratelimit-limit") {
        return answer;
    }
    // Counted for the headers' sake; only faults make the limit bite.
    let used = inner.state().bump(&format!("github:{}", session.account.id));
    limit_headers(answer, 5000, 5000_u64.saturating_sub(used).max(1), 3600)
}

/// `ETag`, and 304 for a caller that has the answer already.
fn conditional(entry: &Entry, answer: Answer, version: &str) -> Answer {
    let answer = answer.header("x-github-api-version-selected", version);
    if entry.method() != ::http::Method::GET || answer.status() != ::http::StatusCode::OK {
        return answer;
    }
    let tag = format!("W/\"{}\"", text::hex(&text::sha256(answer.bytes())));
    if entry.header("if-none-match").is_some_and(|known| known == tag) {
        return Answer::new(304).header("etag", tag);
    }
    answer
        .header("etag", tag)
        .header("cache-control", "private, max-age=60, s-maxage=60")
        .header("vary", "Accept, Authorization")
}

fn api(inner: &Arc<Inner>, entry: &Entry, session: &Session, segments: &[&str]) -> Answer {
    match (entry.method().as_str(), segments) {
        ("GET" | "HEAD", [""]) => {
            Answer::json(200, &json!({ "current_user_url": format!("{}/user", entry.origin()) }))
        }
        ("GET" | "HEAD", ["user"]) => Answer::json(200, &user(session, entry)),
        ("GET", ["user", "emails"]) => emails(session),
        ("GET", ["user", "orgs"]) if session.has("read:org") => Answer::json(200, &json!([])),
        ("GET", ["user", "orgs"]) => {
            error(403, "You need at least read:org scope or user scope to list your organizations.")
        }
        ("GET", ["user", "issues"]) => Answer::json(200, &json!([]))
            .header("x-github-sso", "partial-results; organizations=21955855,20582480"),
        ("GET", ["orgs", "saml-corp", ..]) => saml(),
        ("GET", ["installation", ..]) => error(403, "Resource not accessible by integration"),
        ("GET", ["rate_limit"]) => rate_limit(inner, entry, session),
        (_, ["user", "repos"] | ["repos", ..]) => github_repos::answer(inner, entry, session, segments),
        _ => error(404, "Not Found"),
    }
}

pub(super) fn owner(session: &Session, entry: &Entry) -> Value {
    let login = &session.account.login;
    json!({
        "login": login, "id": session.account.id.parse::<u64>().unwrap_or(1), "node_id": text::base64(login),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", session.account.id),
        "url": format!("{}/users/{login}", entry.origin()), "html_url": format!("https://github.com/{login}"),
        "type": "User", "site_admin": false,
    })
}

fn user(session: &Session, entry: &Entry) -> Value {
    let mut body = owner(session, entry);
    crate::mint::merge(
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
        crate::mint::merge(
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

fn emails(session: &Session) -> Answer {
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

fn rate_limit(inner: &Inner, entry: &Entry, session: &Session) -> Answer {
    let used = inner.state().counters.get(&format!("github:{}", session.account.id)).copied().unwrap_or(0);
    let bucket = |limit: u64, used: u64| json!({ "limit": limit, "remaining": limit.saturating_sub(used), "used": used, "reset": text::epoch() + 3600 });
    let core = bucket(5000, used.min(5000));
    let mut body =
        json!({ "resources": { "core": core, "search": bucket(30, 0), "code_search": bucket(10, 0) } });
    if entry.header("x-github-api-version") != Some("2026-03-10") {
        crate::mint::merge(&mut body, json!({ "rate": core }));
    }
    limit_headers(Answer::json(200, &body), 5000, 5000_u64.saturating_sub(used), 3600)
}
