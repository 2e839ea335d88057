//! Source `vault`: the caller's token exchanged for the provider's.

mod refusal;
mod shared;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use mgmt_auth::{ClientCredentials, Tenant};
use moka::sync::Cache;
use secrecy::ExposeSecret;
use token_keeper::{BearerToken, Clock, Flight, SingleFlight};
use tokio::time::Instant;
use tracing::Instrument;

use crate::{
    BoxFuture, Cached, Error, Reason, TokenRequest,
    bounds::{VaultBounds, size_of_texts},
    digest::Digest,
};

use self::refusal::{classify, not_connected, unavailable};
pub use self::shared::SharedVaultStore;
pub(crate) use self::{
    refusal::{Refused, falls_through},
    shared::Shared,
};

const GRANT: &str = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";
const SUBJECT: &str = "urn:ietf:params:oauth:token-type:access_token";
const REQUESTED: &str = "http://auth0.com/oauth/token-type/federated-connection-access-token";

/// A result is cached for this much less than the token lives, so that no token expires on its way.
const MARGIN: Duration = Duration::from_secs(5);
/// What a token lives when the answer does not say.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);

/// How Token Vault is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VaultSettings {
    /// The Custom API Client linked to the API.
    pub credentials: ClientCredentials,
    /// The API's identifier; the caller token must be meant for it.
    pub audience: String,
}

impl VaultSettings {
    /// The client to ask with and the API it is linked to.
    pub fn new(credentials: ClientCredentials, audience: impl Into<String>) -> Self {
        Self { credentials, audience: audience.into() }
    }
}

/// The tenant's token endpoint as far as the vault needs it.
pub(crate) trait Exchange: fmt::Debug + Send + Sync + 'static {
    fn exchange<'a>(
        &'a self,
        client: &'a ClientCredentials,
        form: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Exchanged, Refused>>;
}

/// What an exchange brought.
#[derive(Clone, Debug)]
pub(crate) struct Exchanged {
    pub(crate) bearer: BearerToken,
    pub(crate) scope: Option<String>,
    pub(crate) expires_in: Option<Duration>,
}

impl Exchange for Tenant {
    fn exchange<'a>(
        &'a self,
        client: &'a ClientCredentials,
        form: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Exchanged, Refused>> {
        Box::pin(async move {
            let answer = self.request_token(client, form).await?;
            let unusable = |_| Refused { transient: true, ..Refused::default() };
            Ok(Exchanged {
                bearer: BearerToken::new(answer.access_token().expose_secret()).map_err(unusable)?,
                scope: answer.scope().map(str::to_owned),
                expires_in: answer.expires_in(),
            })
        })
    }
}

/// What a result is cached under. It holds nothing of the caller token itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VaultKey {
    pub(crate) user: String,
    pub(crate) organization: Option<String>,
    pub(crate) audience: String,
    pub(crate) connection: String,
    pub(crate) account: Option<String>,
    pub(crate) scopes: Vec<String>,
}

impl VaultKey {
    /// The key as unambiguous text.
    fn encode(&self, tenant: &str) -> String {
        serde_json::json!([
            "vault-result/1",
            tenant,
            self.user,
            self.organization,
            self.audience,
            self.connection,
            self.account,
            self.scopes,
        ])
        .to_string()
    }
}

/// A token out of the vault.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) bearer: BearerToken,
    pub(crate) scopes: Option<Arc<[String]>>,
    pub(crate) expires_at: Option<SystemTime>,
    until: Instant,
}

/// The texts of a result's key, or of a result, and what holds them.
fn size_of_key(key: &VaultKey) -> usize {
    let optional = [&key.organization, &key.account].into_iter().flatten();
    let texts = optional.chain([&key.user, &key.audience, &key.connection]);
    size_of::<VaultKey>() + texts.map(String::len).sum::<usize>() + size_of_texts(&key.scopes)
}

fn size_of_held(held: &Held) -> usize {
    size_of::<Held>() + held.bearer.header().len() + held.scopes.as_deref().map_or(0, size_of_texts)
}

type Loaded = Result<Held, Error>;

/// How many accounts one user's calls may name within the life of a result.
const MOST_HINTS: usize = 16;

/// What they take when there are as many as there may be.
const HINTS_OF_ONE_USER: usize = MOST_HINTS * size_of::<(Digest, Instant)>() + 64;

type Hints = Arc<Mutex<Vec<(Digest, Instant)>>>;

/// How long the vault's answers are cached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// A result.
    pub(crate) kept: Duration,
    /// The answer that it holds nothing.
    pub(crate) absent: Duration,
}

