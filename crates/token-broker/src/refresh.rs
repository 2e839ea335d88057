//! Refresh at the provider: by one party at a time, with nothing spent before it is written down and nothing used
//! before it is stored.

mod second_opinion;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use idp_adapters::RefreshRule;
use mgmt_auth::SecretReader;
use secrecy::SecretString;
use token_keeper::{Flight, SingleFlight};
use tokio::time::Instant;
use tracing::Instrument;
use user_store::{User, UserStore};

use crate::{
    Account, Error, GrantKey, GrantRecord, GrantState, Lease, Provider, Reason, Source, Swap, Transport,
    call::{CallError, refresh},
    digest::{DeadMarks, Digest},
    grant::{Intent, seconds},
    grants::{Grants, Known, busy, succeed},
    judge::{Copy, last_moment},
    transport::CALL_TIMEOUT,
};

/// How long the right to refresh is held; longer than a call takes.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long somebody else's refresh is waited for.
const LEASE_PATIENCE: Duration = Duration::from_secs(12);
/// How long a grant that the provider refused for good is left alone.
const DEAD_COOL_DOWN: Duration = Duration::from_secs(600);
/// A token younger than this that is refused anyway is a case for another refresh only now and then: that bounds what a
/// provider that refuses all tokens costs, and a token that was withdrawn early is still replaced.
const FRESH: Duration = Duration::from_secs(60);
/// One such refresh in so long,
const YOUNG_EACH: Duration = Duration::from_secs(2);
/// and so many at once.
const YOUNG_BURST: u32 = 10;

/// One refresh to be done.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) provider: Arc<Provider>,
    pub(crate) key: GrantKey,
    pub(crate) account: Account,
    pub(crate) user: Arc<User>,
    pub(crate) copy: Copy,
    /// The token that must be replaced; `None` for a refresh ahead of time.
    pub(crate) avoid: Option<Digest>,
}

type Outcome = Result<(), Error>;

/// Refreshes grants. After a success the caller looks again: a new record is stored, or Auth0's copy has changed.
#[derive(Debug)]
pub(crate) struct Refresher {
    pub(crate) grants: Arc<Grants>,
    pub(crate) users: UserStore,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) marks: Arc<DeadMarks>,
    /// Reads client secrets at each use.
    pub(crate) secrets: SecretReader,
    flights: SingleFlight<GrantKey, Outcome>,
    /// Failed refreshes are not repeated at once.
    pauses: Mutex<HashMap<GrantKey, (Instant, Error)>>,
    /// When each grant has all its refreshes of young tokens back.
    young: Mutex<HashMap<GrantKey, Instant>>,
}

impl Refresher {
    pub(crate) fn new(
        grants: Arc<Grants>,
        users: UserStore,
        transport: Arc<dyn Transport>,
        marks: Arc<DeadMarks>,
    ) -> Arc<Self> {
        Arc::new(Self {
            grants,
            users,
            transport,
            marks,
            secrets: SecretReader::new(),
            flights: SingleFlight::new(),
            pauses: Mutex::default(),
            young: Mutex::default(),
        })
    }

    /// Refreshes, or waits for whoever is doing it.
    pub(crate) async fn refresh(self: &Arc<Self>, job: Job) -> Outcome {
        match self.join_or_start(job) {
            Flight::Cached(outcome) => outcome,
            Flight::Started(pending) | Flight::Joined(pending) => {
                pending.wait().await.unwrap_or_else(|| Err(busy()))
            }
        }
    }

    /// Refreshes behind; nobody waits.
    pub(crate) fn refresh_behind(self: &Arc<Self>, job: Job) {
        drop(self.join_or_start(job));
    }

    fn join_or_start(self: &Arc<Self>, job: Job) -> Flight<Outcome> {
        let (this, key) = (self.clone(), job.key.clone());
        let span = tracing::info_span!(parent: None, "grant.refresh", provider = %job.provider.name, outcome = tracing::field::Empty);
        span.follows_from(tracing::Span::current());
        let paused = || self.paused(&key).map(Err);
        let errand = job.provider.rotates().then(|| self.grants.errands.begin());
        let run = move || {
            async move {
                let _errand = errand;
                this.run(job).await
            }
            .instrument(span)
        };
        self.flights.join_or_start(&key, paused, run, |_| ())
    }

