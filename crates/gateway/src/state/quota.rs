//! How much may be asked for: token buckets per caller, per app, and per caller at one provider.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};
use tokio::time::Instant;

use crate::config::{CallerQuota, QuotaMode, QuotaSettings};
use caller_auth::{Actor, Caller};

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

/// The limits, each with its buckets.
pub(crate) struct Quotas {
    enforce: bool,
    per_caller: Option<Limit>,
    per_client: Option<Limit>,
    /// By the provider's name.
    per_provider: HashMap<String, Limit>,
}

struct Limit {
    /// Time one call costs.
    cost: u64,
    /// How far ahead of the clock a bucket may run.
    tolerance: u64,
    origin: Instant,
    /// For each key the time (nanoseconds since `origin`) at which the bucket is full again.
    buckets: Cache<Key, Arc<AtomicU64>, BySize>,
}

/// Issuer, user, app, and the party that acts now.
#[derive(PartialEq, Eq)]
struct Key(Box<str>, Box<str>, Option<Box<str>>, Option<Box<str>>);

#[derive(Clone)]
struct BySize {
    least: u64,
}

impl Weighter<Key, Arc<AtomicU64>> for BySize {
    fn weight(&self, Key(issuer, subject, client, actor): &Key, _: &Arc<AtomicU64>) -> u64 {
        let optional = [client, actor].into_iter().flatten().map(|text| text.len()).sum::<usize>();
        ((issuer.len() + subject.len() + optional + OVERHEAD) as u64).max(self.least)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyRef<'a>(&'a str, &'a str, Option<&'a str>, Option<&'a str>);

impl<'a> KeyRef<'a> {
    fn caller(caller: &'a Caller) -> Self {
        let actor = caller.actors().first().map(Actor::subject);
        Self(caller.issuer(), caller.subject(), caller.client(), actor)
    }

    fn client(caller: &'a Caller) -> Self {
        Self(caller.issuer(), "", caller.client(), None)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef(&self.0, &self.1, self.2.as_deref(), self.3.as_deref()).hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1, self.2, self.3).hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1 && self.2 == key.2.as_deref() && self.3 == key.3.as_deref()
    }
}

impl Quotas {
    /// Buckets as the settings say, in so many bytes at most, all limits together. `providers`: the limits of providers, by name.
    pub(crate) fn new<'a>(
        settings: &QuotaSettings,
        bytes: u64,
        providers: impl IntoIterator<Item = (&'a str, CallerQuota)>,
    ) -> Self {
        let providers: Vec<_> = providers.into_iter().collect();
        let limits = providers.len() + [settings.per_caller, settings.per_client].iter().flatten().count();
        let share = bytes / (limits.max(1) as u64);
        let limit = |quota: CallerQuota| Limit::new(quota, share);
        let named = |(name, quota): (&str, CallerQuota)| Some((name.to_owned(), limit(quota)?));
        Self {
            enforce: settings.mode == QuotaMode::Enforce,
            per_caller: settings.per_caller.and_then(limit),
            per_client: settings.per_client.and_then(limit),
            per_provider: providers.into_iter().filter_map(named).collect(),
        }
    }

    /// Takes one call out of each bucket that it concerns. The app's comes last: what a caller is refused costs others nothing.
    pub(crate) fn take(&self, caller: &Caller, provider: Option<&str>) -> Admission {
        let provider = provider.filter(|_| !self.per_provider.is_empty());
        let of_provider = provider.and_then(|name| self.per_provider.get(name));
        let own = || self.per_caller.as_ref().and_then(|limit| limit.take(KeyRef::caller(caller)));
        let wait = of_provider
            .and_then(|limit| limit.take(KeyRef::caller(caller)))
            .or_else(own)
            .or_else(|| self.per_client.as_ref().and_then(|limit| limit.take(KeyRef::client(caller))));
        match wait {
            None => Admission::Fine,
            Some(wait) if self.enforce => Admission::Refused(wait),
            Some(_) => Admission::Observed,
        }
    }
}

impl Limit {
    /// `bytes`: the most that its buckets take.
    fn new(quota: CallerQuota, bytes: u64) -> Option<Self> {
        if quota.per_second <= 0.0 {
            return None;
        }
        let cost = Duration::from_secs_f64((1.0 / quota.per_second).min(86_400.0));
        let cost = u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX).max(1);
        Some(Self {
            cost,
            tolerance: cost.saturating_mul(u64::from(quota.burst.max(1))),
            origin: Instant::now(),
            buckets: Cache::with_weighter(CALLERS, bytes, BySize { least: bytes.div_ceil(CALLERS as u64) }),
        })
    }

