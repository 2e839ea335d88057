//! Answers of a generic API: RFC 6750 first, then what the settings select.

use std::time::{Duration, SystemTime};

use super::OAuth2Settings;
use crate::{
    Classified, Head, Outcome, Verdict,
    challenge::Challenge,
    hints, message, outcome,
    scopes::{self, Table},
};

/// A limit without a hint.
const LIMIT: Duration = Duration::from_secs(60);
/// Nothing is known about which scope includes which.
const SCOPES: Table = Table(&[]);

pub(super) fn head(settings: &OAuth2Settings, head: &Head<'_>, now: SystemTime) -> Verdict {
    if head.status.as_u16() < 400 {
        return Verdict::Known(Classified::new(Outcome::Ok));
    }
    let challenge = Challenge::of(head.headers);
    match head.status.as_u16() {
        400..=403 if challenge.is("invalid_token") => Verdict::Known(Classified::new(Outcome::TokenDead)),
        429 => Verdict::Known(Classified::limited(hint(settings, head, now).unwrap_or(LIMIT))),
        400..=499 => Verdict::NeedsBody,
        _ => Verdict::Known(outcome::by_status(head.status, hints::retry_after(head.headers, now), LIMIT)),
    }
}

pub(super) fn body(settings: &OAuth2Settings, head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
    let (json, selectors) = (message::json(body), &settings.errors);
    let first = |pointers: &[String]| pointers.iter().find_map(|pointer| message::text(&json, pointer));
    let (code, words) = (first(&selectors.code), first(&selectors.message).or_else(|| message::plain(body)));
    let classified = match self::head(settings, head, now) {
        Verdict::Known(classified) => classified,
        Verdict::NeedsBody => {
            let required = selectors.required_scopes.as_deref().map(|pointer| message::list(&json, pointer));
            finer(settings, head, code.as_deref(), required.unwrap_or_default(), now)
        }
    };
    classified.described(code, words)
}

fn finer(
    settings: &OAuth2Settings,
    head: &Head<'_>,
    code: Option<&str>,
    required: Vec<String>,
    now: SystemTime,
) -> Classified {
    let among = |list: &[String]| code.is_some_and(|code| list.iter().any(|known| known == code));
    let (errors, challenge) = (&settings.errors, Challenge::of(head.headers));
    if among(&errors.rate_limited) {
        Classified::limited(hint(settings, head, now).unwrap_or(LIMIT))
    } else if among(&errors.misconfigured) {
        Classified::new(Outcome::Misconfigured)
    } else if challenge.is("insufficient_scope") || among(&errors.scope_missing) {
        let listed = challenge.scope.as_deref().map(scopes::split).unwrap_or_default();
        let required = if required.is_empty() { listed } else { required };
        scopes::missing_all(&SCOPES, required, head.granted.unwrap_or_default())
    } else if among(&errors.token_dead) {
        Classified::new(Outcome::TokenDead)
    } else {
        outcome::by_status(head.status, hint(settings, head, now), LIMIT)
    }
}

fn hint(settings: &OAuth2Settings, head: &Head<'_>, now: SystemTime) -> Option<Duration> {
    let configured =
        || settings.limits.iter().find_map(|limit| limit.unit.wait(head.text(&limit.name)?, now));
    hints::retry_after(head.headers, now).or_else(configured)
}
