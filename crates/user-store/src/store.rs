//! The cache: one load per user, freshness of our own, moka to bound memory.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use mgmt_auth::Priority;
use moka::sync::Cache;
use token_keeper::{Boarding, Flights};
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    ConnectedAccount, Directory, Error, User, UserStoreBuilder,
    record::{Ages, Phase, Record},
    shared::Shared,
};

/// Users of one tenant, cached. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct UserStore {
    pub(crate) inner: Arc<Inner>,
}

/// A user and how it was found.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The record.
    pub user: Arc<User>,
    /// How it was found.
    pub found: Found,
}

/// How a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Found {
    /// In the cache.
    Hit,
    /// By a look-up that another call had started.
    Joined,
    /// By a look-up of its own.
    Loaded,
    /// In the cache and past its time, because Auth0 cannot answer just now.
    Stale,
}

type Loaded = Result<Arc<Record>, Error>;

pub(crate) struct Inner {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) shared: Option<Shared>,
    pub(crate) ages: Ages,
    pub(crate) priority: Priority,
    pub(crate) records: Cache<Arc<str>, Arc<Record>>,
    /// Users Auth0 does not know. A cache of its own, so that unknown ids cannot push out known users.
    pub(crate) missing: Cache<Arc<str>, Instant>,
    /// Shared copies older than this were forgotten here.
    pub(crate) forgotten: Cache<Arc<str>, SystemTime>,
    pub(crate) all_forgotten: Mutex<Option<SystemTime>>,
    pub(crate) flights: Flights<Arc<str>, Loaded>,
}

/// What a load has to bring.
#[derive(Clone, Copy)]
struct Errand {
    priority: Priority,
    /// Nobody waits: only something better than what is there counts.
    behind: bool,
    /// The caller token's time of issue.
    than: Option<SystemTime>,
    /// Shared copies count only when looked up after this.
    after: Option<SystemTime>,
}

impl Errand {
    fn plain(priority: Priority) -> Self {
        Self { priority, behind: false, than: None, after: None }
    }
}

impl UserStore {
    /// A store over a tenant's Management API.
    pub fn builder(tenant: mgmt_auth::Tenant) -> UserStoreBuilder {
        let domain = tenant.domain().to_owned();
        UserStoreBuilder::new(Arc::new(tenant), domain)
    }

    /// A store over any [`Directory`]; `tenant` is its canonical domain, the namespace of shared records.
    pub fn over(directory: impl Directory, tenant: impl Into<String>) -> UserStoreBuilder {
        UserStoreBuilder::new(Arc::new(directory), tenant.into())
    }

    /// The user with this full id.
    ///
    /// # Errors
    /// The user does not exist, or there is no record young enough and Auth0 gave none.
    pub async fn get(&self, user_id: &str) -> Result<Lookup, Error> {
        match self.hit(user_id)? {
            Some(record) => Ok(record.found(Found::Hit)),
            None => self.wait(user_id, Errand::plain(self.inner.priority)).await,
        }
    }

    /// The same for a caller whose token was issued at `than`. A token newer than the record may mean that the
    /// user linked, unlinked or consented again, so it causes one re-read, at most one per user and 60 s.
    ///
    /// # Errors
    /// As [`UserStore::get`]. A re-read that fails for the tenant's reasons leaves the record at hand.
    pub async fn get_newer(&self, user_id: &str, than: SystemTime) -> Result<Lookup, Error> {
        let errand = Errand { than: Some(than), ..Errand::plain(self.inner.priority) };
        let Some(record) = self.hit(user_id)? else { return self.wait(user_id, errand).await };
        if than <= record.as_of || !record.take_newer_read(Instant::now()) {
            return Ok(record.found(Found::Hit));
        }
        let reread = Errand { after: Some(record.user.fetched_at()), ..errand };
        match self.load(user_id, reread, |now| now.as_of >= than).await {
            Err(error) if error.excuses_stale() => Ok(record.found(Found::Hit)),
            other => other,
        }
    }

    /// Reads the user again because `seen` holds a token that the provider refused. One load however many ask;
    /// none when a newer record than `seen` is already here.
    ///
    /// # Errors
    /// As [`UserStore::get`]; an old record is no answer here.
    pub async fn reread(&self, user_id: &str, seen: &Arc<User>) -> Result<Lookup, Error> {
        let errand = Errand { after: Some(seen.fetched_at()), ..Errand::plain(self.inner.priority) };
        let seen = seen.clone();
        self.load(user_id, errand, move |now| {
            !Arc::ptr_eq(&now.user, &seen) && now.user.fetched_at() >= seen.fetched_at()
        })
        .await
    }

    /// The cached record, however old, without any look-up.
    #[must_use]
    pub fn peek(&self, user_id: &str) -> Option<Arc<User>> {
        self.inner.records.get(user_id).map(|record| record.user.clone())
    }

