//! `api.github.com` (facts 3): who may ask, and the headers of every answer.

mod actions;
mod contents;
mod ids;
mod paging;
mod repos;
mod users;

use std::sync::Arc;

use ::http::Response;
use serde_json::json;

use super::common;
use super::session::{Session, session};
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::refusals::github::{app_token_needed, bad_credentials, error, limit_headers, saml};
use crate::refusals::trouble::NoSession;
use crate::text;

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
    let named = ids::by_name(&session, &segments, repos::name);
    let named: Option<Vec<&str>> = named.as_ref().map(|path| path.iter().map(String::as_str).collect());
    let answer = api(inner, entry, &session, named.as_ref().unwrap_or(&segments));
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
        ("GET" | "HEAD", ["user"]) => Answer::json(200, &users::user(session, entry)),
        ("GET", ["user", "emails"]) => users::emails(session),
        ("GET", ["user", "orgs"]) if session.has("read:org") => Answer::json(200, &json!([])),
        ("GET", ["user", "orgs"]) => {
            error(403, "You need at least read:org scope or user scope to list your organizations.")
        }
        ("GET", ["user", "issues"]) => Answer::json(200, &json!([]))
            .header("x-github-sso", "partial-results; organizations=21955855,20582480"),
        ("GET", ["orgs", "saml-corp", ..]) => saml(),
        (_, ["app", ..]) => app_token_needed(),
        ("POST", ["graphql"]) => {
            Answer::json(200, &json!({ "data": { "viewer": { "login": session.account.login } } }))
        }
        ("GET", ["installation", ..]) => error(403, "Resource not accessible by integration"),
        ("GET", ["rate_limit"]) => users::rate_limit(inner, entry, session),
        (_, ["user" | "users" | "orgs", ..] | ["repos", ..]) => {
            repos::answer(inner, entry, session, segments)
        }
        _ => error(404, "Not Found"),
    }
}
