//! What response headers say about when to come back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};

/// No hint is believed beyond this.
const LONGEST: Duration = Duration::from_secs(3600);
/// Clocks this close count as equal: `Date` has whole seconds.
const SAME_CLOCK: Duration = Duration::from_secs(2);
/// Below this a reset is a number of seconds, not a time.
const LEAST_EPOCH: u64 = 1_000_000_000;

/// The `X-RateLimit-*` headers of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RateHeaders {
    pub(crate) limit: Option<u32>,
    pub(crate) remaining: Option<u32>,
    /// From now.
    pub(crate) reset_in: Option<Duration>,
}

impl RateHeaders {
    pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Self {
        let number = |name: &str| text(headers, name).and_then(|text| text.parse().ok());
        Self {
            limit: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            reset_in: reset_in(headers, now),
        }
    }
}

/// How long to stay away: `Retry-After` in seconds or as a date, else the rate limit's reset.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let said = text(headers, header::RETRY_AFTER.as_str());
    let said = said.and_then(|text| match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?;
            Some(at.duration_since(their_now(headers, now)).unwrap_or_default())
        }
    });
    said.or_else(|| reset_in(headers, now)).map(|wait| wait.min(LONGEST))
}

/// The server's clock, if it says so.
pub(crate) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, header::DATE.as_str())?).ok()
}

fn reset_in(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let reset: u64 = text(headers, "x-ratelimit-reset")?.parse().ok()?;
    if reset < LEAST_EPOCH {
        return Some(Duration::from_secs(reset).min(LONGEST));
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(reset))?;
    Some(at.duration_since(their_now(headers, now)).unwrap_or_default().min(LONGEST))
}

/// Now by the server's clock where it differs from ours, else by ours, which has more than whole seconds.
fn their_now(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    let Some(theirs) = server_time(headers) else { return now };
    let apart = theirs.duration_since(now).or_else(|_| now.duration_since(theirs)).unwrap_or_default();
    if apart <= SAME_CLOCK { now } else { theirs }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_comes_first() {
        let wait = |value: String| {
            let pairs = [("retry-after", value), ("x-ratelimit-reset", (NOW + 9).to_string())];
            retry_after(&headers(&pairs), at(NOW)).unwrap().as_secs()
        };
        assert_eq!(wait("30".into()), 30);
        assert_eq!(wait(httpdate::fmt_http_date(at(NOW + 40))), 40);
        assert_eq!(wait(httpdate::fmt_http_date(at(NOW - 40))), 0);
        assert_eq!(wait("soon".into()), 9);
        assert_eq!(wait(u64::MAX.to_string()), 3600);
    }

    #[test]
    fn a_reset_counts_from_the_servers_clock_where_ours_is_off() {
        let reset = ("x-ratelimit-reset", (NOW + 5).to_string());
        let with_date = |theirs| headers(&[reset.clone(), ("date", httpdate::fmt_http_date(at(theirs)))]);
        let wait = |headers: &HeaderMap, ours| retry_after(headers, at(ours)).unwrap().as_secs();
        assert_eq!(wait(&headers(std::slice::from_ref(&reset)), NOW), 5);
        assert_eq!(wait(&with_date(NOW + 1), NOW), 5, "ours is as good and finer");
        assert_eq!(wait(&with_date(NOW), NOW - 600), 5, "ours is ten minutes slow");
        assert_eq!(wait(&headers(&[("x-ratelimit-reset", "7".into())]), NOW), 7, "seconds");
    }

    #[test]
    fn rate_headers_survive_nonsense() {
        let nonsense = headers(&[("x-ratelimit-limit", "-1".into()), ("x-ratelimit-remaining", "x".into())]);
        assert_eq!(RateHeaders::read(&nonsense, at(NOW)), RateHeaders::default());
    }
}