    /// Forgets a user; a look-up under way is not kept either. Whether there was something to forget.
    pub fn invalidate(&self, user_id: &str) -> bool {
        let key: Arc<str> = user_id.into();
        let inner = &self.inner;
        inner.flights.abandon(&key);
        inner.missing.invalidate(&key);
        if let Some(shared) = &inner.shared {
            inner.forgotten.insert(key.clone(), SystemTime::now());
            shared.remove_behind(key.clone());
        }
        inner.records.remove(&key).is_some()
    }

    /// Forgets the users whose record matches, and counts them.
    pub fn invalidate_matching(&self, mut matches: impl FnMut(&User) -> bool) -> u64 {
        let hits: Vec<_> = self
            .inner
            .records
            .iter()
            .filter(|(_, record)| matches(&record.user))
            .map(|(key, _)| key)
            .collect();
        hits.iter().map(|key| u64::from(self.invalidate(key))).sum()
    }

    /// Forgets everybody, and counts them.
    pub fn invalidate_all(&self) -> u64 {
        *self.inner.all_forgotten.lock().unwrap_or_else(PoisonError::into_inner) = Some(SystemTime::now());
        self.inner.flights.abandon_matching(|_| true);
        self.inner.missing.invalidate_all();
        let count = self.invalidate_matching(|_| true);
        if let Some(shared) = &self.inner.shared {
            shared.remove_all_behind();
        }
        count
    }

    /// The user's Connected Accounts, not cached.
    ///
    /// # Errors
    /// Auth0 gave no answer, or an answer of refusal.
    pub async fn connected_accounts(&self, user_id: &str) -> Result<Vec<ConnectedAccount>, Error> {
        check_id(user_id)?;
        self.inner.directory.connected_accounts(user_id, self.inner.priority).await
    }

    /// A record that serves as it is; one that is due is renewed behind.
    fn hit(&self, user_id: &str) -> Result<Option<Arc<Record>>, Error> {
        let now = Instant::now();
        let Some(record) = self.inner.records.get(user_id) else {
            let missing = self.inner.missing.get(user_id);
            let still =
                missing.is_some_and(|since| now.saturating_duration_since(since) < self.inner.ages.negative);
            return if still { Err(Error::not_found()) } else { Ok(None) };
        };
        match record.phase(now, &self.inner.ages) {
            Phase::Fresh => Ok(Some(record)),
            Phase::Renew => {
                self.renew_if_due(user_id, &record);
                Ok(Some(record))
            }
            Phase::Excused | Phase::Over => Ok(None),
        }
    }

    fn renew_if_due(&self, user_id: &str, record: &Record) {
        let now = Instant::now();
        if record.phase(now, &self.inner.ages) == Phase::Renew && record.may_reload(now) {
            let errand = Errand { behind: true, ..Errand::plain(Priority::Background) };
            // Nobody waits for this one; its outcome is kept by its own task.
            drop(self.board(user_id, errand, |_| false));
        }
    }

    /// Waits for a look-up; a record past its time serves if the tenant is to blame for having nothing better.
    async fn wait(&self, user_id: &str, errand: Errand) -> Result<Lookup, Error> {
        let excused = || {
            let record = self.inner.records.get(user_id)?;
            let phase = record.phase(Instant::now(), &self.inner.ages);
            (phase != Phase::Over).then_some(record)
        };
        if let Some(record) = excused().filter(|record| record.is_excused(Instant::now())) {
            return Ok(record.found(Found::Stale));
        }
        let ages = self.inner.ages;
        let fresh =
            move |record: &Record| matches!(record.phase(Instant::now(), &ages), Phase::Fresh | Phase::Renew);
        match self.load(user_id, errand, fresh).await {
            Err(error) if error.excuses_stale() => {
                excused().map(|record| record.found(Found::Stale)).ok_or(error)
            }
            other => other,
        }
    }

    async fn load(
        &self,
        user_id: &str,
        errand: Errand,
        there: impl Fn(&Record) -> bool,
    ) -> Result<Lookup, Error> {
        check_id(user_id)?;
        let (landing, found) = match self.board(user_id, errand, there) {
            Boarding::There(record) => return record.map(|record| record.found(Found::Joined)),
            Boarding::Started(landing) => (landing, Found::Loaded),
            Boarding::Joined(landing) => (landing, Found::Joined),
        };
        let record = landing.landed().await.unwrap_or_else(|| Err(Error::lost()))?;
        self.renew_if_due(user_id, &record);
        let excused = record.is_excused(Instant::now());
        Ok(record.found(if excused { Found::Stale } else { found }))
    }

