//! Graph's and SharePoint's answers.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::{Microsoft, scopes::Scopes};
use crate::{Classified, Head, Outcome, Verdict, challenge::Challenge, hints, message, outcome, scopes};

/// A limit without a hint.
const LIMIT: Duration = Duration::from_secs(30);

/// SharePoint's "access denied", which comes as 401 too.
const ACCESS_DENIED: &str = "-2147024891";

/// The token was issued for another API: the scopes of the connection have to be corrected.
const AUDIENCE: &[&str] = &["invalid audience", "audienceurivalidationfailed"];

/// The account has no mailbox, no licence or no such service. In lower case.
const NO_SERVICE: &[&str] = &[
    "organizationfromtenantguidnotfound",
    "the tenant for tenant guid",
    "mailboxnotenabledforrestapi",
    "mailboxnotsupportedforrestapi",
    "mailbox is either inactive",
    "errornonexistentmailbox",
    "spo license",
    "sharepoint license",
    "does not have a license",
];

/// Codes of calls that the token's permissions do not cover.
const SCOPES: &[&str] = &["authorization_requestdenied", "erroraccessdenied", "accessdenied"];

pub(super) fn head(head: &Head<'_>, now: SystemTime) -> Verdict {
    let hint = hints::retry_after(head.headers, now);
    match head.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match claims_challenge(head) {
            Some(classified) => Verdict::Known(classified),
            None => Verdict::NeedsBody,
        },
        StatusCode::SERVICE_UNAVAILABLE if hint.is_some() => {
            Verdict::Known(Classified::limited(hint.unwrap_or(LIMIT)))
        }
        status if status.as_u16() == 509 => Verdict::Known(Classified::limited(hint.unwrap_or(LIMIT))),
        status => Verdict::Known(outcome::by_status(status, hint, LIMIT)),
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
    let (code, words) = code_and_message(body);
    let classified = match self::head(head, now) {
        Verdict::Known(classified) => classified,
        Verdict::NeedsBody => finer(head, code.as_deref().unwrap_or_default(), words.as_deref()),
    };
    classified.described(code, words)
}

/// A claims challenge: no refresh satisfies it, the user has to sign in with these claims. An authentication context
/// (`acrs`) is what this resource wants; every other claim is about the token.
fn claims_challenge(head: &Head<'_>) -> Option<Classified> {
    let challenge = Challenge::of(head.headers);
    challenge.claims.as_ref()?;
    let claims = challenge.claims_json();
    let about_resource = claims.as_deref().is_some_and(|claims| claims.contains("\"acrs\""));
    let classified = match (about_resource, head.status) {
        (false, StatusCode::UNAUTHORIZED) => Classified::new(Outcome::TokenDead).no_refresh(),
        _ => Classified::new(Outcome::Denied),
    };
    Some(classified.claims(claims))
}

fn finer(head: &Head<'_>, code: &str, words: Option<&str>) -> Classified {
    if code.starts_with(ACCESS_DENIED) {
        return Classified::new(Outcome::Denied);
    }
    if head.status == StatusCode::UNAUTHORIZED {
        return Classified::new(unauthorized(head, code, words));
    }
    // Graph uses the same codes for missing permissions of the token and missing rights of the user; known
    // scopes of the token tell them apart.
    if SCOPES.contains(&code.to_ascii_lowercase().as_str()) {
        return scopes::from_table(&Microsoft, &Scopes, head);
    }
    Classified::new(Outcome::Denied)
}

/// Graph also says 401 for a token of another audience, and for accounts without the service that the path is about.
fn unauthorized(head: &Head<'_>, code: &str, words: Option<&str>) -> Outcome {
    let diagnostics = head.text("x-ms-diagnostics");
    let audience = |text| AUDIENCE.iter().any(|part| message::mentions(text, part));
    let lacks = |text| NO_SERVICE.iter().any(|part| message::mentions(text, part));
    if audience(words) || audience(diagnostics) || audience(Some(code)) {
        return Outcome::Misconfigured;
    }
    // A service behind Graph answered: Graph itself had accepted the token.
    let behind = code.eq_ignore_ascii_case("UnknownError");
    if behind || lacks(Some(code)) || lacks(words) { Outcome::Denied } else { Outcome::TokenDead }
}

/// Code and message, in whichever of the shapes they came: Graph and verbose, nometadata, XML.
fn code_and_message(body: &[u8]) -> (Option<String>, Option<String>) {
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