    fn take(&self, key: KeyRef<'_>) -> Option<Duration> {
        let bucket = match self.buckets.get(&key) {
            Some(bucket) => bucket,
            None => {
                let bucket = Arc::new(AtomicU64::new(0));
                let owned = Key(key.0.into(), key.1.into(), key.2.map(Into::into), key.3.map(Into::into));
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
    use caller_auth::Rules;

    fn quota(per_second: f64, burst: u32) -> Option<CallerQuota> {
        Some(CallerQuota { per_second, burst })
    }

    fn caller(claims: &str) -> Caller {
        Caller::from_claims(claims, &Rules::new("https://api.acme.test", "https://acme.test/")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a05_a_caller_has_a_burst_and_a_rate_of_their_own() {
        let settings = QuotaSettings { per_caller: quota(2.0, 3), ..QuotaSettings::default() };
        let quotas = Quotas::new(&settings, 1 << 20, []);
        let take = |claims: &str| quotas.take(&caller(claims), Some("github"));
        let one = || take(r#"{"sub":"auth0|1","azp":"spa"}"#);
        let spent = |millis| Admission::Refused(Duration::from_millis(millis));
        assert_eq!((one(), one(), one()), (Admission::Fine, Admission::Fine, Admission::Fine));
        assert_eq!(one(), spent(500));
        for other in [
            r#"{"sub":"auth0|1"}"#,
            r#"{"sub":"auth0|2","azp":"spa"}"#,
            r#"{"sub":"auth0|1","azp":"spa","act":{"sub":"planner"}}"#,
            r#"{"sub":"auth0|1","azp":"spa","act":{"sub":"helper","act":{"sub":"planner"}}}"#,
        ] {
            assert_eq!(take(other), Admission::Fine, "{other} is another caller");
        }
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((one(), one()), (Admission::Fine, spent(500)));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(
            (one(), one(), one(), one()),
            (Admission::Fine, Admission::Fine, Admission::Fine, spent(500))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a05_apps_and_providers_have_limits_of_their_own() {
        let settings = QuotaSettings { per_client: quota(1.0, 2), ..QuotaSettings::default() };
        let quotas = Quotas::new(&settings, 1 << 20, [("github", CallerQuota { per_second: 1.0, burst: 1 })]);
        let [ana, ben] =
            ["auth0|ana", "auth0|ben"].map(|sub| caller(&format!(r#"{{"sub":"{sub}","azp":"spa"}}"#)));
        assert_eq!(quotas.take(&ana, Some("github")), Admission::Fine);
        // Refused by the provider's limit, which costs the app nothing.
        assert!(matches!(quotas.take(&ana, Some("github")), Admission::Refused(_)));
        assert_eq!(quotas.take(&ben, Some("google")), Admission::Fine);
        assert!(matches!(quotas.take(&ben, Some("google")), Admission::Refused(_)), "the app's is spent");
        assert_eq!(quotas.take(&caller(r#"{"sub":"auth0|ana","azp":"cli"}"#), None), Admission::Fine);

        let observed = QuotaSettings { mode: QuotaMode::Observe, ..settings };
        let quotas = Quotas::new(&observed, 1 << 20, []);
        let takes = [(); 3].map(|()| quotas.take(&ana, None));
        assert_eq!(takes, [Admission::Fine, Admission::Fine, Admission::Observed]);
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a11_ever_new_callers_stay_within_the_bytes() {
        let settings = QuotaSettings { per_caller: quota(1.0, 1), ..QuotaSettings::default() };
        let quotas = Quotas::new(&settings, 1 << 20, []);
        let limit = quotas.per_caller.as_ref().unwrap();
        for number in 0..20_000 {
            limit.take(KeyRef("iss", &format!("auth0|{number}"), Some("spa"), None));
            assert!(limit.buckets.weight() <= 1 << 20);
        }
        assert!(limit.buckets.len() > 1000);
    }

    #[test]
    fn without_a_quota_everything_passes() {
        let quotas = Quotas::new(&QuotaSettings::default(), 1 << 20, []);
        assert_eq!(quotas.take(&caller(r#"{"sub":"auth0|ana"}"#), Some("github")), Admission::Fine);
        assert!(quotas.per_caller.is_none() && quotas.per_client.is_none() && quotas.per_provider.is_empty());
    }
}