    /// Joins or starts the user's one load; `there` says which record makes it needless.
    fn board(&self, user_id: &str, errand: Errand, there: impl FnOnce(&Record) -> bool) -> Boarding<Loaded> {
        let key: Arc<str> = user_id.into();
        let inner = &self.inner;
        let found = || inner.records.get(&key).filter(|record| there(record)).map(Ok);
        let span = tracing::info_span!(
            parent: None,
            "user.load",
            background = errand.priority == Priority::Background,
            outcome = tracing::field::Empty
        );
        span.follows_from(tracing::Span::current());
        let (for_load, for_commit) = (inner.clone(), inner.clone());
        let (load_key, commit_key) = (key.clone(), key.clone());
        inner.flights.board(
            &key,
            found,
            move || {
                async move {
                    let loaded = for_load.look_up(&load_key, errand).await;
                    let outcome = loaded.as_ref().err().map_or("ok", |error| error.fault().as_str());
                    tracing::Span::current().record("outcome", outcome);
                    loaded
                }
                .instrument(span)
            },
            move |loaded| for_commit.commit(commit_key, loaded),
        )
    }
}

impl Inner {
    /// The shared copy if it will do, else Auth0's.
    async fn look_up(&self, user_id: &str, errand: Errand) -> Loaded {
        let (born, started) = (Instant::now(), SystemTime::now());
        let mut copy = None;
        if let Some(shared) = &self.shared
            && let Some(user) = shared.load(user_id).await
            && let Some(record) = self.adopt(user, errand, born, started)
        {
            match record.phase(born, &self.ages) {
                Phase::Fresh => return Ok(Arc::new(record)),
                // Whoever waits takes it and has it renewed behind; a renewal wants better.
                Phase::Renew if !errand.behind => return Ok(Arc::new(record)),
                Phase::Excused => copy = Some(record),
                Phase::Renew | Phase::Over => {}
            }
        }
        let user = match self.directory.user(user_id, errand.priority).await {
            Ok(user) => user,
            // What the fleet has serves like what this process has: while the tenant is to blame for nothing better.
            Err(error) => match copy.filter(|_| error.excuses_stale() && errand.after.is_none()) {
                Some(copy) => {
                    copy.reload_failed(Instant::now(), &error);
                    return Ok(Arc::new(copy));
                }
                None => return Err(error),
            },
        };
        if user.user_id() != user_id {
            return Err(Error::mismatch());
        }
        if let Some(shared) = &self.shared {
            shared.store(&user, self.ages.stale).await;
        }
        // The token that asked for this look-up was there before it, whatever the two clocks say.
        let as_of = errand.than.map_or(started, |than| than.max(started));
        Ok(Arc::new(Record::new(Arc::new(user), born, as_of, &self.ages)))
    }

    /// A shared copy as a record, if it is new enough. How old it may be is for the caller.
    fn adopt(&self, user: User, errand: Errand, now: Instant, wall: SystemTime) -> Option<Record> {
        let fetched_at = user.fetched_at();
        let forgotten = self.forgotten.get(user.user_id()).into_iter();
        let all_forgotten = *self.all_forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let floor = forgotten.chain(all_forgotten).chain(errand.after).max();
        let too_old = floor.is_some_and(|floor| fetched_at <= floor)
            || errand.than.is_some_and(|than| errand.after.is_some() && fetched_at < than);
        // A copy from the future (clocks differ) counts as just read.
        let age = wall.duration_since(fetched_at).unwrap_or(Duration::ZERO);
        if too_old {
            return None;
        }
        let born = now.checked_sub(age)?;
        let record = Record::new(Arc::new(user), born, fetched_at, &self.ages);
        (errand.after.is_none() || record.phase(now, &self.ages) == Phase::Fresh).then_some(record)
    }

    /// Keeps what a load brought. Failures are never kept as success, nor success as failure.
    fn commit(&self, key: Arc<str>, loaded: &Loaded) {
        let old = self.records.get(&key);
        match loaded {
            Ok(record) => {
                if let Some(old) = old {
                    record.succeed(&old);
                }
                self.missing.invalidate(&key);
                self.records.insert(key, record.clone());
            }
            Err(error) if error.is_not_found() => {
                self.records.invalidate(&key);
                self.missing.insert(key, Instant::now());
            }
            Err(error) => {
                tracing::warn!(event = "user_load_failed", fault = ?error.fault(), "a user look-up failed");
                if let Some(old) = old {
                    old.reload_failed(Instant::now(), error);
                }
            }
        }
    }
}

impl Record {
    fn found(self: &Arc<Self>, found: Found) -> Lookup {
        Lookup { user: self.user.clone(), found }
    }
}

/// Refuses ids that would not stay one path segment, or name nobody.
fn check_id(user_id: &str) -> Result<(), Error> {
    match user_id {
        "" | "." | ".." => Err(Error::new(crate::Fault::Request, "this is no Auth0 user id")),
        _ => Ok(()),
    }
}

impl fmt::Debug for UserStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserStore")
            .field("directory", &self.inner.directory)
            .field("ages", &self.inner.ages)
            .field("records", &self.inner.records.entry_count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
