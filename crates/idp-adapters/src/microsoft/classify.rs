//! Graph's and SharePoint's answers (facts, sections 6.2 and 6.4).

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::{Microsoft, scopes::Scopes};
use crate::{Classified, Head, Outcome, Verdict, challenge::Challenge, hints, message, outcome, scopes};

/// A limit without a hint.
const LIMIT: Duration = Duration::from_secs(30);

/// SharePoint's "access denied", which comes as 401 too.
const ACCESS_DENIED: &str = "-2147024891";

/// Codes of calls that the token's permissions do not cover.
const SCOPES: &[&str] = &["authorization_requestdenied", "erroraccessdenied", "accessdenied"];

pub(super) fn head(head: &Head<'_>, now: SystemTime) -> Verdict {
    let hint = hints::retry_after(head.headers, now);
    match head.status {
        StatusCode::UNAUTHORIZED if Challenge::of(head.headers).claims => {
            Verdict::Known(Classified::new(Outcome::TokenDead).no_refresh())
        }
        StatusCode::UNAUTHORIZED if !Challenge::of(head.headers).is("invalid_token") => Verdict::NeedsBody,
        StatusCode::FORBIDDEN => Verdict::NeedsBody,
        StatusCode::SERVICE_UNAVAILABLE if hint.is_some() => {
            Verdict::Known(Classified::limited(hint.unwrap_or(LIMIT)))
        }
        status if status.as_u16() == 509 => Verdict::Known(Classified::limited(hint.unwrap_or(LIMIT))),
        status => Verdict::Known(outcome::by_status(status, hint, LIMIT)),
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
    let (code, words) = said(body);
    let classified = match self::head(head, now) {
        Verdict::Known(classified) => classified,
        Verdict::NeedsBody => finer(head, code.as_deref().unwrap_or_default()),
    };
    classified.said(code, words)
}

fn finer(head: &Head<'_>, code: &str) -> Classified {
    if code.starts_with(ACCESS_DENIED) {
        return Classified::new(Outcome::Denied);
    }
    if head.status == StatusCode::UNAUTHORIZED {
        return Classified::new(Outcome::TokenDead);
    }
    // Graph uses the same codes for missing permissions of the token and missing rights of the user; known
    // scopes of the token tell them apart.
    if SCOPES.contains(&code.to_ascii_lowercase().as_str()) {
        return scopes::from_table(&Microsoft, &Scopes, head);
    }
    Classified::new(Outcome::Denied)
}

/// Code and message, in whichever of the shapes they came: Graph and verbose, nometadata, XML.
fn said(body: &[u8]) -> (Option<String>, Option<String>) {
    let json = message::json(body);
    if json.is_object() {
        let first = |pointers: &[&str]| pointers.iter().find_map(|pointer| message::text(&json, pointer));
        let code = first(&["/error/code", "/odata.error/code", "/error"]);
        let words = first(&[
            "/error/message",
            "/error/message/value",
            "/odata.error/message/value",
            "/odata.error/message",
            "/error_description",
        ]);
        return (code, words);
    }
    let text = String::from_utf8_lossy(body);
    match (element(&text, "code"), element(&text, "message")) {
        (None, None) => (None, message::plain(body)),
        found => found,
    }
}

/// The text of the first `<m:name ...>` or `<name ...>` element.
fn element(xml: &str, name: &str) -> Option<String> {
    [format!("<m:{name}"), format!("<{name}")].iter().find_map(|open| {
        let (_, rest) = xml.split_once(open.as_str())?;
        let (attributes, rest) = rest.split_once('>')?;
        let whole_name = attributes.is_empty() || attributes.starts_with(char::is_whitespace);
        let (content, _) = rest.split_once("</")?;
        whole_name.then(|| unescape(content.trim()))
    })
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
