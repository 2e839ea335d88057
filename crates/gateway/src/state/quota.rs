//! How much one caller may ask for: a token bucket per (issuer, subject, client).

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use tokio::time::Instant;

use crate::config::{QuotaMode, QuotaSettings};
use caller_auth::Caller;

/// Callers whose bucket is kept, as far as there is memory; a forgotten one starts full.
const CALLERS: usize = 100_000;
/// What a bucket takes besides the caller's names: counters, the cache's entry.
const OVERHEAD: usize = 160;

/// Whether a call may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Fine,
    /// It would be refused if the mode were `enforce`.
    Observed,
    /// Not before this long.
    Refused(Duration),
}

/// The buckets of all callers.
pub(crate) struct Quotas(Option<Limit>);

struct Limit {
    /// Time one call costs.
    cost: u64,
    /// How far ahead of the clock a bucket may run.
    tolerance: u64,
    enforce: bool,
    origin: Instant,
    /// For each caller the time (nanoseconds since `origin`) at which the bucket is full again.
    buckets: Cache<Key, Arc<AtomicU64>, BySize>,
}

#[derive(PartialEq, Eq)]
struct Key(Box<str>, Box<str>, Option<Box<str>>);

#[derive(Clone)]
struct BySize {
    least: u64,
}

impl Weighter<Key, Arc<AtomicU64>> for BySize {
    fn weight(&self, Key(issuer, subject, client): &Key, _: &Arc<AtomicU64>) -> u64 {
        let texts = issuer.len() + subject.len() + client.as_ref().map_or(0, |client| client.len());
        ((texts + OVERHEAD) as u64).max(self.least)
    }
}

#[derive(PartialEq, Eq)]
struct KeyRef<'a>(&'a str, &'a str, Option<&'a str>);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef(&self.0, &self.1, self.2.as_deref()).hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1, self.2).hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1 && self.2 == key.2.as_deref()
    }
}

impl Quotas {
    /// Buckets as the settings say, in so many bytes at most.
    pub(crate) fn new(settings: &QuotaSettings, bytes: u64) -> Self {
        Self(settings.per_caller.filter(|quota| quota.per_second > 0.0).map(|quota| {
            let cost = Duration::from_secs_f64((1.0 / quota.per_second).min(86_400.0));
            let cost = u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX).max(1);
            Limit {
                cost,
                tolerance: cost.saturating_mul(u64::from(quota.burst.max(1))),
                enforce: settings.mode == QuotaMode::Enforce,
                origin: Instant::now(),
                buckets: Cache::with_weighter(
                    CALLERS,
                    bytes,
                    BySize { least: bytes.div_ceil(CALLERS as u64) },
                ),
            }
        }))
    }

    /// Takes one call out of the caller's bucket.
    pub(crate) fn take(&self, caller: &Caller) -> Admission {
        let Some(limit) = &self.0 else { return Admission::Fine };
        let wait = limit.take(KeyRef(caller.issuer(), caller.subject(), caller.client()));
        match wait {
            None => Admission::Fine,
            Some(wait) if limit.enforce => Admission::Refused(wait),
            Some(_) => Admission::Observed,
        }
    }
}

impl Limit {
    fn take(&self, key: KeyRef<'_>) -> Option<Duration> {
        let bucket = match self.buckets.get(&key) {
            Some(bucket) => bucket,
            None => {
                let bucket = Arc::new(AtomicU64::new(0));
                let owned = Key(key.0.into(), key.1.into(), key.2.map(Into::into));
                self.buckets.insert(owned, Arc::clone(&bucket));
                self.buckets.get(&key).unwrap_or(bucket)
            }
        };
        let now = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut full_at = bucket.load(Ordering::Relaxed);
        loop {
            let next = full_at.max(now).saturating_add(self.cost);
            if next - now > self.tolerance {
                return Some(Duration::from_nanos(next - now - self.tolerance));
            }
            match bucket.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return None,
                Err(current) => full_at = current,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CallerQuota;

    fn limit(per_second: f64, burst: u32) -> Quotas {
        Quotas::new(
            &QuotaSettings { per_caller: Some(CallerQuota { per_second, burst }), mode: QuotaMode::Enforce },
            1 << 20,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a05_a_caller_has_a_burst_and_a_rate_of_their_own() {
        let quotas = limit(2.0, 3);
        let limit = quotas.0.as_ref().unwrap();
        let one = || limit.take(KeyRef("iss", "auth0|1", Some("spa")));
        assert_eq!((one(), one(), one()), (None, None, None));
        assert_eq!(one(), Some(Duration::from_millis(500)));
        assert_eq!(limit.take(KeyRef("iss", "auth0|1", None)), None, "another client is another caller");
        assert_eq!(limit.take(KeyRef("iss", "auth0|2", Some("spa"))), None);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(one(), None);
        assert_eq!(one(), Some(Duration::from_millis(500)));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!((one(), one(), one(), one().is_some()), (None, None, None, true));
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a11_ever_new_callers_stay_within_the_bytes() {
        let quotas = limit(1.0, 1);
        let limit = quotas.0.as_ref().unwrap();
        for number in 0..20_000 {
            limit.take(KeyRef("iss", &format!("auth0|{number}"), Some("spa")));
            assert!(limit.buckets.weight() <= 1 << 20);
        }
        assert!(limit.buckets.len() > 1000);
    }

    #[test]
    fn without_a_quota_everything_passes() {
        assert!(Quotas::new(&QuotaSettings::default(), 1 << 20).0.is_none());
    }
}
