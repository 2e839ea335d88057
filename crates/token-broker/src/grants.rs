//! What this process knows of stored grants, and the writes that must not be lost.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use moka::sync::Cache;
use tokio::time::Instant;

use crate::{
    Durability, Error, GrantFilter, GrantKey, GrantRecord, GrantState, GrantStore, Reason, StoreError, Swap,
    Versioned,
    flight::{Boarding, Flights, landed},
};

/// A grant as last read: the record may be absent.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) found: Option<Versioned>,
    read_at: Instant,
}

impl Known {
    pub(crate) fn record(&self) -> Option<&GrantRecord> {
        self.found.as_ref().map(|found| &found.record)
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.found.as_ref().map(|found| found.version)
    }
}

type Read = Result<Arc<Known>, StoreError>;

/// Grants of this process' users.
pub(crate) struct Grants {
    pub(crate) store: Arc<dyn GrantStore>,
    known: Cache<GrantKey, Arc<Known>>,
    reads: Flights<GrantKey, Read>,
    /// Refreshed grants the store would not take yet: used by nobody before it does.
    unsaved: Mutex<HashMap<GrantKey, GrantRecord>>,
}

/// How old knowledge of a shared store may get while in use.
const RECHECK: Duration = Duration::from_secs(2);
/// How long a write is tried before its caller is told.
const WRITE_PATIENCE: Duration = Duration::from_secs(8);

impl Grants {
    pub(crate) fn new(store: Arc<dyn GrantStore>, capacity: u64) -> Self {
        let known = Cache::builder().max_capacity(capacity).build();
        Self { store, known, reads: Flights::new(), unsaved: Mutex::default() }
    }

    /// What is known of a grant, read first if nothing is. Knowledge of a shared store is checked again behind.
    pub(crate) async fn known(&self, key: &GrantKey) -> Result<Arc<Known>, StoreError> {
        if self.store.is_surely_empty() {
            return Ok(Arc::new(Known { found: None, read_at: Instant::now() }));
        }
        if let Some(known) = self.known.get(key) {
            if self.store.durability() == Durability::Fleet && known.read_at.elapsed() > RECHECK {
                drop(self.board(key, |_| false));
            }
            return Ok(known);
        }
        match self.board(key, |_| true) {
            Boarding::There(known) => known,
            Boarding::Started(landing) | Boarding::Joined(landing) => landed(landing)
                .await
                .unwrap_or_else(|| Err(StoreError::unavailable("a read ended without an answer"))),
        }
    }

    /// Reads the grant anew.
    pub(crate) async fn read(&self, key: &GrantKey) -> Result<Arc<Known>, StoreError> {
        let found = self.store.load(key).await?;
        Ok(self.learn(key, found))
    }

    fn board(&self, key: &GrantKey, there: impl FnOnce(&Known) -> bool) -> Boarding<Read> {
        let (store, known, load_key, commit_key) =
            (self.store.clone(), self.known.clone(), key.clone(), key.clone());
        let load = || async move {
            let read_at = Instant::now();
            let found = store.load(&load_key).await?;
            Ok(Arc::new(Known { found, read_at }))
        };
        let commit = move |read: &Read| {
            if let Ok(read) = read {
                // A refresh may have learned something newer meanwhile.
                let newer = |old: &Arc<Known>| old.version() > read.version() && old.read_at >= read.read_at;
                if !known.get(&commit_key).is_some_and(|old| newer(&old)) {
                    known.insert(commit_key, read.clone());
                }
            }
        };
        self.reads.board(key, || self.known.get(key).filter(|known| there(known)).map(Ok), load, commit)
    }

    pub(crate) fn learn(&self, key: &GrantKey, found: Option<Versioned>) -> Arc<Known> {
        let known = Arc::new(Known { found, read_at: Instant::now() });
        self.known.insert(key.clone(), known.clone());
        known
    }

    /// Keeps a refreshed grant for this process alone, where that is safe.
    pub(crate) fn keep_here(&self, key: &GrantKey, record: GrantRecord, seen: Option<u64>) {
        self.learn(key, Some(Versioned::new(record, seen.unwrap_or(0))));
    }

    /// Writes once, on the version seen.
    pub(crate) async fn write(
        &self,
        key: &GrantKey,
        seen: Option<u64>,
        record: &GrantRecord,
    ) -> Result<Swap, StoreError> {
        let swap = self.store.swap(key, seen, record).await?;
        if let Swap::Done(version) = swap {
            self.learn(key, Some(Versioned::new(record.clone(), version)));
        }
        Ok(swap)
    }