    fn paused(&self, key: &GrantKey) -> Option<Error> {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        pauses.retain(|_, (until, _)| *until > now);
        pauses.get(key).map(|(until, error)| error.clone().after(Some(until.saturating_duration_since(now))))
    }

    async fn run(&self, job: Job) -> Outcome {
        let outcome = self.attempt(&job).await;
        let word = outcome.as_ref().err().map_or("ok", Error::fetch_outcome);
        tracing::Span::current().record("outcome", word);
        if let Err(error) = &outcome {
            tracing::warn!(event = "refresh_failed", provider = %job.provider.name, %error, "a refresh failed");
            let misconfigured = *error.reason() == Reason::ProviderMisconfigured;
            if error.is_transient() || misconfigured {
                let least = Duration::from_secs(if misconfigured { 30 } else { 1 });
                let pause = error.retry_after().unwrap_or(least).clamp(least, Duration::from_secs(300));
                let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
                pauses.insert(job.key.clone(), (Instant::now() + pause, error.clone()));
            }
        }
        outcome
    }

    async fn attempt(&self, job: &Job) -> Outcome {
        let lease = match self.lease(job).await {
            Ok(Leased::Ours(lease)) => Some(lease),
            Ok(Leased::Overtaken) => return Ok(()),
            Err(error) if job.provider.rotates() => return Err(error),
            // Where a refresh does no harm, each process may do its own.
            Err(_) => None,
        };
        let outcome = self.with_lease(job, lease.as_ref()).await;
        // Nobody else may spend a token whose successor is on its way into the store: then the lease ends by itself.
        if let Some(lease) = lease.as_ref().filter(|_| !self.grants.is_saving(&job.key))
            && self.grants.store.release(&job.key, lease).await.is_err()
        {
            tracing::debug!("a lease could not be given back; it ends by itself");
        }
        outcome
    }

    /// Waits for the right to refresh, or for somebody else's refresh.
    async fn lease(&self, job: &Job) -> Result<Leased, Error> {
        let until = Instant::now() + LEASE_PATIENCE;
        loop {
            if let Some(lease) = self.grants.store.acquire(&job.key, LEASE).await? {
                return Ok(Leased::Ours(lease));
            }
            tokio::time::sleep(Duration::from_millis(100 + fastrand::u64(..100))).await;
            let known = self.grants.read(&job.key).await?;
            if known.record().is_some_and(|record| self.is_done(record, job, &job.copy)) {
                return Ok(Leased::Overtaken);
            }
            if Instant::now() >= until {
                return Err(busy());
            }
        }
    }

    /// Whether the record already is what the job is after.
    fn is_done(&self, record: &GrantRecord, job: &Job, copy: &Copy) -> bool {
        let Some(token) = &record.access_token else { return false };
        let lasts = record.expires_at.is_none_or(|end| {
            let tenth = record.lifetime.map_or(Duration::from_secs(60), |life| life / 10);
            let least =
                if job.avoid.is_some() { last_moment(record) } else { tenth.min(Duration::from_secs(300)) };
            end > SystemTime::now() + least
        });
        copy.is_origin_of(record, self.grants.store.keys())
            && record.state == GrantState::Live
            && record.intent.is_none()
            && lasts
            && job.avoid != Some(Digest::of(token))
    }

    async fn with_lease(&self, job: &Job, lease: Option<&Lease>) -> Outcome {
        let rotates = job.provider.rotates();
        let mut known = match self.read(job).await {
            Err(error) if rotates => return Err(error),
            other => other.ok(),
        };
        let mut copy = job.copy.clone();
        for _ in 0..4 {
            let found = known.as_deref();
            let mut record = self.base(found, &copy);
            if self.is_done(&record, job, &copy) {
                return Ok(());
            }
            self.refuse_hopeless(&record, job)?;
            let spent = spendable(&record, &copy, job)?;
            let cut_off = record.intent.is_some();
            let mut version = found.and_then(Known::version);
            if rotates {
                let Some(noted) = self.note(job, &mut record, version, lease).await? else {
                    known = Some(self.grants.read(&job.key).await?);
                    continue;
                };
                version = Some(noted);
            }
            let asked = SystemTime::now();
            match refresh(&job.provider, &*self.transport, &self.secrets, &spent).await {
                Ok(refreshed) => {
                    let new = succeed(&record, &refreshed, asked);
                    if rotates {
                        return self.grants.save(&job.key, version, new).await;
                    }
                    if self.grants.settle(&job.key, version, &new).await.is_err() {
                        self.grants.keep_here(&job.key, new, version);
                    }
                    return Ok(());
                }
                Err(CallError::Permanent) => {
                    match self.second_opinion(job, &record, &mut copy, version, cut_off).await? {
                        Some(next) => known = next,
                        None => return Ok(()),
                    }
                }
                Err(CallError::Other { error, acted }) => {
                    if rotates && !acted {
                        record.intent = None;
                        self.grants.write(&job.key, version, &record).await?;
                    }
                    return Err(error);
                }
            }
        }
        Err(busy())
    }

