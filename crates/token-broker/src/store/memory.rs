//! Grants of one process, gone with it.

mod records;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    BoxFuture, Durability, GrantFilter, GrantStore, KeyRing, Lease, StoreError, Swap, Versioned,
    leases::Leases,
};
use crate::{GrantKey, GrantRecord, GrantSummary};

/// Keeps grants in memory. Enough wherever a refresh outside Auth0 is harmless; not for single-use refresh
/// tokens, which a restart would lose.
///
/// ```
/// use token_broker::{Durability, GrantStore, MemoryStore};
///
/// let store = MemoryStore::new()?;
/// assert_eq!(store.durability(), Durability::Process);
/// # Ok::<(), token_broker::StoreError>(())
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    keys: KeyRing,
    state: Mutex<State>,
    leases: Leases,
    written: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    grants: BTreeMap<GrantKey, Versioned>,
    /// Versions go on over deletions, so that no writer mistakes a new record for the one it read.
    serial: u64,
    records: BTreeMap<String, (u64, Vec<u8>)>,
}

impl MemoryStore {
    /// An empty store.
    ///
    /// # Errors
    /// The system gives no randomness for the key of its fingerprints.
    pub fn new() -> Result<Self, StoreError> {
        let keys = KeyRing::ephemeral().map_err(|error| StoreError::unavailable(error.to_string()))?;
        let written = tokio::sync::Notify::new();
        Ok(Self { keys, state: Mutex::default(), leases: Leases::default(), written })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GrantStore for MemoryStore {
    fn durability(&self) -> Durability {
        Durability::Process
    }

    fn keys(&self) -> &KeyRing {
        &self.keys
    }

    fn is_surely_empty(&self) -> bool {
        self.state().grants.is_empty()
    }

    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        let found = self.state().grants.get(key).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn swap<'a>(
        &'a self,
        key: &'a GrantKey,
        seen: Option<u64>,
        record: &'a GrantRecord,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        let mut state = self.state();
        let swap = if state.grants.get(key).map(|found| found.version) == seen {
            state.serial += 1;
            let version = state.serial;
            state.grants.insert(key.clone(), Versioned::new(record.clone(), version));
            Swap::Done(version)
        } else {
            Swap::Conflict
        };
        Box::pin(std::future::ready(Ok(swap)))
    }

    fn delete<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        let was_there = self.state().grants.remove(key).is_some();
        Box::pin(std::future::ready(Ok(was_there)))
    }

    fn list<'a>(&'a self, filter: &'a GrantFilter) -> BoxFuture<'a, Result<Vec<GrantSummary>, StoreError>> {
        let state = self.state();
        let hits = state.grants.iter().filter(|(key, _)| filter.matches(key));
        let list = hits.map(|(key, found)| found.record.summary(key.clone())).collect();
        Box::pin(std::future::ready(Ok(list)))
    }

    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(std::future::ready(Ok(self.leases.acquire(key, ttl))))
    }

    fn release<'a>(&'a self, key: &'a GrantKey, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.leases.release(key, lease);
        Box::pin(std::future::ready(Ok(())))
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}
