//! Revocations that this process was told of, beside those in the store: they hold while the store is down too.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    Account, Fingerprint, GrantKey, GrantRecord, GrantState,
    bounds::{Bound, size_of_key, size_of_record},
    digest::Digest,
    grant::seconds,
    grants::CachedGrant,
};

/// A revocation, or that one was lifted, to be told to every replica
/// ([`Broker::apply_revocations`](crate::Broker::apply_revocations)). It holds no token and can be stored and sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RevokedGrant {
    /// Whose grant; without a client, since a revocation holds for every client.
    pub key: GrantKey,
    /// When it was revoked, seconds since 1970. What lifts it is a second later.
    pub at: u64,
    /// The revocation that was known before is lifted: the user has connected the account again, or an operator deleted the grant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lifted: bool,
    origin: Fingerprint,
    origin_access: Option<Fingerprint>,
    origin_refresh: Option<Fingerprint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    origin_entries: Vec<Fingerprint>,
}

impl RevokedGrant {
    pub(crate) fn new(key: &GrantKey, record: &GrantRecord) -> Self {
        Self {
            key: key.clone().with_client(None),
            at: seconds(record.updated_at),
            lifted: false,
            origin: record.origin.clone(),
            origin_access: record.origin_access.clone(),
            origin_refresh: record.origin_refresh.clone(),
            origin_entries: record.origin_entries.clone(),
        }
    }

    /// Whether it counts and `other`, of the same grant, does not. Of one moment, a revocation counts.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        (self.at, !self.lifted) > (other.at, !other.lifted)
    }

    /// What lifts it, to be told in the same way: for an operator who has deleted the grant from the store.
    #[must_use]
    pub fn lift(&self) -> Self {
        Self { at: self.at.saturating_add(1), lifted: true, ..self.clone() }
    }

    /// Tells the grant apart from later ones of the same account.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of_text(&format!("{}\0{}", self.key.encode(), self.origin.0))
    }

    /// The same for one account of the connection.
    pub(crate) fn digest_of(&self, account: &Account) -> Digest {
        Digest::of_text(&format!("{}\0{}\0{account}", self.key.encode(), self.origin.0))
    }

    fn record(&self) -> GrantRecord {
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.at));
        GrantRecord {
            state: GrantState::Revoked,
            origin_access: self.origin_access.clone(),
            origin_refresh: self.origin_refresh.clone(),
            origin_entries: self.origin_entries.clone(),
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
    /// When it was told, and a number that tells those of one moment apart.
    place: (Instant, u64),
    weight: u32,
}

/// All of them, by key without client.
pub(crate) struct Revocations {
    all: RwLock<All>,
    bound: Bound,
}

#[derive(Default)]
struct All {
    by_key: HashMap<GrantKey, Entry>,
    /// When each was told, and its key: the oldest are dropped first, and are then in the store alone.
    order: BTreeMap<(Instant, u64), GrantKey>,
    count: u64,
    bytes: u64,
}

impl All {
    fn remove(&mut self, key: &GrantKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.bytes -= u64::from(entry.weight);
            self.order.remove(&entry.place);
        }
    }
}

impl Revocations {
    pub(crate) fn new(bound: Bound) -> Self {
        Self { all: RwLock::default(), bound }
    }

    /// Whether it was not known.
    pub(crate) fn add(&self, revoked: &RevokedGrant) -> bool {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let known = |entry: &Entry| entry.revoked.supersedes(revoked) || entry.revoked == *revoked;
        if all.by_key.get(&revoked.key).is_some_and(known) {
            return false;
        }
        all.remove(&revoked.key);
        let record = revoked.record();
        // The key stands in the index, in the order and in the revocation itself.
        let weight = self.bound.weigh(3 * size_of_key(&revoked.key) + 2 * size_of_record(&record));
        all.bytes += u64::from(weight);
        while all.bytes > self.bound.bytes
            && let Some(oldest) = all.order.first_entry().map(|oldest| oldest.get().clone())
        {
            all.remove(&oldest);
        }
        all.count += 1;
        let (cached, place) = (Arc::new(CachedGrant::unstored(record)), (Instant::now(), all.count));
        all.order.insert(place, revoked.key.clone());
        let told = (!revoked.lifted).then_some(Told { cached, at: place.0 });
        all.by_key.insert(revoked.key.clone(), Entry { revoked: revoked.clone(), told, place, weight });
        true
    }

    /// Whether no revocation is known. Lifted ones count as known.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.read().unwrap_or_else(PoisonError::into_inner).by_key.is_empty()
    }

    pub(crate) fn get(&self, key: &GrantKey) -> Option<Told> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        if all.by_key.is_empty() {
            return None;
        }
        all.by_key.get(&key.clone().with_client(None))?.told.clone()
    }

    /// Lifts a revocation.
    pub(crate) fn lift(&self, key: &GrantKey) {
        self.lift_up_to(key, u64::MAX);
    }

    /// Lifts a revocation of that second or an earlier one. Whether there is no later one.
    pub(crate) fn lift_up_to(&self, key: &GrantKey, at: u64) -> bool {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = all.by_key.get_mut(&key.clone().with_client(None)) else { return true };
        let later = entry.told.is_some() && entry.revoked.at > at;
        if !later {
            entry.told = None;
        }
        !later
    }

    /// Lifts the revocations of the grants that match. What it returns is to be told to every replica.
    pub(crate) fn lift_matching(&self, matches: impl Fn(&GrantKey) -> bool) -> Vec<RevokedGrant> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let matching = all.by_key.iter_mut().filter(|(key, entry)| matches(key) && !entry.revoked.lifted);
        matching
            .map(|(_, entry)| {
                entry.told = None;
                entry.revoked = entry.revoked.lift();
                entry.revoked.clone()
            })
            .collect()
    }

    /// When the last that is known of the grant was, or was lifted, seconds since 1970.
    pub(crate) fn last(&self, key: &GrantKey) -> Option<u64> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        if all.by_key.is_empty() {
            return None;
        }
        all.by_key.get(&key.clone().with_client(None)).map(|entry| entry.revoked.at)
    }

    /// Bytes that they take.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.all.read().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revocations")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, bounds::Bounds};

    #[tokio::test(start_paused = true)]
    async fn tm_a11_the_oldest_revocations_go_when_the_bytes_are_full() {
        let bounds = Bounds::new(1 << 20, 100_000);
        let all = Revocations::new(bounds.revocations);
        let key = |number: u64| {
            let account = Account::new("github", Some(number.to_string()));
            GrantKey::new("acme.test", &format!("auth0|{number}"), Source::Identities, &account)
        };
        for number in 0..2_000 {
            let record = GrantRecord::starting(Fingerprint("k:1".to_owned()), None, SystemTime::UNIX_EPOCH);
            all.add(&RevokedGrant::new(&key(number), &record));
            assert!(all.bytes() <= bounds.revocations.bytes, "{} bytes", all.bytes());
        }
        assert!(all.get(&key(1_999)).is_some() && all.get(&key(0)).is_none());
        assert_eq!(all.all.read().unwrap().order.len(), all.all.read().unwrap().by_key.len());
    }
}