    /// Writes down that a single-use token is about to be sent, while there is lease enough for the answer. `None`:
    /// somebody else has written first.
    async fn note(
        &self,
        job: &Job,
        record: &mut GrantRecord,
        version: Option<u64>,
        lease: Option<&Lease>,
    ) -> Result<Option<u64>, Error> {
        let short = || lease.is_some_and(|lease| lease.left() < CALL_TIMEOUT);
        if short() {
            return Err(busy());
        }
        let before = record.intent.replace(Intent { at: seconds(SystemTime::now()) });
        record.updated_at = SystemTime::now();
        let Swap::Done(noted) = self.grants.write(&job.key, version, record).await? else { return Ok(None) };
        if short() {
            // Nothing was sent: the note must not make a later refusal look like a loss.
            record.intent = before;
            self.put(job, record.clone(), Some(noted)).await;
            return Err(busy());
        }
        Ok(Some(noted))
    }

    async fn read(&self, job: &Job) -> Result<Arc<Known>, Error> {
        self.grants.save_leftover(&job.key).await?;
        Ok(self.grants.read(&job.key).await?)
    }

    /// The record to go on from: the stored one while Auth0's copy is the one it started from, else that copy.
    fn base(&self, known: Option<&Known>, copy: &Copy) -> GrantRecord {
        let keys = self.grants.store.keys();
        known
            .and_then(Known::record)
            .filter(|record| copy.is_origin_of(record, keys))
            // Under the newest key, like the record itself: an old key can go once no record is sealed with it.
            .map(|record| GrantRecord { origin: copy.fingerprint(keys), ..record.clone() })
            .unwrap_or_else(|| GrantRecord::starting(copy.fingerprint(keys), copy.refresh.clone()))
    }

    /// Refuses what another refresh cannot better.
    fn refuse_hopeless(&self, record: &GrantRecord, job: &Job) -> Outcome {
        let reconnect = |detail| Err(Error::reconnect(&job.account, Source::Identities, detail));
        if record.state == GrantState::Revoked {
            return reconnect("the user revoked this account");
        }
        if let GrantState::Dead { until, lost } = record.state
            && seconds(SystemTime::now()) < until
        {
            return if lost { Err(Error::refresh_lost(&job.account)) } else { reconnect(REFUSED) };
        }
        let young = record.updated_at.elapsed().is_ok_and(|age| age < FRESH);
        let current = record.access_token.as_ref().map(Digest::of);
        let refused = young && record.intent.is_none() && current.is_some() && current == job.avoid;
        if refused && !self.may_replace_young(&job.key) {
            return reconnect("the provider refuses even a token that it has just issued");
        }
        Ok(())
    }

    fn may_replace_young(&self, key: &GrantKey) -> bool {
        let mut young = self.young.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        young.retain(|_, full_at| *full_at > now);
        let full_at = young.get(key).copied().unwrap_or(now) + YOUNG_EACH;
        let may = full_at.saturating_duration_since(now) <= YOUNG_EACH * YOUNG_BURST;
        if may {
            young.insert(key.clone(), full_at);
        }
        may
    }
}

const REFUSED: &str = "the provider no longer accepts the grant's refresh token";

enum Leased {
    Ours(Lease),
    Overtaken,
}

/// What a refresh sends: the refresh token, or the living access token where that is what is exchanged.
fn spendable(record: &GrantRecord, copy: &Copy, job: &Job) -> Result<SecretString, Error> {
    let none =
        || Error::reconnect(&job.account, Source::Identities, "there is no refresh token for this account");
    if job.provider.rule() == RefreshRule::Exchange {
        let living = record.access_token.as_ref().or(copy.bearer.as_ref());
        return living.map(|token| token.expose().to_owned().into()).ok_or_else(none);
    }
    record.refresh_token.clone().ok_or_else(none)
}
