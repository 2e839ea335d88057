//! Refresh at the provider, by one process at a time. Before a single-use token is sent, an intent is stored; before a new
//! access token is used, its grant is stored.

mod confirm;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use idp_adapters::{Cause, RefreshRule};
use mgmt_auth::SecretReader;
use secrecy::SecretString;
use token_keeper::{Clock, Flight, SingleFlight};
use tokio::time::Instant;
use tracing::Instrument;
use user_store::UserStore;

use crate::{
    Error, GrantKey, GrantRecord, GrantState, Lease, Reason, Source, Swap, Transport,
    call::{CallError, refresh},
    decide::{Account, Action, Current, Surroundings, current, decide},
    digest::Digest,
    grant::{Intent, seconds},
    grants::{CachedGrant, Grants, busy, succeed},
    knowledge::Knowledge,
    transport::CALL_TIMEOUT,
};

/// How long the right to refresh is held; longer than a call takes.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long another process's refresh is waited for.
const LEASE_WAIT: Duration = Duration::from_secs(12);
/// How long a refresh token that the provider refused is not tried again.
const DEAD_COOL_DOWN: Duration = Duration::from_secs(600);
/// How often a record is read again that another process writes at the same time. Nothing is sent before.
const WRITE_TRIES: usize = 4;

/// How a refresh ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// There is a new token, or Auth0 has another one.
    Refreshed,
    /// Nothing was sent: the record says that no refresh is needed, or that none is possible.
    NotNeeded,
    /// The provider refused the refresh token for good, and the record says so.
    Refused,
}

/// The secrets that a refresh sent to the provider, and those that its answer brought.
pub(crate) type Exchanged = Arc<[SecretString]>;

/// How a refresh ended, and the secrets that the provider has seen in it.
#[derive(Clone, Debug)]
struct Ended {
    done: Done,
    exchanged: Exchanged,
}

impl From<Done> for Ended {
    fn from(done: Done) -> Self {
        Self { done, exchanged: Arc::default() }
    }
}

type Outcome = Result<Ended, Error>;

/// One refresh to be done.
#[derive(Clone, Debug)]
struct Job {
    account: Account,
    /// Ahead of time: a token that still serves is replaced.
    ahead: bool,
}

/// Refreshes grants. After a success the caller decides again: a new record is stored, or Auth0's copy has changed.
#[derive(Debug)]
pub(crate) struct Refresher {
    pub(crate) grants: Arc<Grants>,
    pub(crate) users: UserStore,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) knowledge: Arc<Knowledge>,
    pub(crate) clock: Clock,
    /// Reads client secrets at each use.
    pub(crate) secrets: SecretReader,
    running: SingleFlight<GrantKey, Outcome>,
    /// Failed refreshes are not repeated at once.
    pauses: Mutex<HashMap<GrantKey, (Instant, Error)>>,
}

