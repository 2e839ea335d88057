//! The management token and how it is had.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_keeper::{BearerToken, Load, Loaded, Window};
use tokio::time::{Instant, sleep};

use crate::{
    ClientCredentials, Error, SharedToken, SharedTokenStore, TokenName, TokenResponse, oauth::Endpoints,
    token,
};

/// The scopes this family of crates needs, and the only ones it should have.
pub const NEEDED_SCOPES: [&str; 2] = ["read:users", "read:user_idp_tokens"];

/// What a token that names no end is trusted for.
const UNSAID_LIFETIME: Duration = Duration::from_secs(300);
/// How often at most a token that never worked is thrown away for another one like it.
const PROBATION: Duration = Duration::from_secs(30);
/// Longer than a token request may take with all its timeouts.
const LEASE: Duration = Duration::from_secs(30);
/// How long a replica waits for the one that asks.
const PATIENCE: Duration = Duration::from_secs(12);
const POLL: Duration = Duration::from_millis(200);

/// A token for the Management API.
pub struct ManagementToken {
    bearer: BearerToken,
    scopes: Option<BTreeSet<String>>,
    issued_at: SystemTime,
    expires_at: SystemTime,
    /// Whether this process asked the tenant for it.
    asked: bool,
    worked: AtomicBool,
}

impl ManagementToken {
    fn from_answer(answer: &TokenResponse, issued_at: SystemTime) -> Result<(Self, Duration), Error> {
        if answer.token_type().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(Error::operator(
                "the tenant binds management tokens to a key; turn that off for this application",
            ));
        }
        let text = answer.access_token().expose_secret();
        let bearer = BearerToken::new(text)
            .map_err(|_| Error::tenant("the tenant's management token cannot be sent in a header"))?;
        let claims = claims(text);
        let lifetime = answer.expires_in().or_else(|| left_of(&claims, issued_at)).unwrap_or(UNSAID_LIFETIME);
        let scope = answer.scope().or_else(|| claims.get("scope").and_then(Value::as_str));
        let expires_at = issued_at.checked_add(lifetime).unwrap_or(issued_at);
        Ok((Self::new(bearer, scope, issued_at, expires_at, true), lifetime))
    }

    fn new(
        bearer: BearerToken,
        scope: Option<&str>,
        issued_at: SystemTime,
        expires_at: SystemTime,
        asked: bool,
    ) -> Self {
        let scopes = scope.map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect());
        Self { bearer, scopes, issued_at, expires_at, asked, worked: AtomicBool::new(false) }
    }

    /// The token.
    #[must_use]
    pub fn bearer(&self) -> &BearerToken {
        &self.bearer
    }

    /// The granted scopes, from the answer's `scope` or the token's claim; `None` when neither says.
    #[must_use]
    pub fn scopes(&self) -> Option<&BTreeSet<String>> {
        self.scopes.as_ref()
    }

    /// When it was asked for.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// Its end by the wall clock. The token is dropped by a clock that nobody sets.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The [`NEEDED_SCOPES`] it is known to lack.
    #[must_use]
    pub fn missing_scopes(&self) -> Vec<String> {
        let lacks = |scope: &&str| self.scopes.as_ref().is_some_and(|granted| !granted.contains(*scope));
        NEEDED_SCOPES.iter().filter(|scope| lacks(scope)).map(|scope| (*scope).to_owned()).collect()
    }

    /// What it is known to be granted beyond the [`NEEDED_SCOPES`].
    #[must_use]
    pub fn excess_scopes(&self) -> Vec<String> {
        let granted = self.scopes.iter().flatten();
        granted.filter(|scope| !NEEDED_SCOPES.contains(&scope.as_str())).cloned().collect()
    }

    /// Whether it is known to lack `read:user_idp_tokens`: Auth0 then leaves IdP tokens out of user records without
    /// a word.
    #[must_use]
    pub fn lacks_idp_tokens(&self) -> bool {
        self.missing_scopes().iter().any(|scope| scope == "read:user_idp_tokens")
    }

    pub(crate) fn worked(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }

    /// Whether it was good once: it worked here, or another process got it and shared it.
    fn was_good(&self) -> bool {
        !self.asked || self.worked.load(Ordering::Relaxed)
    }

    fn to_shared(&self) -> SharedToken {
        let scope = self.scopes.as_ref().map(|scopes| scopes.iter().cloned().collect::<Vec<_>>().join(" "));
        let access_token = self.bearer.expose().into();
        SharedToken { access_token, scope, issued_at: self.issued_at, expires_at: self.expires_at }
    }
}

/// The claims of a JWT, unverified: they came from the tenant over TLS and only say what it says.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

fn left_of(claims: &Value, now: SystemTime) -> Option<Duration> {
    let end = UNIX_EPOCH.checked_add(token::seconds(claims.get("exp")?)?)?;
    end.duration_since(now).ok().filter(|left| !left.is_zero())
}

/// A share of the lifetime after which to renew; differs so that replicas do not ask together.
fn renew_after(lifetime: Duration) -> Duration {
    lifetime.mul_f64(0.8 + fastrand::f64() * 0.1)
}

/// Gets management tokens: from the fleet's store if it has a good one, else from the tenant.
#[derive(Debug)]
pub(crate) struct ManagementLoad {
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) credentials: ClientCredentials,
    pub(crate) audience: String,
    pub(crate) name: TokenName,
    pub(crate) store: Option<Arc<dyn SharedTokenStore>>,
    /// The token the Management API refused last: not to be taken from the store again.
    pub(crate) refused: Mutex<Option<Refused>>,
}