/// The vault and its cached results.
#[derive(Debug)]
pub(crate) struct Vault {
    exchange: Arc<dyn Exchange>,
    settings: Option<VaultSettings>,
    ages: Ages,
    held: Cache<VaultKey, Held>,
    /// Where the vault held nothing, and when it said so, by either clock.
    absent: Cache<VaultKey, (Instant, SystemTime)>,
    /// The accounts that each user's calls have named lately.
    hints: Cache<String, Hints>,
    exchanges: SingleFlight<VaultKey, Loaded>,
    shared: Option<Shared>,
    /// How often results were forgotten: an exchange that was started before is not shared afterwards.
    forgotten: Arc<AtomicU64>,
    clock: Clock,
}

impl Vault {
    pub(crate) fn new(
        exchange: Arc<dyn Exchange>,
        settings: Option<VaultSettings>,
        bounds: VaultBounds,
        ages: Ages,
        shared: Option<Shared>,
        clock: Clock,
    ) -> Self {
        let life = |age: Duration| Some(age.saturating_add(Duration::from_secs(60)));
        let held = bounds.held.cache(life(ages.kept), |key, held| size_of_key(key) + size_of_held(held));
        let absent = bounds.absent.cache(life(ages.absent), |key, _| size_of_key(key));
        let hints = bounds.hints.cache(life(ages.kept), |user: &String, _| user.len() + HINTS_OF_ONE_USER);
        let (exchanges, forgotten) = Default::default();
        Self { exchange, settings, ages, held, absent, hints, exchanges, shared, forgotten, clock }
    }

    /// Whether the vault can be asked for this caller at all.
    pub(crate) fn serves(&self, request: &TokenRequest<'_>) -> bool {
        let meant = |settings: &VaultSettings| request.audience.contains(&settings.audience);
        request.subject_token.is_some() && self.settings.as_ref().is_some_and(meant)
    }

    pub(crate) fn key(
        &self,
        request: &TokenRequest<'_>,
        connection: &str,
        account: Option<&str>,
    ) -> VaultKey {
        VaultKey {
            user: request.user_id.to_owned(),
            organization: request.organization.map(str::to_owned),
            audience: self.settings.as_ref().map_or_else(String::new, |settings| settings.audience.clone()),
            connection: connection.to_owned(),
            account: account.map(str::to_owned),
            scopes: Vec::new(),
        }
    }

    /// A cached result that has not expired.
    pub(crate) fn peek(&self, key: &VaultKey) -> Option<Held> {
        self.held.get(key).filter(|held| held.until > Instant::now())
    }

    /// Whether the vault has just said that it holds nothing there. A caller token issued since may mean that the user
    /// has connected the account.
    pub(crate) fn is_absent(&self, key: &VaultKey, issued_at: SystemTime) -> bool {
        self.absent
            .get(key)
            .is_some_and(|(since, wall)| since.elapsed() < self.ages.absent && issued_at <= wall)
    }

    /// Notes that the vault holds nothing there.
    pub(crate) fn note_absent(&self, key: VaultKey) {
        self.absent.insert(key, (Instant::now(), self.clock.now()));
    }

    /// Whether an exchange may be made for the account that the key names: each one that a caller makes up would be an
    /// exchange and an entry of the cache.
    pub(crate) fn admits(&self, key: &VaultKey) -> bool {
        let Some(account) = &key.account else { return true };
        let hint = Digest::of_text(&format!("{}\0{account}", key.connection));
        let hints = self.hints.get_with_by_ref(&key.user, Hints::default);
        let mut hints = hints.lock().unwrap_or_else(PoisonError::into_inner);
        hints.retain(|(_, named_at)| named_at.elapsed() < self.ages.kept);
        let known = hints.iter().any(|(known, _)| *known == hint);
        if !known && hints.len() < MOST_HINTS {
            hints.push((hint, Instant::now()));
            return true;
        }
        known
    }

    /// A cached result, or that of an exchange with the caller's token.
    pub(crate) async fn get(&self, key: &VaultKey, subject: &BearerToken) -> Result<(Held, Cached), Error> {
        if let Some(held) = self.peek(key) {
            return Ok((held, Cached::Hit));
        }
        self.wait(key, subject, None).await
    }

    /// The result of a new exchange, unless there is already one other than `dead`.
    pub(crate) async fn renew(
        &self,
        key: &VaultKey,
        subject: &BearerToken,
        dead: Digest,
    ) -> Result<(Held, Cached), Error> {
        self.wait(key, subject, Some(dead)).await
    }