impl Refresher {
    pub(crate) fn new(
        grants: Arc<Grants>,
        users: UserStore,
        transport: Arc<dyn Transport>,
        knowledge: Arc<Knowledge>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            grants,
            users,
            transport,
            knowledge,
            clock,
            secrets: SecretReader::new(),
            running: SingleFlight::new(),
            pauses: Mutex::default(),
        })
    }

    /// Refreshes, or waits for a refresh that is under way. Whether that counts as this call's refresh: one that another
    /// call had started, for another reason, and that sent nothing does not. With it, the secrets that were exchanged.
    pub(crate) async fn refresh(self: &Arc<Self>, account: &Account) -> Result<(bool, Exchanged), Error> {
        let (pending, own) = match self.join_or_start(Job { account: account.clone(), ahead: false }) {
            Flight::Cached(outcome) => return outcome.map(|ended| (true, ended.exchanged)),
            Flight::Started(pending) => (pending, true),
            Flight::Joined(pending) => (pending, false),
        };
        let ended = pending.wait().await.unwrap_or_else(|| Err(busy()))?;
        Ok((own || ended.done != Done::NotNeeded, ended.exchanged))
    }

    /// Refreshes in the background; no caller waits.
    pub(crate) fn refresh_ahead(self: &Arc<Self>, account: &Account) {
        drop(self.join_or_start(Job { account: account.clone(), ahead: true }));
    }

    fn join_or_start(self: &Arc<Self>, job: Job) -> Flight<Outcome> {
        let (this, key) = (self.clone(), job.account.key().clone());
        let paused = || self.paused(&key).map(Err);
        let run = move || {
            let provider = &job.account.provider;
            let span = tracing::info_span!(parent: None, "grant.refresh", provider = %provider.name, outcome = tracing::field::Empty);
            span.follows_from(tracing::Span::current());
            let counted = provider.rotates().then(|| this.grants.tasks.token());
            async move {
                let _counted = counted;
                this.run(job).await
            }
            .instrument(span)
        };
        self.running.join_or_start(&key, paused, run, |_| ())
    }

    fn paused(&self, key: &GrantKey) -> Option<Error> {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        pauses
            .get(key)
            .filter(|(until, _)| *until > now)
            .map(|(until, error)| error.clone().after(Some(until.saturating_duration_since(now))))
    }

    async fn run(&self, job: Job) -> Outcome {
        let outcome = self.attempt(&job).await;
        let provider = &job.account.provider.name;
        let word = match &outcome {
            Ok(ended) if ended.done == Done::Refused => "rejected",
            Ok(_) => "ok",
            Err(error) => error.fetch_outcome(),
        };
        tracing::Span::current().record("outcome", word);
        if let Err(error) = &outcome {
            tracing::warn!(event = "refresh_failed", provider = %provider, %error, "a refresh failed");
            let misconfigured = *error.reason() == Reason::ProviderMisconfigured;
            if error.is_transient() || misconfigured {
                let least = Duration::from_secs(if misconfigured { 30 } else { 1 });
                let pause = error.retry_after().unwrap_or(least).clamp(least, Duration::from_secs(300));
                let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                pauses.retain(|_, (until, _)| *until > now);
                pauses.insert(job.account.key().clone(), (now + pause, error.clone()));
            }
        }
        outcome
    }

    async fn attempt(&self, job: &Job) -> Outcome {
        let key = job.account.key();
        let lease = match self.lease(job).await {
            Ok(Some(lease)) => Some(lease),
            Ok(None) => return Ok(Done::NotNeeded.into()),
            Err(error) if job.account.provider.rotates() => return Err(error),
            // Where a refresh does no harm, each process may do its own.
            Err(_) => None,
        };
        let outcome = self.with_lease(job, lease.as_ref()).await;
        // No other process may use a token whose successor is being stored: then the lease expires by itself.
        if let Some(lease) = lease.as_ref().filter(|_| !self.grants.is_saving(key))
            && self.grants.store.release(key, lease).await.is_err()
        {
            tracing::debug!("a lease could not be given back; it ends by itself");
        }
        outcome
    }

    /// Waits for the right to refresh; `None` when the refresh of another process has made it unnecessary.
    async fn lease(&self, job: &Job) -> Result<Option<Lease>, Error> {
        let key = job.account.key();
        let until = Instant::now() + LEASE_WAIT;
        loop {
            if let Some(lease) = self.grants.store.acquire(key, LEASE).await? {
                return Ok(Some(lease));
            }
            tokio::time::sleep(Duration::from_millis(100 + fastrand::u64(..100))).await;
            let cached = self.grants.read(key).await?;
            if cached
                .record()
                .is_some_and(|record| record.intent.is_none() && !self.is_wanted(job, Some(record)))
            {
                return Ok(None);
            }
            if Instant::now() >= until {
                return Err(busy());
            }
        }
    }

    /// Asks the state machine again, with the record as it is now.
    fn is_wanted(&self, job: &Job, record: Option<&GrantRecord>) -> bool {
        let current = current(&job.account.tenant, record, self.grants.store.keys());
        let around = Surroundings {
            knowledge: &self.knowledge,
            durability: self.grants.store.durability(),
            now: self.clock.now(),
        };
        match decide(&job.account.facts(&current, record, &around)) {
            Action::Refresh => true,
            Action::ServeAndRefresh => job.ahead,
            _ => false,
        }
    }

    async fn with_lease(&self, job: &Job, lease: Option<&Lease>) -> Outcome {
        let account = &job.account;
        let single_use = account.provider.rotates();
        for _ in 0..WRITE_TRIES {
            let cached = match self.read(account.key()).await {
                Err(error) if single_use => return Err(error),
                read => read.ok(),
            };
            let record = cached.as_deref().and_then(CachedGrant::record);
            if !self.is_wanted(job, record) {
                return Ok(Done::NotNeeded.into());
            }
            let mut version = cached.as_deref().and_then(CachedGrant::version);
            let current = current(&account.tenant, record, self.grants.store.keys());
            let Some(spent) = spendable(&current, account.provider.rule()) else {
                return Ok(Done::NotNeeded.into());
            };
            let mut base = self.base(account, record, &current);
            let before = base.intent;
            if single_use {
                match self.note_intent(account.key(), &mut base, version, lease).await? {
                    Some(noted) => version = Some(noted),
                    // Another process has written; nothing was sent.
                    None => continue,
                }
            }
            // What is known now: later the token is gone, and another process knows less.
            let worked =
                current.access.is_some_and(|access| self.knowledge.has_worked(Digest::of(access.bearer)));
            let asked = self.clock.now();
            let mut exchanged = Vec::new();
            let sending =
                refresh(&account.provider, &*self.transport, &self.secrets, &spent, (asked, &mut exchanged));
            let done = match sending.await {
                Ok(refreshed) => {
                    let mut new = succeed(&base, &refreshed, asked, self.clock.now());
                    if worked && !self.knowledge.has_refusing(account.key()) {
                        new.refreshed_before = None;
                    }
                    self.keep(account, version, new).await
                }
                Err(CallError::Permanent(cause)) => {
                    self.confirm_invalid_grant(account, &base, version, before, cause).await
                }
                Err(CallError::Other { error, acted }) => {
                    if single_use && !acted {
                        // This token was not sent; the answer to an earlier one may still be missing.
                        base.intent = before;
                        self.grants.write(account.key(), version, &base).await?;
                    }
                    Err(error)
                }
            };
            return done.map(|done| Ended { done, exchanged: exchanged.into() });
        }
        Err(busy())
    }

    /// Stores what a refresh brought: before its token is used where the refresh token before it is spent.
    async fn keep(&self, account: &Account, version: Option<u64>, new: GrantRecord) -> Result<Done, Error> {
        if account.provider.rotates() {
            self.grants.save(account.key(), version, new).await?;
        } else if self.grants.settle(account.key(), version, &new).await.is_err() {
            self.grants.keep_here(account.key(), new, version);
        }
        Ok(Done::Refreshed)
    }

    /// Writes down that a single-use token is about to be sent, while there is lease enough for the answer. `None`:
    /// another process has written first.
    async fn note_intent(
        &self,
        key: &GrantKey,
        record: &mut GrantRecord,
        version: Option<u64>,
        lease: Option<&Lease>,
    ) -> Result<Option<u64>, Error> {
        let short = || lease.is_some_and(|lease| lease.left() < CALL_TIMEOUT);
        if short() {
            return Err(busy());
        }
        let before = record.intent.replace(Intent { at: seconds(self.clock.now()) });
        record.updated_at = self.clock.now();
        let Swap::Done(noted) = self.grants.write(key, version, record).await? else { return Ok(None) };
        if short() {
            // Nothing was sent: the intent must not make a later refusal look like a loss.
            record.intent = before;
            self.put(key, record.clone(), Some(noted)).await;
            return Err(busy());
        }
        Ok(Some(noted))
    }

    async fn read(&self, key: &GrantKey) -> Result<Arc<CachedGrant>, Error> {
        self.grants.save_leftover(key).await?;
        Ok(self.grants.read(key).await?)
    }

    /// The record to go on from: ours, with what Auth0 has new.
    fn base(&self, account: &Account, record: Option<&GrantRecord>, current: &Current<'_>) -> GrantRecord {
        let keys = self.grants.store.keys();
        let starting = || GrantRecord::starting(account.tenant.fingerprint(keys), None, self.clock.now());
        let mut base = record.cloned().unwrap_or_else(starting);
        if current.changes.access {
            (base.access_token, base.expires_at, base.scopes, base.refreshed_at) = (None, None, None, None);
        }
        if current.changes.any() {
            (base.state, base.refused_for) = (GrantState::Live, None);
        }
        base.refresh_token = current.refresh.cloned();
        if !current.intent {
            base.intent = None;
        }
        account.tenant.stamp(&mut base, keys);
        base
    }

    /// Writes what is good to know but not needed.
    async fn put(&self, key: &GrantKey, record: GrantRecord, version: Option<u64>) {
        match self.grants.write(key, version, &record).await {
            Ok(Swap::Done(_)) => {}
            Ok(Swap::Conflict) => drop(self.grants.read(key).await),
            Err(_) => self.grants.keep_here(key, record, version),
        }
    }
}

/// What a refresh sends: the refresh token, or the living access token where that is what is exchanged.
fn spendable(current: &Current<'_>, rule: RefreshRule) -> Option<SecretString> {
    if rule == RefreshRule::Exchange {
        return current.access.as_ref().map(|access| access.bearer.expose().to_owned().into());
    }
    current.refresh.cloned()
}

/// The error of a grant whose refresh token the provider refused.
pub(crate) fn dead_grant(account: &crate::Account, record: Option<&GrantRecord>) -> Error {
    if record.is_some_and(|record| matches!(record.state, GrantState::Dead { lost: true, .. })) {
        return Error::refresh_lost(account);
    }
    let named = record.and_then(|record| record.refused_for.as_deref());
    let cause = named.and_then(|name| Cause::ALL.into_iter().find(|cause| cause.as_str() == name));
    let cause = cause.unwrap_or(Cause::GrantInvalid);
    Error::reconnect(account, Source::Identities, cause.text()).because(cause)
}
