//! What response headers say about the next request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};

use crate::TokenQuota;

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

/// How long to wait: `Retry-After` in seconds or as a date, else the reset of the rate limit or of the token quota.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let said = text(headers, header::RETRY_AFTER.as_str());
    let said = said.and_then(|text| match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?;
            Some(at.duration_since(their_now(headers, now)).unwrap_or_default())
        }
    });
    let quota = || token_quota(headers).filter(|quota| quota.remaining == 0).map(|quota| quota.reset_in);
    said.or_else(|| reset_in(headers, now)).or_else(quota).map(|wait| wait.min(LONGEST))
}

/// The client's quota of token requests by its tightest bucket: the one whose requests have to last longest.
///
/// `b=per_hour;q=20;r=3;t=611,b=per_day;q=100;r=73;t=36611`
pub(crate) fn token_quota(headers: &HeaderMap) -> Option<TokenQuota> {
    let buckets = headers.get_all("auth0-client-quota-limit").iter();
    let buckets = buckets.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let pace = |quota: &TokenQuota| match quota.remaining {
        0 => (true, quota.reset_in),
        remaining => (false, quota.reset_in / remaining),
    };
    buckets.filter_map(bucket).max_by_key(pace)
}

fn bucket(text: &str) -> Option<TokenQuota> {
    let member = |name: &str| {
        let mut members = text.split(';').filter_map(|member| member.trim().split_once('='));
        members.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u32>().ok())
    };
    let reset_in = Duration::from_secs(u64::from(member("t")?));
    Some(TokenQuota { limit: member("q")?, remaining: member("r")?, reset_in })
}

/// The server's clock, if it states it.
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
    fn the_tightest_bucket_of_a_token_quota_counts() {
        let quota = |value: &str| {
            let headers = headers(&[("auth0-client-quota-limit", value.into())]);
            token_quota(&headers).map(|quota| (quota.limit, quota.remaining, quota.reset_in.as_secs()))
        };
        let facts = "b=per_hour;q=20;r=0;t=611,b=per_day;q=100;r=73;t=36611";
        assert_eq!(quota(facts), Some((20, 0, 611)));
        assert_eq!(quota("b=per_hour;q=20;r=19;t=611,b=per_day;q=100;r=3;t=36611"), Some((100, 3, 36611)));
        assert_eq!(quota("b=per_hour;q=20;r=0;t=611, b=per_day;q=100;r=0;t=36611"), Some((100, 0, 36611)));
        for nonsense in ["", "b=per_hour", "q=1;r=x;t=1", "q=1;r=-1;t=1"] {
            assert_eq!(quota(nonsense), None, "{nonsense}");
        }
        let refused = headers(&[("auth0-client-quota-limit", facts.into())]);
        assert_eq!(retry_after(&refused, at(NOW)), Some(Duration::from_secs(611)));
    }

    #[test]
    fn rate_headers_survive_nonsense() {
        let nonsense = headers(&[("x-ratelimit-limit", "-1".into()), ("x-ratelimit-remaining", "x".into())]);
        assert_eq!(RateHeaders::read(&nonsense, at(NOW)), RateHeaders::default());
    }
}
