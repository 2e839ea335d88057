//! Google's APIs (facts 2): one port for all hosts, told apart by path and, where it is sent, by `Host`.

mod calendar;
mod consent;
mod drive;
mod gmail;
mod mask;
mod paging;
mod people;
mod upload;
mod userinfo;

use std::sync::Arc;

use ::http::{Method, Response};
use bytes::Bytes;

use super::common;
use super::session::{Session, session};
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::refusals::google::{credentials, error, not_found, oauth_credentials};

/// The hosts under `googleapis.com` that serve a path.
fn labels(segments: &[&str]) -> &'static [&'static str] {
    match segments {
        ["v1", "userinfo"] => &["openidconnect"],
        ["v1", "people" | "contactGroups" | "otherContacts", ..] => &["people"],
        ["v1", ..] => &[],
        ["gmail", ..] => &["gmail", "www"],
        ["drive" | "upload", ..] => &["www", "drive", "content"],
        ["calendar", ..] => &["www", "calendar-json"],
        ["oauth2", ..] => &["www", "oauth2"],
        _ => &["www", "openidconnect", "people", "gmail", "drive"],
    }
}

/// Whether the host that the caller named, if it is one of Google's at all, serves this path.
fn serves_path(entry: &Entry, segments: &[&str]) -> bool {
    let host = entry.host().split(':').next().unwrap_or_default().to_ascii_lowercase();
    host.strip_suffix(".googleapis.com").is_none_or(|label| labels(segments).contains(&label))
}

/// A `POST` that means another method (`X-HTTP-Method-Override`): Google's clients send a GET whose address
/// is too long so, with the query as a form in the body.
fn overridden(entry: &Entry) -> Option<Entry> {
    if entry.method() != Method::POST {
        return None;
    }
    let method = Method::from_bytes(entry.header("x-http-method-override")?.as_bytes()).ok()?;
    let form = entry.header("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    if method == Method::GET && form {
        let query = String::from_utf8_lossy(entry.body());
        return Some(entry.read_as(method, format!("{}?{query}", entry.path()), Bytes::new()));
    }
    Some(entry.read_as(method, entry.target().to_owned(), Bytes::copy_from_slice(entry.body())))
}

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let meant = overridden(entry);
    let entry = meant.as_ref().unwrap_or(entry);
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if !serves_path(entry, &segments) {
        let page = "<html lang=en><title>Error 404 (Not Found)!!1</title><p>The requested URL was not found on this server.";
        return Answer::html(404, page).into_response();
    }
    let session = match session(inner, ProviderKind::Google, entry, &["bearer"]) {
        Ok(session) => session,
        Err(why) if matches!(segments.as_slice(), ["v1", "userinfo"] | ["oauth2", ..]) => {
            return oauth_credentials(why).into_response();
        }
        Err(why) => return credentials(why).into_response(),
    };
    if let ["sandbox", rest @ ..] = segments.as_slice() {
        return common::answer(inner, entry, &session, rest);
    }
    let answer = api(inner, entry, &session, &segments).unwrap_or_else(|refusal| refusal);
    let answer = answer.header("vary", "Origin, X-Origin, Referer").header("server", "ESF");
    answer.header("x-content-type-options", "nosniff").into_response()
}

fn api(inner: &Inner, entry: &Entry, session: &Session, segments: &[&str]) -> Result<Answer, Answer> {
    match segments {
        ["v1", "userinfo"] | ["oauth2", "v2" | "v3", "userinfo"] => {
            userinfo::answer(session, segments.get(1).copied().unwrap_or_default())
        }
        ["drive", "v3", rest @ ..] => drive::answer(inner, entry, session, rest),
        ["upload", "drive", "v3", "files"] => upload::answer(inner, entry, session),
        ["calendar", "v3", rest @ ..] => calendar::answer(inner, entry, session, rest),
        ["v1", "people", rest @ ..] => people::answer(entry, session, rest),
        ["gmail", "v1", "users", user, rest @ ..] => {
            if *user != "me" && *user != session.account.email {
                let why = format!("Delegation denied for {}", session.account.email);
                return Err(error(403, &why, "forbidden", "global"));
            }
            gmail::answer(inner, entry, session, rest)
        }
        _ => Err(not_found("the requested entity")),
    }
}
