//! A store that several replicas of a test share.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    BoxFuture, Durability, GrantFilter, GrantKey, GrantRecord, GrantStore, GrantSummary, KeyRing, Lease,
    MemoryStore, StoreError, Swap, Versioned,
};

/// A memory store that calls itself a fleet's, and can be down.
#[derive(Debug)]
pub(super) struct Fleet {
    pub(super) inner: MemoryStore,
    pub(super) down: AtomicBool,
    pub(super) no_writes: AtomicBool,
    pub(super) short_leases: AtomicBool,
    /// What it has gone back to: shown until somebody writes over it.
    pub(super) past: Mutex<Option<Versioned>>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            inner: MemoryStore::new().unwrap(),
            down: AtomicBool::default(),
            no_writes: AtomicBool::default(),
            short_leases: AtomicBool::default(),
            past: Mutex::default(),
        }
    }
}

impl Fleet {
    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) { Err(StoreError::unavailable("seeded")) } else { Ok(()) }
    }
}

impl GrantStore for Fleet {
    fn durability(&self) -> Durability {
        Durability::Fleet
    }
    fn keys(&self) -> &KeyRing {
        self.inner.keys()
    }
    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        Box::pin(async move {
            self.up()?;
            if let Some(past) = self.past.lock().unwrap().clone() {
                return Ok(Some(past));
            }
            self.inner.load(key).await
        })
    }
    fn swap<'a>(
        &'a self,
        key: &'a GrantKey,
        seen: Option<u64>,
        record: &'a GrantRecord,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            self.up()?;
            if self.no_writes.load(Ordering::SeqCst) && record.intent.is_none() {
                return Err(StoreError::unavailable("seeded"));
            }
            let past = self.past.lock().unwrap().take_if(|past| Some(past.version) == seen);
            let seen = match past {
                Some(_) => self.inner.load(key).await?.map(|found| found.version),
                None => seen,
            };
            self.inner.swap(key, seen, record).await
        })
    }
    fn delete<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.up()?;
            self.inner.delete(key).await
        })
    }
    fn list<'a>(&'a self, filter: &'a GrantFilter) -> BoxFuture<'a, Result<Vec<GrantSummary>, StoreError>> {
        self.inner.list(filter)
    }
    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            self.up()?;
            let short = self.short_leases.load(Ordering::SeqCst);
            self.inner.acquire(key, if short { ttl / 4 } else { ttl }).await
        })
    }
    fn release<'a>(&'a self, key: &'a GrantKey, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.release(key, lease)
    }
    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.inner.check()
    }
}
