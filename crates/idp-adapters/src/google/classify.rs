//! Google's answers: two envelopes, often merged, and an OAuth one.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::Value;

use super::{Google, calls::Scopes};
use crate::{
    Classified, Head, Outcome, Verdict,
    challenge::Challenge,
    hints,
    message::{self, mentions},
    outcome,
    scopes::{self},
};

/// A throttle without a hint: quotas are counted by the minute.
const MINUTE: Duration = Duration::from_secs(60);
/// A day's quota without a hint: soon enough to notice that it was raised, rare enough not to hurt.
const DAY_QUOTA: Duration = Duration::from_secs(3600);

const THROTTLES: &[&str] = &[
    "userRateLimitExceeded",
    "rateLimitExceeded",
    "sharingRateLimitExceeded",
    "concurrentLimitExceeded",
    "servingLimitExceeded",
    "variableTermLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
];
const QUOTAS: &[&str] = &[
    "quotaExceeded",
    "downloadQuotaExceeded",
    "dailyLimitExceeded",
    "limitExceeded",
    "QUOTA_EXCEEDED",
    "RESOURCE_QUOTA_EXCEEDED",
];
/// The last two are limits for calls without credentials: something took the token out on its way.
const SETUP: &[&str] = &[
    "accessNotConfigured",
    "SERVICE_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "BILLING_DISABLED",
    "USER_PROJECT_DENIED",
    "dailyLimitExceededUnreg",
    "userRateLimitExceededUnreg",
];
/// Reasons of a 401 that is not about the life of the token: a sign-up that is missing at the service, an API that takes another
/// kind of token, a call that takes credentials in another place.
const NOT_THE_TOKEN: &[&str] = &[
    "youtubeSignupRequired",
    "NoLinkedYouTubeAccount",
    "ACCESS_TOKEN_TYPE_UNSUPPORTED",
    "CREDENTIALS_MISSING",
];
const SCOPES: &[&str] = &["ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions", "insufficientScopes"];

pub(super) fn head(head: &Head<'_>, now: SystemTime) -> Verdict {
    match head.status {
        // The challenge says `invalid_token` also where only the body tells that it is not about the token.
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_REQUEST => Verdict::NeedsBody,
        status => Verdict::Known(outcome::by_status(status, hints::retry_after(head.headers, now), MINUTE)),
    }
}

pub(super) fn body(head: &Head<'_>, body: &[u8], now: SystemTime) -> Classified {
    let error = ErrorBody::read(body);
    let classified = match self::head(head, now) {
        Verdict::Known(classified) => classified,
        Verdict::NeedsBody => finer(head, &error, now),
    };
    let code = error.reasons.first().cloned();
    classified.described(code, error.message)
}

fn finer(head: &Head<'_>, error: &ErrorBody, now: SystemTime) -> Classified {
    let hint = || {
        hints::retry_after(head.headers, now)
            .or(error.retry_delay)
            .or_else(|| error.message.as_deref().and_then(|text| date_in(text, now)))
    };
    match head.status {
        StatusCode::UNAUTHORIZED if error.any(NOT_THE_TOKEN) => Classified::new(Outcome::Denied),
        StatusCode::TOO_MANY_REQUESTS if error.any(QUOTAS) => {
            Classified::limited(hint().unwrap_or(DAY_QUOTA))
        }
        StatusCode::BAD_REQUEST if error.any(&["dailyLimitExceeded", "userRateLimitExceeded"]) => {
            Classified::limited(hint().unwrap_or(MINUTE))
        }
        StatusCode::FORBIDDEN => forbidden(head, error, hint()),
        status => outcome::by_status(status, hint(), MINUTE),
    }
}

/// The order matters: an API that is off and a limit share the domain `usageLimits`, and a limit and a missing
/// right share the status.
fn forbidden(head: &Head<'_>, error: &ErrorBody, hint: Option<Duration>) -> Classified {
    let challenge = Challenge::of(head.headers);
    if error.any(SETUP) {
        Classified::new(Outcome::Misconfigured)
    } else if error.any(QUOTAS) {
        Classified::limited(hint.unwrap_or(DAY_QUOTA))
    } else if error.any(THROTTLES) {
        Classified::limited(hint.unwrap_or(MINUTE))
    } else if error.any(SCOPES)
        || challenge.is("insufficient_scope")
        || mentions(error.message.as_deref(), "insufficient authentication scopes")
    {
        scope_missing(head, challenge.scope.as_deref())
    } else {
        Classified::new(Outcome::Denied)
    }
}

/// The challenge lists every scope that would do; without it the table of known calls has to help.
fn scope_missing(head: &Head<'_>, listed: Option<&str>) -> Classified {
    let accepted = scopes::split(listed.unwrap_or_default());
    let named =
        (!accepted.is_empty()).then(|| scopes::missing_any(&Scopes, accepted, head.granted)).flatten();
    let classified = named.unwrap_or_else(|| scopes::from_table(&Google, &Scopes, head));
    // Google said that the scope is the reason; our table cannot know better.
    Classified { outcome: Outcome::ScopeMissing, ..classified }
}

/// An error body, whichever envelope it came in.
struct ErrorBody {
    /// Reasons from `errors[]` and `details[]`, the status word, or the OAuth error word.
    reasons: Vec<String>,
    message: Option<String>,
    /// `google.rpc.RetryInfo` in `details[]`.
    retry_delay: Option<Duration>,
}

impl ErrorBody {
    fn read(body: &[u8]) -> Self {
        let json = message::json(body);
        let message = ["/error/message", "/error_description", "/message"]
            .iter()
            .find_map(|pointer| message::text(&json, pointer))
            .or_else(|| message::plain(body));
        let details = json.pointer("/error/details").and_then(Value::as_array).into_iter().flatten();
        let retry_delay =
            details.filter_map(|item| message::text(item, "/retryDelay")).find_map(|text| delay(&text));
        let mut reasons = Vec::new();
        for list in ["/error/errors", "/error/details"] {
            let items = json.pointer(list).and_then(Value::as_array).into_iter().flatten();
            reasons.extend(items.filter_map(|item| message::text(item, "/reason")));
        }
        reasons
            .extend(["/error/status", "/error"].iter().filter_map(|pointer| message::text(&json, pointer)));
        Self { reasons, message, retry_delay }
    }

    fn any(&self, list: &[&str]) -> bool {
        self.reasons.iter().any(|reason| list.contains(&reason.as_str()))
    }
}

/// A `google.protobuf.Duration` in JSON: `13.5s`.
fn delay(text: &str) -> Option<Duration> {
    let wait = hints::LimitUnit::Seconds.wait(text.trim().strip_suffix('s')?, SystemTime::UNIX_EPOCH)?;
    (!wait.is_zero()).then_some(wait)
}

/// Gmail: `User-rate limit exceeded. Retry after 2026-01-02T03:04:05.678Z`.
fn date_in(message: &str, now: SystemTime) -> Option<Duration> {
    let at = message.to_ascii_lowercase().find("retry after ")? + "retry after ".len();
    let word = message.get(at..)?.split_whitespace().next()?;
    hints::until_date(word.trim_end_matches(['.', ',', ')']), now)
}
