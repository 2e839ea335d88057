//! When to come back, out of the many forms in which providers say it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header::RETRY_AFTER};
use jiff::{Timestamp, fmt::rfc2822};
use serde::{Deserialize, Serialize};

/// No hint is believed beyond this: 31 days.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// Values below this are seconds to wait, values from it on are a point in time.
const EPOCH_FROM: f64 = 1e9;

/// How a limit header writes down the end of the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitUnit {
    /// Seconds to wait.
    #[default]
    Seconds,
    /// Minutes to wait.
    Minutes,
    /// A point in time: seconds since 1970.
    EpochSeconds,
    /// A point in time: milliseconds since 1970.
    EpochMillis,
    /// A point in time: `2026-01-02T03:04:05Z`.
    #[serde(rename = "iso8601")]
    Iso8601,
}

impl LimitUnit {
    /// The wait that `text` means at `now`.
    #[must_use]
    pub fn wait(self, text: &str, now: SystemTime) -> Option<Duration> {
        match self {
            LimitUnit::Seconds => number(text).and_then(seconds),
            LimitUnit::Minutes => number(text).and_then(|minutes| seconds(minutes * 60.0)),
            LimitUnit::EpochSeconds => number(text).and_then(|epoch| until_epoch(epoch, now)),
            LimitUnit::EpochMillis => number(text).and_then(|epoch| until_epoch(epoch / 1000.0, now)),
            LimitUnit::Iso8601 => until_date(text, now),
        }
    }
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match number(text) {
        Some(value) => seconds(value),
        None => {
            // Recipients take all three formats (RFC 9110 section 5.6.7); some senders get the day of the week wrong.
            let strict = httpdate::parse_http_date(text).ok().and_then(|date| Timestamp::try_from(date).ok());
            let lenient = || rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok();
            Some(until(strict.or_else(lenient)?, now))
        }
    }
}

/// A reset that is seconds to wait when small and a point in time when large.
pub(crate) fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let value = number(text)?;
    if value < EPOCH_FROM { seconds(value) } else { until_epoch(value, now) }
}

/// The wait until an ISO 8601 point in time.
pub(crate) fn until_date(text: &str, now: SystemTime) -> Option<Duration> {
    Some(until(text.trim().parse::<Timestamp>().ok()?, now))
}

/// The wait until `epoch` seconds since 1970; at least a second, because the limit stands now.
pub(crate) fn until_epoch(epoch: f64, now: SystemTime) -> Option<Duration> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    seconds((epoch - now).max(1.0))
}

fn until(date: Timestamp, now: SystemTime) -> Duration {
    let epoch = Duration::try_from(date.as_duration()).unwrap_or_default();
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    whole(epoch.saturating_sub(now)).max(Duration::from_secs(1))
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(value: f64) -> Option<Duration> {
    (value.is_finite() && value >= 0.0).then(|| whole(Duration::try_from_secs_f64(value).unwrap_or(LONGEST)))
}

fn whole(wait: Duration) -> Duration {
    let up = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(up)).min(LONGEST)
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().next().is_some_and(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
