//! Revocations that this process was told of, beside those in the store: they hold while the store is down too.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    Fingerprint, GrantFilter, GrantKey, GrantRecord, GrantState, grant::seconds, grants::CachedGrant,
};

/// The most revocations held; the oldest are dropped first, and are then in the store alone.
const MOST: usize = 10_000;

/// A revocation, to be told to every replica ([`Broker::apply_revocations`](crate::Broker::apply_revocations)). It holds
/// no token and can be stored and sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RevokedGrant {
    /// Whose grant; without a client, since a revocation holds for every client.
    pub key: GrantKey,
    /// When it was revoked, seconds since 1970.
    pub at: u64,
    origin: Fingerprint,
    origin_access: Option<Fingerprint>,
    origin_refresh: Option<Fingerprint>,
}

impl RevokedGrant {
    pub(crate) fn new(key: &GrantKey, record: &GrantRecord) -> Self {
        Self {
            key: key.clone().with_client(None),
            at: seconds(record.updated_at),
            origin: record.origin.clone(),
            origin_access: record.origin_access.clone(),
            origin_refresh: record.origin_refresh.clone(),
        }
    }

    fn record(&self) -> GrantRecord {
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.at));
        GrantRecord {
            state: GrantState::Revoked,
            origin_access: self.origin_access.clone(),
            origin_refresh: self.origin_refresh.clone(),
            ..GrantRecord::starting(self.origin.clone(), None, at.unwrap_or(SystemTime::UNIX_EPOCH))
        }
    }
}

/// One that this process was told of.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    cached: Arc<CachedGrant>,
    at: Instant,
}

impl Told {
    pub(crate) fn as_cached(&self) -> Arc<CachedGrant> {
        self.cached.clone()
    }

    /// Whether the store was read before this process was told.
    pub(crate) fn is_newer_than(&self, cached: &CachedGrant) -> bool {
        self.at >= cached.read_at()
    }
}

/// A revocation, and whether it still counts.
struct Entry {
    revoked: RevokedGrant,
    /// Absent once it was lifted: the same list is applied again, and must not bring it back.
    told: Option<Told>,
    at: Instant,
}

/// All of them, by key without client.
#[derive(Default)]
pub(crate) struct Revocations(RwLock<HashMap<GrantKey, Entry>>);

impl Revocations {
    pub(crate) fn add(&self, revoked: &RevokedGrant) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // A later one counts: it was made of another copy of Auth0's.
        let known = |entry: &Entry| entry.revoked.at > revoked.at || entry.revoked == *revoked;
        if all.get(&revoked.key).is_some_and(known) {
            return;
        }
        if all.len() >= MOST
            && !all.contains_key(&revoked.key)
            && let Some(oldest) = all.iter().min_by_key(|(_, entry)| entry.at).map(|(key, _)| key.clone())
        {
            all.remove(&oldest);
        }
        let (cached, at) = (Arc::new(CachedGrant::unstored(revoked.record())), Instant::now());
        let entry = Entry { revoked: revoked.clone(), told: Some(Told { cached, at }), at };
        all.insert(revoked.key.clone(), entry);
    }

    pub(crate) fn get(&self, key: &GrantKey) -> Option<Told> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return None;
        }
        all.get(&key.clone().with_client(None))?.told.clone()
    }

    /// Lifts a revocation.
    pub(crate) fn lift(&self, key: &GrantKey) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = all.get_mut(&key.clone().with_client(None)) {
            entry.told = None;
        }
    }

    /// Lifts the revocations of the grants that match.
    pub(crate) fn lift_matching(&self, filter: &GrantFilter) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut().filter(|(key, _)| filter.matches(key)).for_each(|(_, entry)| entry.told = None);
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revocations")
    }
}
