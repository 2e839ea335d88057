//! The cache as its users see it: which record serves, and when it is read again.

mod connected;
mod lists;
mod load;

use std::{
    fmt,
    sync::{Arc, PoisonError},
    time::SystemTime,
};

use mgmt_auth::Priority;
use token_keeper::Flight;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    Directory, Error, User, UserStoreBuilder,
    record::{Phase, Record},
};
pub(crate) use connected::Connected;
pub(crate) use load::{BySize, Inner};
use load::{Loaded, Order};

/// Users of one tenant, cached. Cheap to clone; clones share everything.
///
/// ```no_run
/// use user_store::UserStore;
///
/// # async fn f(tenant: mgmt_auth::Tenant) -> Result<(), user_store::Error> {
/// let users = UserStore::builder(tenant).build();
/// let lookup = users.get("google-oauth2|100000000000000000002").await?;
/// for identity in lookup.user.identities() {
///     println!("{} at {}", identity.user_id(), identity.connection());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct UserStore {
    pub(crate) inner: Arc<Inner>,
}

/// A user and how the record was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
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

impl UserStore {
    /// A store over a tenant's Management API.
    pub fn builder(tenant: mgmt_auth::Tenant) -> UserStoreBuilder {
        let domain = tenant.domain().to_owned();
        let clock = tenant.clock().clone();
        UserStoreBuilder::new(Arc::new(tenant), domain).clock(clock)
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
            Some(record) => self.serve(user_id, &record).await,
            None => self.wait(user_id, Order::by(self.inner.priority)).await,
        }
    }

    /// The same for a caller whose token was issued at `than`. A token newer than the record may mean that the
    /// user linked, unlinked or consented again, so it causes one re-read, at most one per user and 60 s. The pause of
    /// [`UserStore::reread_for_absent`] is shorter and counts on its own.
    ///
    /// # Errors
    /// As [`UserStore::get`]. A re-read that fails for the tenant's reasons leaves the cached record.
    pub async fn get_newer(&self, user_id: &str, than: SystemTime) -> Result<Lookup, Error> {
        let order = Order { than: Some(than), ..Order::by(self.inner.priority) };
        let Some(record) = self.hit(user_id)? else { return Box::pin(self.wait(user_id, order)).await };
        if than <= record.as_of() || !record.take_newer_read(Instant::now()) {
            return self.serve(user_id, &record).await;
        }
        let reread = Order { after: Some(record.user.fetched_at()), ..order };
        Box::pin(self.load_or_keep(user_id, reread, &record, |now| now.as_of() >= than)).await
    }

    /// What [`UserStore::get_newer`] would return at once. `None` where it would look something up, or refuse.
    #[must_use]
    pub fn at_hand(&self, user_id: &str, than: SystemTime) -> Option<Arc<User>> {
        let record = self.hit(user_id).ok()??;
        let serves = than <= record.as_of() && !record.user.tokens_withheld();
        serves.then(|| record.user.clone())
    }

    /// Reads the user again because the provider refused a token of `seen`. One load for any number of callers;
    /// none when a newer record than `seen` is already here.
    ///
    /// # Errors
    /// As [`UserStore::get`]; an old record is no answer here.
    pub async fn reread(&self, user_id: &str, seen: &Arc<User>) -> Result<Lookup, Error> {
        self.reread_after(user_id, seen, seen.fetched_at()).await
    }

    /// The same because `seen` may be older than something that was written at `after`. A copy of another process counts only if it
    /// was read later than that: add what the clocks of the fleet may differ by.
    ///
    /// # Errors
    /// As [`UserStore::get`]; an old record is no answer here.
    pub async fn reread_after(
        &self,
        user_id: &str,
        seen: &Arc<User>,
        after: SystemTime,
    ) -> Result<Lookup, Error> {
        let after = after.max(seen.fetched_at());
        let order = Order { after: Some(after), ..Order::by(self.inner.priority) };
        let seen = seen.clone();
        self.load(user_id, order, move |now| {
            !Arc::ptr_eq(&now.user, &seen) && now.user.fetched_at() >= seen.fetched_at()
        })
        .await
    }

    /// The user as Auth0 gave them at `since` or later: neither an older cached record counts nor an older copy of another process.
    ///
    /// # Errors
    /// As [`UserStore::get`]; an old record is no answer here.
    pub async fn read_since(&self, user_id: &str, since: SystemTime) -> Result<Lookup, Error> {
        let order = Order { after: Some(since), ..Order::by(self.inner.priority) };
        let suffices = |record: &Record| record.user.fetched_at() >= since;
        // A load that was under way may have been content with less.
        for _ in 0..3 {
            let lookup = self.load(user_id, order, suffices).await?;
            if lookup.user.fetched_at() >= since {
                return Ok(lookup);
            }
        }
        Err(Error::lost())
    }

    /// Reads the user again because `seen` does not have the account that a caller asks for: it may just have been
    /// linked. At most one such re-read per user in 5 s, doubling to 60 s while the record stays the same, and only
    /// while the tenant's rate limit is not short. Otherwise the cached record is returned.
    ///
    /// ```no_run
    /// # async fn example(users: user_store::UserStore, user_id: &str) -> Result<(), user_store::Error> {
    /// let linked = |lookup: &user_store::Lookup| {
    ///     lookup.user.identities().iter().any(|identity| identity.connection() == "github")
    /// };
    /// let mut lookup = users.get(user_id).await?;
    /// if !linked(&lookup) {
    ///     lookup = users.reread_for_absent(user_id, &lookup).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`UserStore::get`]. A re-read that fails for the tenant's reasons leaves the cached record.
    pub async fn reread_for_absent(&self, user_id: &str, seen: &Lookup) -> Result<Lookup, Error> {
        // This call has just read it.
        if matches!(seen.found, Found::Loaded | Found::Joined) {
            return Ok(seen.clone());
        }
        let Some(record) = self.hit(user_id)? else {
            return self.wait(user_id, Order::by(self.inner.priority)).await;
        };
        let newer = !Arc::ptr_eq(&record.user, &seen.user);
        if newer || self.inner.directory.is_allowance_short() || !record.take_absent_read(Instant::now()) {
            return Ok(record.found(Found::Hit));
        }
        let reread = Order { after: Some(record.user.fetched_at()), ..Order::by(self.inner.priority) };
        let old = record.user.clone();
        self.load_or_keep(user_id, reread, &record, move |now| !Arc::ptr_eq(&now.user, &old)).await
    }

    /// The cached record, however old, without any look-up.
    #[must_use]
    pub fn peek(&self, user_id: &str) -> Option<Arc<User>> {
        self.inner.records.peek(user_id).map(|record| record.user.clone())
    }

    /// Forgets a user; a look-up in progress is not kept either. Returns whether there was something to forget.
    pub fn invalidate(&self, user_id: &str) -> bool {
        let key: Arc<str> = user_id.into();
        let inner = &self.inner;
        inner.loads.discard(&key);
        inner.negatives.remove(user_id);
        inner.connected.forget(&key);
        if let Some(shared) = &inner.shared {
            inner.forgotten.insert(key.clone(), inner.clock.now());
            shared.remove_in_background(key.clone());
        }
        inner.records.remove(user_id).is_some()
    }

    /// Forgets the users whose record matches, and counts them.
    pub fn invalidate_matching(&self, mut matches: impl FnMut(&User) -> bool) -> u64 {
        let records = self.inner.records.iter();
        let hits: Vec<_> =
            records.filter(|(_, record)| matches(&record.user)).map(|(user_id, _)| user_id).collect();
        hits.iter().map(|user_id| u64::from(self.invalidate(user_id))).sum()
    }

    /// Forgets all users, and counts them.
    pub fn invalidate_all(&self) -> u64 {
        let inner = &self.inner;
        *inner.all_forgotten.lock().unwrap_or_else(PoisonError::into_inner) = Some(inner.clock.now());
        inner.loads.discard_matching(|_| true);
        inner.negatives.clear();
        inner.connected.forget_all();
        // The shared copies go all at once, below.
        let count = inner.records.len() as u64;
        inner.records.clear();
        if let Some(shared) = &inner.shared {
            shared.remove_all_in_background();
        }
        count
    }

    /// How much of `capacity_bytes` is in use. A record counts for its bytes, and at least for its share of the capacity
    /// (`capacity_bytes / capacity`).
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.inner.records.weight() + self.inner.connected.weight()
    }

    /// A record that serves as it is; one that is due is renewed in the background.
    fn hit(&self, user_id: &str) -> Result<Option<Arc<Record>>, Error> {
        let record = self.inner.records.get(user_id);
        let phase = record.as_ref().map(|record| record.phase(Instant::now(), &self.inner.ages));
        match phase {
            Some(Phase::Fresh) => Ok(record),
            Some(Phase::Renew) => {
                record.iter().for_each(|record| self.renew_if_due(user_id, record));
                Ok(record)
            }
            // It may serve all the same.
            Some(Phase::Excused) => Ok(None),
            Some(Phase::Over) | None => self.inner.negative(user_id).map_or(Ok(None), Err),
        }
    }

    /// A cached record; read again if it was read without IdP tokens and these can be seen now.
    async fn serve(&self, user_id: &str, record: &Arc<Record>) -> Result<Lookup, Error> {
        if !record.user.tokens_withheld() || !self.inner.directory.sees_idp_tokens().await {
            return Ok(record.found(Found::Hit));
        }
        let reread = Order { after: Some(record.user.fetched_at()), ..Order::by(self.inner.priority) };
        Box::pin(self.load_or_keep(user_id, reread, record, |now| !now.user.tokens_withheld())).await
    }

    fn renew_if_due(&self, user_id: &str, record: &Record) {
        let now = Instant::now();
        if record.phase(now, &self.inner.ages) == Phase::Renew && record.may_reload(now) {
            let order = Order { in_background: true, ..Order::by(Priority::Background) };
            // No caller waits for this one; its task stores the result.
            drop(self.join_or_start(user_id, order, |_| false));
        }
    }

    /// Waits for a look-up; a record past its time serves if there is no better one for the tenant's reasons.
    async fn wait(&self, user_id: &str, order: Order) -> Result<Lookup, Error> {
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
        match self.load(user_id, order, fresh).await {
            Err(error) if error.excuses_stale() => {
                excused().map(|record| record.found(Found::Stale)).ok_or(error)
            }
            other => other,
        }
    }

    /// Reads again; a failure for the tenant's reasons leaves the cached record.
    async fn load_or_keep(
        &self,
        user_id: &str,
        order: Order,
        cached: &Arc<Record>,
        suffices: impl Fn(&Record) -> bool,
    ) -> Result<Lookup, Error> {
        match self.load(user_id, order, suffices).await {
            Err(error) if error.excuses_stale() => Ok(cached.found(Found::Hit)),
            other => other,
        }
    }

    async fn load(
        &self,
        user_id: &str,
        order: Order,
        suffices: impl Fn(&Record) -> bool,
    ) -> Result<Lookup, Error> {
        check_id(user_id)?;
        let (pending, found) = match self.join_or_start(user_id, order, suffices) {
            Flight::Cached(record) => return record.map(|record| record.found(Found::Joined)),
            Flight::Started(pending) => (pending, Found::Loaded),
            Flight::Joined(pending) => (pending, Found::Joined),
        };
        let record = pending.wait().await.unwrap_or_else(|| Err(Error::lost()))?;
        self.renew_if_due(user_id, &record);
        let excused = record.is_excused(Instant::now());
        Ok(record.found(if excused { Found::Stale } else { found }))
    }

    /// Joins or starts the user's one load; none is needed if the cached record suffices.
    fn join_or_start(
        &self,
        user_id: &str,
        order: Order,
        suffices: impl FnOnce(&Record) -> bool,
    ) -> Flight<Loaded> {
        let key: Arc<str> = user_id.into();
        let inner = &self.inner;
        let cached = || inner.records.get(&*key).filter(|record| suffices(record)).map(Ok);
        let (for_load, for_commit) = (inner.clone(), inner.clone());
        let (load_key, commit_key) = (key.clone(), key.clone());
        let load = move || {
            // A root span: the load can outlive the request that started it.
            let span = tracing::info_span!(
                parent: None,
                "user.load",
                background = order.priority == Priority::Background,
                outcome = tracing::field::Empty
            );
            span.follows_from(tracing::Span::current());
            async move {
                let loaded = for_load.look_up(&load_key, order).await;
                let outcome = loaded.as_ref().err().map_or("ok", |error| error.fault().as_str());
                tracing::Span::current().record("outcome", outcome);
                if let Err(error) = &loaded
                    && !error.is_not_found()
                {
                    tracing::warn!(event = "user_load_failed", fault = ?error.fault(), "a user look-up failed");
                }
                loaded
            }
            .instrument(span)
        };
        inner.loads.join_or_start(&key, cached, load, move |loaded| for_commit.commit(commit_key, loaded))
    }
}

impl Record {
    fn found(self: &Arc<Self>, found: Found) -> Lookup {
        Lookup { user: self.user.clone(), found }
    }
}

/// Refuses ids that would not stay one path segment.
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
            .field("records", &self.inner.records.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
