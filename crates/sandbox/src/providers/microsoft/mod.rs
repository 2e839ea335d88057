//! `graph.microsoft.com` (facts 6): the user, mail, calendar, drive.

mod batch;
mod delta;
mod drive;
mod odata;
mod outlook;

use std::sync::Arc;

use ::http::{Method, Response};
use serde_json::{Value, json};

use super::common;
use super::session::{Session, session};
use crate::http::{Answer, Body};
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::refusals::microsoft::{dead, error, lacks, not_found};
use crate::text;

use odata::{at, consented, selected};

pub(super) fn answer(inner: &Arc<Inner>, entry: &Entry) -> Response<Body> {
    let raw = entry.segments();
    let session = match session(inner, ProviderKind::Microsoft, entry, &["bearer"]) {
        Ok(session) => session,
        Err(why) => return marked(entry, dead(why)).into_response(),
    };
    if let Some((_, rest)) = raw.split_first().filter(|(first, _)| *first == "sandbox") {
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        return common::answer(inner, entry, &session, &rest);
    }
    let answer = api(inner, entry, &session, &raw).unwrap_or_else(|refusal| refusal);
    marked(entry, answer).into_response()
}

fn marked(entry: &Entry, answer: Answer) -> Answer {
    let id = text::random(b"0123456789abcdef", 32);
    let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
    let id = format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32));
    let client = entry.header("client-request-id").unwrap_or(&id).to_owned();
    answer
        .header("request-id", &id)
        .header("client-request-id", client)
        .header("x-ms-ags-diagnostic", r#"{"ServerInfo":{"DataCenter":"UK South","Slice":"E","Ring":"5"}}"#)
        .header("cache-control", "private")
}

/// Graph ignores the case of its own words; ids keep theirs.
fn api(inner: &Inner, entry: &Entry, session: &Session, raw: &[String]) -> Result<Answer, Answer> {
    let lower: Vec<String> = raw.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let raw: Vec<&str> = raw.iter().map(String::as_str).collect();
    let [version @ ("v1.0" | "beta"), rest @ ..] = lower.as_slice() else {
        return Err(error(400, "BadRequest", &format!("Invalid version: {}", raw.first().unwrap_or(&""))));
    };
    let account = &session.account;
    let (rest, ids) = match rest {
        ["me", rest @ ..] => (rest, raw.get(2..).unwrap_or_default()),
        ["users", id, rest @ ..] if *id == account.id || *id == account.email => {
            (rest, raw.get(3..).unwrap_or_default())
        }
        ["users", ..] => return Err(lacks("users")),
        ["$batch"] if entry.method() == Method::POST => {
            let part = |part: &Entry| {
                let segments = part.segments();
                api(inner, part, session, &segments).unwrap_or_else(|refusal| refusal)
            };
            return batch::answer(entry, version, part);
        }
        _ => return Err(not_found()),
    };
    match (entry.method().as_str(), rest) {
        ("GET" | "HEAD", []) => {
            consented(session, "users", &["User.Read", "User.ReadWrite", "User.ReadBasic.All"])?;
            Ok(Answer::json(200, &selected(entry, &me(entry, version, session))))
        }
        ("GET", ["messages", "delta"] | ["mailfolders", _, "messages", "delta"]) => {
            delta::answer(entry, session, version)
        }
        (_, ["drive" | "drives", ..]) => drive::answer(inner, entry, session, version, rest, ids),
        _ => outlook::answer(inner, entry, session, version, rest, ids),
    }
}

fn me(entry: &Entry, version: &str, session: &Session) -> Value {
    let account = &session.account;
    let (given, family) = account.name.split_once(' ').unwrap_or((&account.name, ""));
    let mut body = json!({
        "@odata.context": at(entry, version, "$metadata#users/$entity"), "id": account.id, "displayName": account.name,
        "givenName": given, "surname": family, "mail": account.email, "userPrincipalName": account.email,
        "jobTitle": "Joiner", "officeLocation": "18/2111", "preferredLanguage": "en-GB",
        "businessPhones": ["+44 20 7946 0000"],
    });
    if let Some(members) = body.as_object_mut() {
        members.insert("mobilePhone".to_owned(), Value::Null);
    }
    body
}
