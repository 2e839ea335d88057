//! Facebook's answers: the code decides, hardly ever the status.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::Value;

use super::{
    Facebook,
    scopes::{SCOPES, named_in},
};
use crate::{
    Classified, Head, Outcome, Verdict, hints,
    message::{self, mentions},
    outcome, scopes,
};

/// A limit without a hint: windows are an hour long and slide.
const LIMIT: Duration = Duration::from_secs(300);

/// Sub-codes that mean the session is over, whatever the code.
const SESSION_OVER: &[i64] = &[458, 459, 460, 463, 464, 467, 492];
/// Sub-codes for which the user has to visit facebook.com.
const VISIT: &[i64] = &[459, 464];

pub(super) fn head(head: &Head<'_>, now: SystemTime) -> Verdict {
    match head.status {
        StatusCode::TOO_MANY_REQUESTS => Verdict::Known(Classified::limited(wait(head, now))),
        status if status.as_u16() >= 400 => Verdict::NeedsBody,
        _ => Verdict::Known(Classified::new(Outcome::Ok)),
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
    let error = GraphError::read(body);
    let classified = match (self::head(head, now), &error) {
        (Verdict::Known(classified), _) => classified,
        (Verdict::NeedsBody, Some(error)) => by_code(head, error, now),
        (Verdict::NeedsBody, None) => by_challenge(head, now),
    };
    match error {
        Some(error) => classified.described(error.code.map(|code| code.to_string()), error.message),
        None => classified.described(None, message::plain(body)),
    }
}

fn by_code(head: &Head<'_>, error: &GraphError, now: SystemTime) -> Classified {
    let Some(code) = error.code else { return by_challenge(head, now) };
    match code {
        4 | 17 | 32 | 341 | 613 | 80_000..=80_014 => Classified::limited(wait(head, now)),
        _ if error.is_session_over() => dead(error),
        // The user's token is fine; the call takes a token of a page or of the app.
        190 | 200..=299 | 15 if error.wants_another_kind_of_token() => Classified::new(Outcome::Denied),
        190 if error.blames_client() => Classified::new(Outcome::Misconfigured),
        190 | 102 | 450 | 452 => dead(error),
        // About the request (unknown path, syntax of `fields`), but for the one message about the token.
        2500 if mentions(error.message.as_deref(), "active access token") => dead(error),
        2500 => Classified::new(Outcome::Rejected),
        10 | 200..=299 => scope_missing(head, error.message.as_deref()),
        3 | 368 => Classified::new(Outcome::Denied),
        101 => Classified::new(Outcome::Misconfigured),
        100 if error.blames_client() => Classified::new(Outcome::Misconfigured),
        1 | 2 => Classified::new(Outcome::Error),
        _ if error.is_transient => Classified::new(Outcome::Error),
        // Facebook answers 400 whatever the code is.
        _ if head.status == StatusCode::UNAUTHORIZED => dead(error),
        _ => outcome::by_status(head.status, hints::retry_after(head.headers, now), LIMIT),
    }
}

fn dead(error: &GraphError) -> Classified {
    let dead = Classified::new(Outcome::TokenDead);
    if error.subcode.is_some_and(|sub| VISIT.contains(&sub)) { dead.no_refresh() } else { dead }
}

fn scope_missing(head: &Head<'_>, message: Option<&str>) -> Classified {
    let named = named_in(message.unwrap_or_default());
    let from_message =
        (!named.is_empty()).then(|| scopes::missing_any(&SCOPES, named, head.granted)).flatten();
    let classified = from_message.unwrap_or_else(|| scopes::from_table(&Facebook, &SCOPES, head));
    Classified { outcome: Outcome::ScopeMissing, ..classified }
}

/// Without a readable body the three quoted strings of `WWW-Authenticate` decide:
/// `OAuth "Facebook Platform" "invalid_token" "..."`.
fn by_challenge(head: &Head<'_>, now: SystemTime) -> Classified {
    let says = |word: &str| head.text("www-authenticate").is_some_and(|text| text.contains(word));
    if says("\"invalid_token\"") {
        Classified::new(Outcome::TokenDead)
    } else if says("\"insufficient_scope\"") {
        scope_missing(head, None)
    } else {
        outcome::by_status(head.status, hints::retry_after(head.headers, now), LIMIT)
    }
}

/// The wait, out of whichever header tells it.
fn wait(head: &Head<'_>, now: SystemTime) -> Duration {
    hints::retry_after(head.headers, now)
        .or_else(|| usage(head, "x-business-use-case-usage", "estimated_time_to_regain_access", 60.0))
        .or_else(|| usage(head, "x-app-usage", "estimated_time_to_regain_access", 60.0))
        .or_else(|| usage(head, "x-ad-account-usage", "reset_time_duration", 1.0))
        .unwrap_or(LIMIT)
}

/// The longest value of `member` anywhere in a header that is JSON text.
fn usage(head: &Head<'_>, header: &str, member: &str, unit: f64) -> Option<Duration> {
    let json: Value = serde_json::from_str(head.text(header)?).ok()?;
    let longest = longest(&json, member)?;
    hints::seconds(longest * unit).filter(|wait| !wait.is_zero())
}

fn longest(value: &Value, member: &str) -> Option<f64> {
    let below = |values: &mut dyn Iterator<Item = &Value>| {
        values.filter_map(|value| longest(value, member)).reduce(f64::max)
    };
    match value {
        Value::Object(members) => {
            let own = members.get(member).and_then(Value::as_f64);
            [own, below(&mut members.values())].into_iter().flatten().reduce(f64::max)
        }
        Value::Array(items) => below(&mut items.iter()),
        _ => None,
    }
}

/// The Graph API's error object.
pub(super) struct GraphError {
    code: Option<i64>,
    subcode: Option<i64>,
    is_transient: bool,
    message: Option<String>,
}

impl GraphError {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let json = message::json(body);
        json.pointer("/error").filter(|error| error.is_object())?;
        Some(Self {
            code: message::integer(&json, "/error/code"),
            subcode: message::integer(&json, "/error/error_subcode"),
            is_transient: json.pointer("/error/is_transient") == Some(&Value::Bool(true)),
            message: message::text(&json, "/error/message"),
        })
    }

    fn is_session_over(&self) -> bool {
        self.subcode.is_some_and(|sub| SESSION_OVER.contains(&sub))
    }

    /// "This method must be called with a Page Access Token", and its neighbours.
    fn wants_another_kind_of_token(&self) -> bool {
        let message = self.message.as_deref();
        [
            "page access token",
            "page token",
            "app access_token",
            "app access token",
            "user access token is not supported",
        ]
        .iter()
        .any(|part| mentions(message, part))
    }

    /// The app's id, secret or the proof made of it is what is wrong.
    pub(super) fn blames_client(&self) -> bool {
        let message = self.message.as_deref();
        ["appsecret_proof", "client secret", "validating application"]
            .iter()
            .any(|part| mentions(message, part))
    }
}
