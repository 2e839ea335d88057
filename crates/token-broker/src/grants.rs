//! What this process knows of stored grants, and the writes that must not be lost.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moka::sync::Cache;
use token_keeper::{Flight, Pending, SingleFlight};
use tokio::time::Instant;

use crate::{
    Durability, Errands, Error, GrantFilter, GrantKey, GrantRecord, GrantState, GrantStore, Reason,
    StoreError, Swap, Versioned,
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
    reads: SingleFlight<GrantKey, Read>,
    /// Refreshed grants on their way into the store: used by nobody before they are there.
    writes: SingleFlight<GrantKey, ()>,
    pub(crate) errands: Errands,
}

/// How old knowledge of a shared store may get while in use.
const RECHECK: Duration = Duration::from_secs(2);
/// How long a write is waited for before its caller is told.
const WRITE_PATIENCE: Duration = Duration::from_secs(8);

impl Grants {
    pub(crate) fn new(store: Arc<dyn GrantStore>, capacity: u64, errands: Errands) -> Self {
        let known = Cache::builder().max_capacity(capacity).build();
        Self { store, known, reads: SingleFlight::new(), writes: SingleFlight::new(), errands }
    }

    /// What is known of a grant, read first if nothing is. Knowledge of a shared store is checked again behind.
    pub(crate) async fn known(&self, key: &GrantKey) -> Result<Arc<Known>, StoreError> {
        if self.store.is_surely_empty() {
            return Ok(Arc::new(Known { found: None, read_at: Instant::now() }));
        }
        if let Some(known) = self.known.get(key) {
            if self.store.durability() == Durability::Fleet && known.read_at.elapsed() > RECHECK {
                drop(self.join_or_start(key, |_| false));
            }
            return Ok(known);
        }
        match self.join_or_start(key, |_| true) {
            Flight::Cached(known) => known,
            Flight::Started(pending) | Flight::Joined(pending) => pending
                .wait()
                .await
                .unwrap_or_else(|| Err(StoreError::unavailable("a read ended without an answer"))),
        }
    }

    /// Reads the grant anew.
    pub(crate) async fn read(&self, key: &GrantKey) -> Result<Arc<Known>, StoreError> {
        let known = look(&*self.store, &self.known, key).await?;
        self.known.insert(key.clone(), known.clone());
        Ok(known)
    }

    fn join_or_start(&self, key: &GrantKey, there: impl FnOnce(&Known) -> bool) -> Flight<Read> {
        let (store, known, load_key) = (self.store.clone(), self.known.clone(), key.clone());
        let (commit_known, commit_key) = (self.known.clone(), key.clone());
        let load = || async move { look(&*store, &known, &load_key).await };
        let commit = move |read: &Read| {
            if let Ok(read) = read {
                // A refresh may have learned something newer meanwhile.
                let newer = |old: &Arc<Known>| old.version() > read.version() && old.read_at >= read.read_at;
                if !commit_known.get(&commit_key).is_some_and(|old| newer(&old)) {
                    commit_known.insert(commit_key, read.clone());
                }
            }
        };
        self.reads.join_or_start(
            key,
            || self.known.get(key).filter(|known| there(known)).map(Ok),
            load,
            commit,
        )
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

    /// Writes what a refresh brought. A record written meanwhile gives way, unless its user revoked the grant, deleted
    /// it, or Auth0's copy changed.
    ///
    /// # Errors
    /// The store does not take it just now.
    pub(crate) async fn settle(
        &self,
        key: &GrantKey,
        mut seen: Option<u64>,
        record: &GrantRecord,
    ) -> Result<(), StoreError> {
        loop {
            if matches!(self.write(key, seen, record).await?, Swap::Done(_)) {
                return Ok(());
            }
            let now = self.read(key).await?;
            if !now.record().is_some_and(|now| gives_way(now, record)) {
                return Ok(());
            }
            seen = now.version();
        }
    }

    /// The same, and does not give up: the provider has spent the token before it. The caller is told when it takes too
    /// long; a task goes on.
    pub(crate) async fn save(
        self: &Arc<Self>,
        key: &GrantKey,
        seen: Option<u64>,
        record: GrantRecord,
    ) -> Result<(), Error> {
        let (this, own, errand) = (self.clone(), key.clone(), self.errands.begin());
        let saving = || async move {
            let _errand = errand;
            let mut pause = Duration::from_millis(50);
            while let Err(error) = this.settle(&own, seen, &record).await {
                tracing::error!(event = "grant_write_failed", %error, "a refreshed grant could not be stored yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        };
        match self.writes.join_or_start(key, || None, saving, |()| ()) {
            Flight::Cached(()) => Ok(()),
            Flight::Started(pending) | Flight::Joined(pending) => saved(pending).await,
        }
    }

    /// Waits for what an earlier refresh could not store yet; before anything else is done with the grant.
    pub(crate) async fn save_leftover(&self, key: &GrantKey) -> Result<(), Error> {
        match self.writes.pending(key) {
            Some(pending) => saved(pending).await,
            None => Ok(()),
        }
    }

    /// Whether a refreshed grant is on its way into the store.
    pub(crate) fn is_saving(&self, key: &GrantKey) -> bool {
        self.writes.pending(key).is_some()
    }

    /// Writes a state that no version may stand against: the user's own revocation.
    pub(crate) async fn overwrite(&self, key: &GrantKey, record: &GrantRecord) -> Result<(), Error> {
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
        self.reads.discard_matching(|key| filter.matches(key));
        let hits: Vec<_> = self.known.iter().map(|(key, _)| key).filter(|key| filter.matches(key)).collect();
        for key in hits {
            self.known.invalidate(&*key);
        }
    }
}

/// One look into the store. A store that holds an older record than was read or written here has lost writes (a failover, a
/// backup): it gets the newer one back, or its single-use tokens would be spent twice.
async fn look(store: &dyn GrantStore, known: &Cache<GrantKey, Arc<Known>>, key: &GrantKey) -> Read {
    let read_at = Instant::now();
    let found = store.load(key).await?;
    let ours = known.get(key).filter(|ours| has_gone_back(found.as_ref(), ours));
    let Some(Versioned { record, .. }) = ours.as_ref().and_then(|ours| ours.found.as_ref()) else {
        return Ok(Arc::new(Known { found, read_at }));
    };
    let found = match store.swap(key, found.map(|found| found.version), record).await? {
        Swap::Done(version) => {
            tracing::error!(
                event = "store_went_back",
                "the store held an older grant than it had taken before; it got the newer one back"
            );
            Some(Versioned::new(record.clone(), version))
        }
        // It was our own knowledge that grew between the two.
        Swap::Conflict => store.load(key).await?,
    };
    Ok(Arc::new(Known { found, read_at: Instant::now() }))
}

/// Versions only grow, over deletions too: a lower one of the same grant is a state from before.
fn has_gone_back(found: Option<&Versioned>, ours: &Known) -> bool {
    let (Some(found), Some(ours)) = (found, &ours.found) else { return false };
    found.version < ours.version
        && found.record.origin == ours.record.origin
        && found.record.updated_at <= ours.record.updated_at
}

/// Waits for a write, for a while.
async fn saved(pending: Pending<()>) -> Result<(), Error> {
    let unsaved = || StoreError::unavailable("a refreshed grant could not be stored yet").into();
    let written = tokio::time::timeout(WRITE_PATIENCE, pending.wait()).await;
    written.ok().flatten().ok_or_else(unsaved)
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