/// A token that was thrown away.
#[derive(Debug)]
pub(crate) struct Refused {
    token: Arc<ManagementToken>,
    at: Instant,
    was_good: bool,
}

type LoadedToken = Loaded<ManagementToken>;

impl ManagementLoad {
    /// Remembers a refused token and says whether to ask for another one. Not when its predecessor fared no better
    /// a moment ago: each costs a token request.
    pub(crate) fn refuse(&self, token: &Arc<ManagementToken>) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let hopeless = refused.as_ref().is_some_and(|last| {
            !last.was_good && last.at.elapsed() < PROBATION && !Arc::ptr_eq(&last.token, token)
        });
        let was_good = token.was_good();
        if hopeless && !was_good {
            return false;
        }
        *refused = Some(Refused { token: token.clone(), at: Instant::now(), was_good });
        true
    }

    fn is_refused(&self, token: &SharedToken) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused
            .as_ref()
            .is_some_and(|refused| refused.token.bearer.expose() == token.access_token.expose_secret())
    }

    async fn ask(&self) -> Result<LoadedToken, Error> {
        // Counted from before the request: a slow answer must not stretch a lifetime.
        let (start, issued_at) = (Instant::now(), SystemTime::now());
        let form = [("grant_type", "client_credentials"), ("audience", self.audience.as_str())];
        let answer = self.endpoints.token(&self.credentials, &form).await?;
        let (token, lifetime) = ManagementToken::from_answer(&answer, issued_at)?;
        self.report(&token);
        Ok(Loaded { value: token, window: Window::since(start, renew_after(lifetime), lifetime) })
    }

    fn report(&self, token: &ManagementToken) {
        let (missing, excess) = (token.missing_scopes(), token.excess_scopes());
        if !missing.is_empty() {
            tracing::warn!(
                event = "management_scopes_missing",
                client_id = self.credentials.client_id,
                missing = missing.join(" "),
                "grant these scopes of the Management API to the application"
            );
        }
        if !excess.is_empty() {
            tracing::warn!(
                event = "management_scopes_excess",
                client_id = self.credentials.client_id,
                excess = excess.join(" "),
                "take these scopes of the Management API from the application: they are not needed"
            );
        }
    }

    /// The stored token with what is left of its window; `fresh` wants some freshness left.
    async fn stored(&self, store: &dyn SharedTokenStore, fresh: bool) -> Option<LoadedToken> {
        let token = store.load(&self.name).await.ok().flatten().filter(|token| !self.is_refused(token))?;
        let now = SystemTime::now();
        let left = token.expires_at.duration_since(now).ok()?;
        let lifetime = token.expires_at.duration_since(token.issued_at).unwrap_or(left);
        let fresh_for = renew_after(lifetime).saturating_sub(lifetime.saturating_sub(left));
        if left.is_zero() || (fresh && fresh_for.is_zero()) {
            return None;
        }
        let bearer = BearerToken::new(token.access_token.expose_secret()).ok()?;
        let scope = token.scope.as_deref();
        let value = ManagementToken::new(bearer, scope, token.issued_at, token.expires_at, false);
        Some(Loaded { value, window: Window::new(fresh_for, left) })
    }

    async fn through(&self, store: &dyn SharedTokenStore) -> Result<LoadedToken, Error> {
        let patient_until = Instant::now() + PATIENCE;
        loop {
            if let Some(stored) = self.stored(store, true).await {
                return Ok(stored);
            }
            match store.lease(&self.name, LEASE).await {
                Ok(true) => break,
                Ok(false) if Instant::now() < patient_until => {
                    sleep(POLL.mul_f64(1.0 + fastrand::f64())).await;
                }
                Ok(false) => match self.stored(store, false).await {
                    Some(stored) => return Ok(stored),
                    None => return self.ask().await,
                },
                Err(_) => {
                    tracing::warn!(
                        event = "management_token_store_unavailable",
                        "this replica asks by itself"
                    );
                    return self.ask().await;
                }
            }
        }
        // The one before us may have stored its token between our look and our lease.
        let loaded = match self.stored(store, true).await {
            Some(stored) => Ok(stored),
            None => self.ask_and_share(store).await,
        };
        store.release(&self.name).await;
        loaded
    }

    async fn ask_and_share(&self, store: &dyn SharedTokenStore) -> Result<LoadedToken, Error> {
        let loaded = self.ask().await?;
        if store.store(&self.name, &loaded.value.to_shared()).await.is_err() {
            tracing::warn!(
                event = "management_token_store_unavailable",
                "this replica's token is not shared"
            );
        }
        Ok(loaded)
    }
}

impl Load for ManagementLoad {
    type Value = ManagementToken;
    type Error = Error;

    async fn load(&self) -> Result<LoadedToken, Error> {
        let loaded = match &self.store {
            Some(store) => self.through(store.as_ref()).await,
            None => self.ask().await,
        };
        if let Err(error) = &loaded {
            tracing::Span::current().record("outcome", error.fault().as_str());
            tracing::warn!(event = "management_token_failed", fault = ?error.fault(), %error);
        }
        loaded
    }
}

impl fmt::Debug for ManagementToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagementToken")
            .field("scopes", &self.scopes)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
