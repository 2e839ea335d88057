//! How the bytes that a broker may keep in memory are split, and what its entries take.

use std::{hash::Hash, time::Duration};

use moka::{policy::EvictionPolicy, sync::Cache};
use secrecy::ExposeSecret;

use crate::{GrantKey, GrantRecord};

/// What a cache keeps beside a key and its value: counters, links of its queues, a place in its table.
pub(crate) const OVERHEAD: usize = 224;

/// The bound of one cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) bytes: u64,
    /// What an entry counts at least, so that there are not more than so many.
    least: u32,
}

impl Bound {
    fn new(bytes: u64, entries: u64) -> Self {
        let least = u32::try_from(bytes.div_ceil(entries.max(1))).unwrap_or(u32::MAX);
        Self { bytes: bytes.max(1), least }
    }

    /// What an entry of `size` bytes counts.
    pub(crate) fn weigh(self, size: usize) -> u32 {
        u32::try_from(size + OVERHEAD).unwrap_or(u32::MAX).max(self.least)
    }

    /// A cache within this bound that drops what was not used for longest. Its own clock is not Tokio's: `life` only bounds memory.
    pub(crate) fn cache<K, V>(
        self,
        life: Option<Duration>,
        size: impl Fn(&K, &V) -> usize + Send + Sync + 'static,
    ) -> Cache<K, V>
    where
        K: Hash + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let weigh = move |key: &K, value: &V| self.weigh(size(key, value));
        let cache =
            Cache::builder().max_capacity(self.bytes).weigher(weigh).eviction_policy(EvictionPolicy::lru());
        match life {
            Some(life) => cache.time_to_live(life).build(),
            None => cache.build(),
        }
    }
}

/// The bounds of all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) grants: Bound,
    pub(crate) vault: VaultBounds,
    /// Of each of three kinds.
    pub(crate) tokens_seen: Bound,
    /// Of grants that were revoked lately, and of connections whose revocation was begun.
    pub(crate) revoked: Bound,
    pub(crate) caught_up: Bound,
    pub(crate) revocations: Bound,
}

/// Those of the vault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VaultBounds {
    pub(crate) held: Bound,
    pub(crate) absent: Bound,
    pub(crate) hints: Bound,
}

impl Bounds {
    /// Splits `bytes`, with at most so many entries of each kind.
    pub(crate) fn new(bytes: u64, entries: u64) -> Self {
        let share = |of_hundred: u64| Bound::new(bytes / 100 * of_hundred, entries);
        Self {
            grants: share(30),
            vault: VaultBounds { held: share(28), absent: share(4), hints: share(8) },
            tokens_seen: share(5),
            revoked: share(3),
            caught_up: share(3),
            revocations: share(6),
        }
    }
}

/// The texts of a key and what holds them.
pub(crate) fn size_of_key(key: &GrantKey) -> usize {
    let optional = [&key.account, &key.client];
    let texts = optional.into_iter().flatten().chain([&key.tenant, &key.user, &key.connection]);
    size_of::<GrantKey>() + texts.map(String::len).sum::<usize>()
}

/// The texts of a record and what holds them.
pub(crate) fn size_of_record(record: &GrantRecord) -> usize {
    let marks = [Some(&record.origin), record.origin_access.as_ref(), record.origin_refresh.as_ref()];
    let scopes = record.scopes.as_ref().map_or(0, |scopes| size_of_texts(scopes));
    let entries = record.origin_entries.iter().map(|entry| entry.0.len() + size_of::<String>());
    size_of::<GrantRecord>()
        + marks.into_iter().flatten().map(|mark| mark.0.len()).chain(entries).sum::<usize>()
        + scopes
        + record.access_token.as_ref().map_or(0, |token| token.header().len())
        + record.refresh_token.as_ref().map_or(0, |token| token.expose_secret().len())
        + record.refused_for.as_ref().map_or(0, String::len)
}

/// Texts and what holds them.
pub(crate) fn size_of_texts(texts: &[String]) -> usize {
    texts.iter().map(|text| text.len() + size_of::<String>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, Fingerprint, Source};
    use std::time::SystemTime;

    #[test]
    fn tm_a11_grants_of_ever_new_users_stay_within_the_bytes() {
        let bound = Bounds::new(1 << 20, 100_000).grants;
        let cache: Cache<GrantKey, GrantRecord> =
            bound.cache(None, |key, record| size_of_key(key) + size_of_record(record));
        for number in 0..5_000 {
            let account = Account::new("github", Some(number.to_string()));
            let key = GrantKey::new("acme.test", &format!("auth0|{number}"), Source::Identities, &account);
            let mut record =
                GrantRecord::starting(Fingerprint("k:1".to_owned()), None, SystemTime::UNIX_EPOCH);
            record.refresh_token = Some("r".repeat(100).into());
            cache.insert(key, record);
        }
        cache.run_pending_tasks();
        let held: usize = cache.iter().map(|(key, record)| size_of_key(&key) + size_of_record(&record)).sum();
        assert!(held as u64 <= bound.bytes, "{held} bytes");
        assert!(cache.entry_count() > 100);
    }

    #[test]
    fn the_shares_are_all_there_is() {
        let Bounds { grants, vault, tokens_seen, revoked, caught_up, revocations } =
            Bounds::new(100 << 20, 1000);
        let sum = grants.bytes + vault.held.bytes + vault.absent.bytes + vault.hints.bytes;
        let sum = sum + 3 * tokens_seen.bytes + 2 * revoked.bytes + caught_up.bytes + revocations.bytes;
        assert_eq!(sum, 100 << 20);
    }
}
