//! Bitbucket's answers.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::Value;

use super::{Bitbucket, scopes::SCOPES};
use crate::{
    Classified, Head, Outcome, Verdict, hints,
    message::{self, mentions},
    outcome, scopes,
};

/// A limit without a hint.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn head(head: &Head<'_>, now: SystemTime) -> Verdict {
    match head.status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Verdict::NeedsBody,
        status => Verdict::Known(outcome::by_status(status, hint(head, status, now), LIMIT)),
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
    let json = message::json(body);
    let words = message::text(&json, "/error/message").or_else(|| message::plain(body));
    let classified = match self::head(head, now) {
        Verdict::Known(classified) => classified,
        Verdict::NeedsBody if head.status == StatusCode::UNAUTHORIZED => unauthorized(words.as_deref()),
        Verdict::NeedsBody => forbidden(head, &json, words.as_deref()),
    };
    let detail = message::text(&json, "/error/detail");
    let said = match (words, detail) {
        (Some(words), Some(detail)) => Some(format!("{words} {detail}")),
        (words, detail) => words.or(detail),
    };
    classified.described(None, said)
}

/// `Retry-After`, else the reset: seconds left when small, a point in time when large.
fn hint(head: &Head<'_>, status: StatusCode, now: SystemTime) -> Option<Duration> {
    let limited = status == StatusCode::TOO_MANY_REQUESTS;
    hints::retry_after(head.headers, now)
        .or_else(|| limited.then(|| hints::reset(head.text("x-ratelimit-reset")?, now)).flatten())
}

/// One sentence serves three causes: "Token is invalid, expired, or not supported for this endpoint."
fn unauthorized(words: Option<&str>) -> Classified {
    let endpoint = ["not supported for this endpoint", "endpoint does not support"]
        .iter()
        .any(|part| mentions(words, part));
    let token = mentions(words, "invalid") || mentions(words, "expired");
    match (endpoint, token) {
        (true, false) => Classified::new(Outcome::Denied),
        _ => Classified::new(Outcome::TokenDead),
    }
}

fn forbidden(head: &Head<'_>, json: &Value, words: Option<&str>) -> Classified {
    let required = message::list(json, "/error/detail/required");
    if !required.is_empty() {
        let granted = message::list(json, "/error/detail/granted");
        return scopes::missing_all(&SCOPES, required, &granted);
    }
    if !mentions(words, "privilege scopes") {
        return Classified::new(Outcome::Denied);
    }
    let accepted = scopes::split(head.text("x-accepted-oauth-scopes").unwrap_or_default());
    let held = head.text("x-oauth-scopes").map(scopes::split);
    let named =
        (!accepted.is_empty()).then(|| scopes::missing_any(&SCOPES, accepted, held.as_deref())).flatten();
    let classified = named.unwrap_or_else(|| scopes::from_table(&Bitbucket, &SCOPES, head));
    Classified { outcome: Outcome::ScopeMissing, ..classified }
}
