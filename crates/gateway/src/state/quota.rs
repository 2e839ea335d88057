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

/// How many times as many questions as calls a caller may make.
const QUESTIONS: u32 = 10;
/// The questions of each caller where no quota limits the calls. They are refused beyond it whatever the mode is.
const ANY_QUESTIONS: CallerQuota = CallerQuota { per_second: 100.0, burst: 1000 };

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
    /// Per caller too: what asks no provider and costs no quota still costs work.
    questions: Option<Limit>,
    /// Whether questions are refused beyond their limit.
    enforce_questions: bool,
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
        let per_caller = settings.per_caller.filter(|quota| quota.per_second > 0.0);
        let questions = per_caller.map_or(ANY_QUESTIONS, |quota| CallerQuota {
            per_second: quota.per_second * f64::from(QUESTIONS),
            burst: quota.burst.saturating_mul(QUESTIONS),
        });
        let own = [settings.per_caller, settings.per_client, Some(questions)];
        let limits = providers.len() + own.iter().flatten().count();
        let share = bytes / (limits.max(1) as u64);
        let limit = |quota: CallerQuota| Limit::new(quota, share);
        let named = |(name, quota): (&str, CallerQuota)| Some((name.to_owned(), limit(quota)?));
        let enforce = settings.mode == QuotaMode::Enforce;
        Self {
            enforce,
            per_caller: settings.per_caller.and_then(limit),
            per_client: settings.per_client.and_then(limit),
            questions: limit(questions),
            enforce_questions: enforce || per_caller.is_none(),
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
        admission(wait, self.enforce)
    }

    /// Takes one question, which costs nothing of the quota of calls.
    pub(crate) fn take_question(&self, caller: &Caller) -> Admission {
        let wait = self.questions.as_ref().and_then(|limit| limit.take(KeyRef::caller(caller)));
        admission(wait, self.enforce_questions)
    }
}

fn admission(wait: Option<Duration>, enforce: bool) -> Admission {
    match wait {
        None => Admission::Fine,
        Some(wait) if enforce => Admission::Refused(wait),
        Some(_) => Admission::Observed,
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
        // The cache also keeps the places of half as many former buckets: not of more than there is memory for.
        let most = usize::try_from(bytes).unwrap_or(usize::MAX) / OVERHEAD;
        Some(Self {
            cost,
            tolerance: cost.saturating_mul(u64::from(quota.burst.max(1))),
            origin: Instant::now(),
            buckets: Cache::with_weighter(
                CALLERS.min(most.max(1)),
                bytes,
                BySize { least: bytes.div_ceil(CALLERS as u64) },
            ),
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
mod tests;