    /// Writes what a refresh brought, and does not give up: the provider has spent the token before it. A record
    /// written meanwhile gives way, unless its user revoked the grant or Auth0's copy changed.
    pub(crate) async fn save(
        &self,
        key: &GrantKey,
        seen: Option<u64>,
        record: GrantRecord,
    ) -> Result<(), Error> {
        let (until, mut seen, mut pause) = (Instant::now() + WRITE_PATIENCE, seen, Duration::from_millis(50));
        loop {
            let written = match self.write(key, seen, &record).await {
                Ok(Swap::Done(_)) => return Ok(()),
                Ok(Swap::Conflict) => self.read(key).await,
                Err(error) => Err(error),
            };
            match written {
                Ok(known) if known.record().is_some_and(|now| gives_way(now, &record)) => {
                    seen = known.version();
                    continue;
                }
                Ok(known) if known.found.is_some() => return Ok(()),
                // Deleted meanwhile: the user asked for it.
                Ok(_) => return Ok(()),
                Err(error) => {
                    tracing::error!(event = "grant_write_failed", %error, "a refreshed grant could not be stored yet");
                }
            }
            if Instant::now() >= until {
                self.unsaved().insert(key.clone(), record);
                return Err(StoreError::unavailable("a refreshed grant could not be stored").into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Writes what an earlier refresh could not; before anything else is done with the grant.
    pub(crate) async fn save_leftover(&self, key: &GrantKey) -> Result<(), Error> {
        let Some(record) = self.unsaved().get(key).cloned() else { return Ok(()) };
        let seen = self.read(key).await?.version();
        self.save(key, seen, record).await?;
        self.unsaved().remove(key);
        Ok(())
    }

    /// Writes a state that no version may stand against: the user's own revocation.
    pub(crate) async fn overwrite(&self, key: &GrantKey, record: &GrantRecord) -> Result<(), Error> {
        self.unsaved().remove(key);
        for _ in 0..8 {
            let seen = self.read(key).await?.version();
            if matches!(self.write(key, seen, record).await?, Swap::Done(_)) {
                return Ok(());
            }
        }
        Err(StoreError::unavailable("a grant is written over and over").into())
    }

    /// Deletes one grant.
    pub(crate) async fn delete(&self, key: &GrantKey) -> Result<bool, StoreError> {
        self.unsaved().remove(key);
        let was_there = self.store.delete(key).await?;
        self.known.invalidate(key);
        Ok(was_there)
    }

    /// Deletes the stored grants that match, and counts them.
    pub(crate) async fn delete_matching(&self, filter: &GrantFilter) -> Result<u64, Error> {
        let mut deleted = 0;
        for summary in self.store.list(filter).await? {
            deleted += u64::from(self.delete(&summary.key).await?);
        }
        Ok(deleted)
    }

    /// Forgets what is known here; the store keeps what it has.
    pub(crate) fn forget(&self, filter: &GrantFilter) {
        self.reads.abandon_matching(|key| filter.matches(key));
        let hits: Vec<_> = self.known.iter().map(|(key, _)| key).filter(|key| filter.matches(key)).collect();
        for key in hits {
            self.known.invalidate(&*key);
        }
    }

    fn unsaved(&self) -> MutexGuard<'_, HashMap<GrantKey, GrantRecord>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the stored record gives way to what a refresh brought.
fn gives_way(now: &GrantRecord, ours: &GrantRecord) -> bool {
    now.origin == ours.origin && now.state != GrantState::Revoked && now.updated_at <= ours.updated_at
}

/// The record a successful refresh leads to.
pub(crate) fn succeed(old: &GrantRecord, new: &idp_adapters::Refreshed, asked: SystemTime) -> GrantRecord {
    GrantRecord {
        origin: old.origin.clone(),
        state: GrantState::Live,
        access_token: Some(new.access_token.clone()),
        expires_at: new.expires_in.map(|life| asked + life),
        lifetime: new.expires_in.or(old.lifetime),
        refresh_token: new.refresh_token.clone().or_else(|| old.refresh_token.clone()),
        scopes: new.scopes.clone().or_else(|| old.scopes.clone()),
        intent: None,
        updated_at: SystemTime::now(),
    }
}

pub(crate) fn busy() -> Error {
    Error::new(Reason::StoreUnavailable, "another process is refreshing this grant; try again")
        .after(Some(Duration::from_secs(1)))
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").field("store", &self.store).finish_non_exhaustive()
    }
}
