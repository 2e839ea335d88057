//! GitHub's answers.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::Value;

use super::calls::SCOPES;
use crate::{Classified, Head, Outcome, Verdict, hints, message, outcome, scopes};

/// A secondary limit without a hint lasts at least this long.
const SECONDARY: Duration = Duration::from_secs(60);

/// 403s that are about rights, even when they happen to be the last request of an hour.
const RIGHTS: &[&str] =
    &["resource not accessible", "must have", "saml", "resource protected", "not authorized"];

/// Refusals by an organisation's or GitHub's own rules: no scope helps.
const BY_RULE: &[&str] = &["ip allow list", "oauth app access restrictions", "account was suspended"];

/// Messages of limits.
const LIMITS: &[&str] = &["rate limit", "abuse detection", "maximum number of login attempts"];

/// 401s of paths that take a GitHub App's own JSON web token (`/app`) or a one-time password: about the request.
const OTHER_CREDENTIALS: &[&str] =
    &["json web token", "'issuer' claim", "'expiration time' claim", "otp code"];

pub(super) fn head(head: &Head<'_>, now: SystemTime) -> Verdict {
    match head.status {
        StatusCode::OK if may_hide_limit(head) => Verdict::NeedsBody,
        StatusCode::UNAUTHORIZED => Verdict::NeedsBody,
        StatusCode::FORBIDDEN if head.headers.contains_key("x-github-sso") => {
            Verdict::Known(Classified::new(Outcome::Denied))
        }
        StatusCode::FORBIDDEN if hints::retry_after(head.headers, now).is_none() => Verdict::NeedsBody,
        StatusCode::FORBIDDEN => Verdict::Known(limited(head, now)),
        StatusCode::NOT_FOUND => Verdict::Known(not_found(head)),
        StatusCode::TOO_MANY_REQUESTS => Verdict::Known(limited(head, now)),
        status => {
            Verdict::Known(outcome::by_status(status, hints::retry_after(head.headers, now), SECONDARY))
        }
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
    let json = message::json(body);
    let words = message::text(&json, "/message").or_else(|| message::plain(body));
    let classified = match self::head(head, now) {
        Verdict::Known(classified) => classified,
        Verdict::NeedsBody => match head.status {
            StatusCode::OK => graphql(head, &json, now),
            StatusCode::UNAUTHORIZED => unauthorized(words.as_deref()),
            _ => forbidden(head, words.as_deref(), now),
        },
    };
    let code = message::text(&json, "/errors/0/code").or_else(|| message::text(&json, "/errors/0/type"));
    classified.described(code, words.or_else(|| message::text(&json, "/errors/0/message")))
}

/// GraphQL tells a limit in a 200. The body of every query is not worth holding back for that: only an exhausted
/// window or a `Retry-After` makes one a suspect.
fn may_hide_limit(head: &Head<'_>) -> bool {
    let graphql = head.target.is_some_and(|(_, path)| path.trim_end_matches('/').ends_with("/graphql"));
    graphql && (exhausted(head) || head.headers.contains_key(http::header::RETRY_AFTER))
}

fn graphql(head: &Head<'_>, json: &Value, now: SystemTime) -> Classified {
    let errors = json.pointer("/errors").and_then(Value::as_array).into_iter().flatten();
    let limit = |error: &Value| {
        let kind = message::text(error, "/type");
        let words = message::text(error, "/message");
        // Both spellings are in use.
        kind.is_some_and(|kind| {
            ["RATE_LIMITED", "RATE_LIMIT"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        }) || LIMITS.iter().any(|part| message::mentions(words.as_deref(), part))
    };
    if errors.into_iter().any(limit) { limited(head, now) } else { Classified::new(Outcome::Ok) }
}

fn unauthorized(words: Option<&str>) -> Classified {
    let other = OTHER_CREDENTIALS.iter().any(|part| message::mentions(words, part));
    Classified::new(if other { Outcome::Denied } else { Outcome::TokenDead })
}

/// A 403 without `Retry-After`: a limit, a missing scope, or a missing right.
fn forbidden(head: &Head<'_>, words: Option<&str>, now: SystemTime) -> Classified {
    let says = |list: &[&str]| list.iter().any(|part| message::mentions(words, part));
    if says(LIMITS) || (exhausted(head) && !says(RIGHTS)) {
        return limited(head, now);
    }
    if says(BY_RULE) {
        return denied(head);
    }
    scope_missing(head).unwrap_or_else(|| denied(head))
}

/// A 404 hides missing rights. Only the two scope headers can prove that a scope is what is missing.
fn not_found(head: &Head<'_>) -> Classified {
    scope_missing(head).unwrap_or_else(|| Classified::new(Outcome::Rejected))
}

/// The documented order: `Retry-After`, else the reset of an exhausted window, else a minute.
fn limited(head: &Head<'_>, now: SystemTime) -> Classified {
    let reset = || exhausted(head).then(|| head.text("x-ratelimit-reset")).flatten();
    let wait = hints::retry_after(head.headers, now)
        .or_else(|| hints::LimitUnit::EpochSeconds.wait(reset()?, now))
        .unwrap_or(SECONDARY);
    Classified::limited(wait)
}

fn exhausted(head: &Head<'_>) -> bool {
    head.text("x-ratelimit-remaining") == Some("0")
}

/// Tokens of OAuth Apps tell their scopes; any one of the accepted scopes, or one that includes it, is enough.
fn scope_missing(head: &Head<'_>) -> Option<Classified> {
    let accepted = scopes::split(head.text("x-accepted-oauth-scopes")?);
    let held = scopes::split(head.text("x-oauth-scopes")?);
    if accepted.is_empty() { None } else { scopes::missing_any(&SCOPES, accepted, Some(&held)) }
}

/// What an App would have needed is named, but no user can grant it by connecting again.
fn denied(head: &Head<'_>) -> Classified {
    let permissions = head.text("x-accepted-github-permissions").and_then(|all| all.split(';').next());
    let mut classified = Classified::new(Outcome::Denied);
    classified.required_scopes = permissions.map(scopes::split).unwrap_or_default();
    classified
}
