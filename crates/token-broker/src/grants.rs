//! Stored grants, cached, and the writes that must not be lost.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moka::sync::Cache;
use token_keeper::{Flight, Pending, SingleFlight};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::{
    Durability, Error, GrantFilter, GrantKey, GrantRecord, GrantState, GrantStore, GrantSummary, Reason,
    StoreError, Swap, Versioned,
    bounds::{Bound, size_of_key, size_of_record},
};

/// A grant as it was last read: the record may be absent.
#[derive(Debug)]
pub(crate) struct CachedGrant {
    pub(crate) found: Option<Versioned>,
    /// It was found under the key without the OAuth client: a revocation, which holds for every client.
    of_all_clients: bool,
    read_at: Instant,
}

impl CachedGrant {
    pub(crate) fn record(&self) -> Option<&GrantRecord> {
        self.found.as_ref().map(|found| &found.record)
    }

    /// The version to write on.
    pub(crate) fn version(&self) -> Option<u64> {
        self.found.as_ref().filter(|_| !self.of_all_clients).map(|found| found.version)
    }

    /// A record that is in no store.
    pub(crate) fn unstored(record: GrantRecord) -> Self {
        let found = Some(Versioned::new(record, 0));
        Self { found, of_all_clients: true, read_at: Instant::now() }
    }

    pub(crate) fn read_at(&self) -> Instant {
        self.read_at
    }
}

type Read = Result<Arc<CachedGrant>, StoreError>;

/// Grants of this process' users.
pub(crate) struct Grants {
    pub(crate) store: Arc<dyn GrantStore>,
    cache: Cache<GrantKey, Arc<CachedGrant>>,
    reads: SingleFlight<GrantKey, Read>,
    /// Refreshed grants that are being stored. Their tokens are not used before.
    writes: SingleFlight<GrantKey, ()>,
    /// Counts what an orderly end of the process waits for.
    pub(crate) tasks: TaskTracker,
}

/// How old a cached grant of a shared store may get while in use.
const RECHECK: Duration = Duration::from_secs(2);
/// How long a write is waited for before its caller is told.
const WRITE_WAIT: Duration = Duration::from_secs(8);

impl Grants {
    pub(crate) fn new(store: Arc<dyn GrantStore>, bound: Bound, tasks: TaskTracker) -> Self {
        let cache = bound.cache(None, |key, known: &Arc<CachedGrant>| {
            size_of_key(key) + size_of::<CachedGrant>() + known.record().map_or(0, size_of_record)
        });
        Self { store, cache, reads: SingleFlight::new(), writes: SingleFlight::new(), tasks }
    }

    /// The cached grant, where it need not be read again.
    pub(crate) fn at_hand(&self, key: &GrantKey) -> Option<Arc<CachedGrant>> {
        self.cache.get(key).filter(|known| !self.is_due(known))
    }

    /// Whether it is old enough to be read again in the background.
    fn is_due(&self, known: &CachedGrant) -> bool {
        self.store.durability() == Durability::Fleet && known.read_at.elapsed() > RECHECK
    }