    async fn wait(
        &self,
        key: &VaultKey,
        subject: &BearerToken,
        dead: Option<Digest>,
    ) -> Result<(Held, Cached), Error> {
        // A caller that joined an exchange whose caller token was refused tries its own once.
        for last in [false, true] {
            let there = || {
                let held = self.peek(key)?;
                (dead != Some(Digest::of(&held.bearer))).then_some(Ok(held))
            };
            let kept = (self.held.clone(), key.clone());
            let load = || self.load(key.clone(), subject.clone(), dead);
            let commit = move |loaded: &Loaded| {
                if let Ok(held) = loaded {
                    kept.0.insert(kept.1, held.clone());
                }
            };
            let (pending, cached) = match self.exchanges.join_or_start(key, there, load, commit) {
                Flight::Cached(held) => return held.map(|held| (held, Cached::Joined)),
                Flight::Started(pending) => (pending, Cached::Loaded),
                Flight::Joined(pending) => (pending, Cached::Joined),
            };
            match pending.wait().await.unwrap_or_else(|| Err(unavailable(None))) {
                Err(error)
                    if cached == Cached::Joined && !last && *error.reason() == Reason::CallerTokenInvalid => {
                }
                other => return other.map(|held| (held, cached)),
            }
        }
        Err(unavailable(None))
    }

    fn load(
        &self,
        key: VaultKey,
        subject: BearerToken,
        dead: Option<Digest>,
    ) -> impl Future<Output = Loaded> + Send + 'static {
        let (exchange, settings, cache_ttl) = (self.exchange.clone(), self.settings.clone(), self.ages.kept);
        let (shared, forgotten, clock) = (self.shared.clone(), self.forgotten.clone(), self.clock.clone());
        let before = forgotten.load(Ordering::Acquire);
        let span = tracing::info_span!(parent: None, "vault.exchange", connection = %key.connection, outcome = tracing::field::Empty);
        span.follows_from(tracing::Span::current());
        async move {
            if let Some(shared) = &shared
                && let Some(held) = shared.load(&key, clock.now()).await
                && dead != Some(Digest::of(&held.bearer))
            {
                tracing::Span::current().record("outcome", "ok");
                return Ok(held);
            }
            let loaded = exchanged(&*exchange, settings, &key, &subject, cache_ttl, clock.now()).await;
            if let (Some(shared), Ok(held)) = (&shared, &loaded)
                && forgotten.load(Ordering::Acquire) == before
            {
                shared.store(&key, held, clock.now()).await;
            }
            tracing::Span::current()
                .record("outcome", loaded.as_ref().err().map_or("ok", Error::fetch_outcome));
            loaded
        }
        .instrument(span)
    }

    /// Forgets the results that match, and counts them; exchanges under way are not kept either.
    pub(crate) fn forget(&self, matches: impl Fn(&VaultKey) -> bool) -> u64 {
        self.forgotten.fetch_add(1, Ordering::AcqRel);
        self.exchanges.discard_matching(&matches);
        let absent: Vec<_> = self.absent.iter().map(|(key, _)| key).filter(|key| matches(key)).collect();
        absent.iter().for_each(|key| self.absent.invalidate(&**key));
        let hits: Vec<_> = self.held.iter().map(|(key, _)| key).filter(|key| matches(key)).collect();
        hits.iter().map(|key| u64::from(self.held.remove(&**key).is_some())).sum()
    }
}

/// One exchange at the tenant.
async fn exchanged(
    exchange: &dyn Exchange,
    settings: Option<VaultSettings>,
    key: &VaultKey,
    subject: &BearerToken,
    cache_ttl: Duration,
    wall: SystemTime,
) -> Loaded {
    let settings = settings.ok_or_else(|| not_connected(&key.connection))?;
    let mut form = vec![
        ("grant_type", GRANT),
        ("subject_token", subject.expose()),
        ("subject_token_type", SUBJECT),
        ("requested_token_type", REQUESTED),
        ("connection", key.connection.as_str()),
    ];
    form.extend(key.account.as_deref().map(|account| ("login_hint", account)));
    let asked = Instant::now();
    let answer = exchange.exchange(&settings.credentials, &form).await;
    let exchanged = answer.map_err(|refused| classify(&refused, key))?;
    let scopes = exchanged.scope.as_deref().map(|text| text.split_whitespace().map(str::to_owned).collect());
    let scopes = crate::scopes::checked(scopes, [subject.expose(), exchanged.bearer.expose()]);
    Ok(Held {
        bearer: exchanged.bearer,
        scopes: scopes.map(Arc::from),
        expires_at: exchanged.expires_in.map(|life| wall + life),
        until: asked + exchanged.expires_in.unwrap_or(ASSUMED_LIFE).saturating_sub(MARGIN).min(cache_ttl),
    })
}

impl Vault {
    /// Drops the shared results of one user, or of everybody. More than was asked for may go: it costs an exchange.
    pub(crate) async fn forget_shared(&self, user: Option<&str>) {
        if let Some(shared) = &self.shared {
            shared.store.remove(&shared.tenant, user).await;
        }
    }
}

#[cfg(test)]
mod tests;