    /// The cached grant, read first if there is none. A shared store is read again in the background, at most once in
    /// [`RECHECK`].
    pub(crate) async fn cached(&self, key: &GrantKey) -> Result<Arc<CachedGrant>, StoreError> {
        if self.store.is_surely_empty() {
            return Ok(Arc::new(CachedGrant { found: None, of_all_clients: false, read_at: Instant::now() }));
        }
        if let Some(known) = self.cache.get(key) {
            if self.is_due(&known) {
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
    pub(crate) async fn read(&self, key: &GrantKey) -> Result<Arc<CachedGrant>, StoreError> {
        let known = load(&*self.store, &self.cache, key).await?;
        self.cache.insert(key.clone(), known.clone());
        Ok(known)
    }

    fn join_or_start(&self, key: &GrantKey, there: impl FnOnce(&CachedGrant) -> bool) -> Flight<Read> {
        let (store, known, load_key) = (self.store.clone(), self.cache.clone(), key.clone());
        let (commit_known, commit_key) = (self.cache.clone(), key.clone());
        let load = || async move { load(&*store, &known, &load_key).await };
        let commit = move |read: &Read| {
            if let Ok(read) = read {
                // A refresh may have learned something newer meanwhile.
                let newer =
                    |old: &Arc<CachedGrant>| old.version() > read.version() && old.read_at >= read.read_at;
                if !commit_known.get(&commit_key).is_some_and(|old| newer(&old)) {
                    commit_known.insert(commit_key, read.clone());
                }
            }
        };
        self.reads.join_or_start(
            key,
            || self.cache.get(key).filter(|known| there(known)).map(Ok),
            load,
            commit,
        )
    }

    pub(crate) fn insert(&self, key: &GrantKey, found: Option<Versioned>) -> Arc<CachedGrant> {
        let known = Arc::new(CachedGrant { found, of_all_clients: false, read_at: Instant::now() });
        self.cache.insert(key.clone(), known.clone());
        known
    }

    /// Keeps a refreshed grant for this process alone, where that is safe.
    pub(crate) fn keep_here(&self, key: &GrantKey, record: GrantRecord, seen: Option<u64>) {
        // The store was not read now: what this process was told since then still counts.
        let read_at = self.cache.get(key).map_or_else(Instant::now, |cached| cached.read_at);
        let found = Some(Versioned::new(record, seen.unwrap_or(0)));
        self.cache.insert(key.clone(), Arc::new(CachedGrant { found, of_all_clients: false, read_at }));
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
            self.insert(key, Some(Versioned::new(record.clone(), version)));
        }
        Ok(swap)
    }

    /// Writes what a refresh brought. It supersedes a record that was written meanwhile, unless the user revoked or deleted
    /// the grant, or Auth0's copy changed.
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
            if !now.record().is_some_and(|now| is_superseded(now, record)) {
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
        let (this, own, counted) = (self.clone(), key.clone(), self.tasks.token());
        let saving = || async move {
            let _counted = counted;
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

    /// Writes a state whatever version is stored: the user's own revocation.
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
        self.cache.invalidate(key);
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

    /// Deletes the grants that are revoked, of those that `filter` lists and that match.
    pub(crate) async fn delete_revoked(
        &self,
        filter: &GrantFilter,
        matches: impl Fn(&GrantKey) -> bool,
    ) -> Result<(), Error> {
        let all = self.store.list(filter).await?;
        let revoked = |summary: &&GrantSummary| summary.state == GrantState::Revoked && matches(&summary.key);
        for summary in all.iter().filter(revoked) {
            self.delete(&summary.key).await?;
        }
        Ok(())
    }

    /// Drops what is cached here; the store keeps what it has.
    pub(crate) fn forget(&self, filter: &GrantFilter) {
        self.reads.discard_matching(|key| filter.matches(key));
        let hits: Vec<_> = self.cache.iter().map(|(key, _)| key).filter(|key| filter.matches(key)).collect();
        for key in hits {
            self.cache.invalidate(&*key);
        }
    }
}

/// Reads the store once. A store that holds an older record than was read or written here has lost writes (a failover, a
/// backup): it gets the newer one back, or its single-use tokens would be spent twice.
async fn load(store: &dyn GrantStore, cache: &Cache<GrantKey, Arc<CachedGrant>>, key: &GrantKey) -> Read {
    let read_at = Instant::now();
    let found = store.load(key).await?;
    let ours = cache.get(key).filter(|ours| has_gone_back(found.as_ref(), ours));
    if let Some(Versioned { record, .. }) = ours.as_ref().and_then(|ours| ours.found.as_ref()) {
        let found = match store.swap(key, found.map(|found| found.version), record).await? {
            Swap::Done(version) => {
                tracing::error!(
                    event = "store_went_back",
                    "the store held an older grant than it had taken before; it got the newer one back"
                );
                Some(Versioned::new(record.clone(), version))
            }
            // Another task of this process wrote between the two.
            Swap::Conflict => store.load(key).await?,
        };
        return Ok(Arc::new(CachedGrant { found, of_all_clients: false, read_at: Instant::now() }));
    }
    if found.is_some() || key.client.is_none() {
        return Ok(Arc::new(CachedGrant { found, of_all_clients: false, read_at }));
    }
    of_all_clients(store, key, read_at).await
}

/// What is stored under the key without the OAuth client: a revocation, or a grant of an older version, which moves to its
/// client's key.
async fn of_all_clients(store: &dyn GrantStore, key: &GrantKey, read_at: Instant) -> Read {
    let plain = key.clone().with_client(None);
    let Some(found) = store.load(&plain).await? else {
        return Ok(Arc::new(CachedGrant { found: None, of_all_clients: false, read_at }));
    };
    if found.record.state == GrantState::Revoked {
        return Ok(Arc::new(CachedGrant { found: Some(found), of_all_clients: true, read_at }));
    }
    let found = match store.swap(key, None, &found.record).await? {
        Swap::Done(version) => {
            store.delete(&plain).await?;
            Some(Versioned::new(found.record, version))
        }
        // Another process was faster.
        Swap::Conflict => store.load(key).await?,
    };
    Ok(Arc::new(CachedGrant { found, of_all_clients: false, read_at }))
}

/// Versions only grow, over deletions too: a lower one of the same grant is a state from before.
fn has_gone_back(found: Option<&Versioned>, ours: &CachedGrant) -> bool {
    let (Some(found), Some(ours), false) = (found, &ours.found, ours.of_all_clients) else { return false };
    found.version < ours.version
        && found.record.origin == ours.record.origin
        && found.record.updated_at <= ours.record.updated_at
}

/// Waits for a write, for a while.
async fn saved(pending: Pending<()>) -> Result<(), Error> {
    let unsaved = || StoreError::unavailable("a refreshed grant could not be stored yet").into();
    let pending = tokio::time::timeout(WRITE_WAIT, pending.wait()).await;
    pending.ok().flatten().ok_or_else(unsaved)
}

/// Whether what a refresh brought supersedes the stored record.
fn is_superseded(now: &GrantRecord, ours: &GrantRecord) -> bool {
    now.origin == ours.origin && now.state != GrantState::Revoked && now.updated_at <= ours.updated_at
}

/// The record a successful refresh leads to.
pub(crate) fn succeed(
    old: &GrantRecord,
    new: &idp_adapters::Refreshed,
    asked: SystemTime,
    now: SystemTime,
) -> GrantRecord {
    GrantRecord {
        state: GrantState::Live,
        access_token: Some(new.access_token.clone()),
        expires_at: new.expires_in.map(|life| asked + life),
        lifetime: new.expires_in.or(old.lifetime),
        refresh_token: new.refresh_token.clone().or_else(|| old.refresh_token.clone()),
        scopes: new.scopes.clone().or_else(|| old.scopes.clone()),
        intent: None,
        refused_for: None,
        refreshed_at: Some(now),
        refreshed_before: old.refreshed_at,
        updated_at: now,
        ..old.clone()
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
