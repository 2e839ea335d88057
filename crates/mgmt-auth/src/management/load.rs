//! Obtaining management tokens: from the fleet's store if it has a good one, else from the tenant.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::ExposeSecret as _;
use token_keeper::{Load, Loaded, Window, poll};
use tokio::time::Instant;

use super::ManagementToken;
use crate::{
    ClientCredentials, Error, SharedToken, SharedTokenStore, StoreUnavailable, TokenName, TokenQuota,
    oauth::Endpoints,
};

/// How often at most a token that never worked is replaced by another one like it.
const PROBATION: Duration = Duration::from_secs(30);
/// How long a token that lacks a required scope counts as fresh: how soon a changed grant is noticed.
const SCOPE_RECHECK: Duration = Duration::from_secs(60);
/// Longer than a token request may take with all its timeouts.
const LEASE: Duration = Duration::from_secs(30);
/// How long a replica waits for the one that requests a token, and how often it looks.
const LEASE_PATIENCE: Duration = Duration::from_secs(12);
const LEASE_POLL: Duration = Duration::from_millis(200);

type LoadedToken = Loaded<ManagementToken>;

/// Obtains management tokens.
#[derive(Debug)]
pub(crate) struct ManagementLoad {
    settings: LoadSettings,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
pub(crate) struct LoadSettings {
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) credentials: ClientCredentials,
    pub(crate) audience: String,
    pub(crate) name: TokenName,
    pub(crate) required: Arc<[String]>,
    pub(crate) store: Option<Arc<dyn SharedTokenStore>>,
}

/// What outlives one load.
#[derive(Debug, Default)]
struct Memory {
    /// The token that the Management API refused last: not to be taken from the store again.
    refused: Option<Refused>,
    /// The missing and the excess scopes as last reported: a change is reported, not each renewal.
    reported: Option<(Vec<String>, Vec<String>)>,
    quota: Option<(TokenQuota, Instant)>,
}

#[derive(Debug)]
struct Refused {
    token: Arc<ManagementToken>,
    at: Instant,
    was_good: bool,
}

impl ManagementLoad {
    pub(crate) fn new(settings: LoadSettings) -> Self {
        Self { settings, memory: Mutex::default() }
    }

    /// Remembers a refused token and says whether to request another one. Not when its predecessor was refused a
    /// moment ago and never worked either: each costs a token request.
    pub(crate) fn refuse(&self, token: &Arc<ManagementToken>) -> bool {
        let mut memory = self.memory();
        let hopeless = memory.refused.as_ref().is_some_and(|last| {
            !last.was_good && last.at.elapsed() < PROBATION && !Arc::ptr_eq(&last.token, token)
        });
        let was_good = token.was_good();
        if hopeless && !was_good {
            return false;
        }
        memory.refused = Some(Refused { token: token.clone(), at: Instant::now(), was_good });
        true
    }

    /// The quota of token requests as the last answer left it.
    pub(crate) fn quota(&self) -> Option<TokenQuota> {
        let (quota, at) = self.memory().quota?;
        let reset_in = quota.reset_in.checked_sub(at.elapsed())?;
        Some(TokenQuota { reset_in, ..quota })
    }

    fn is_refused(&self, token: &SharedToken) -> bool {
        self.memory()
            .refused
            .as_ref()
            .is_some_and(|refused| refused.token.bearer().expose() == token.access_token.expose_secret())
    }

    async fn request(&self) -> Result<LoadedToken, Error> {
        // Lifetimes count from before the request: a slow answer must not stretch them.
        let (start, issued_at) = (Instant::now(), self.settings.endpoints.clock.now());
        let LoadSettings { endpoints, credentials, audience, required, .. } = &self.settings;
        let form = [("grant_type", "client_credentials"), ("audience", audience.as_str())];
        let answer = endpoints.token(credentials, &form).await?;
        let (token, lifetime) = ManagementToken::from_answer(&answer, required, issued_at)?;
        self.memory().quota = answer.quota().map(|quota| (quota, Instant::now()));
        self.report(&token);
        let fresh_for = self.fresh_for(&token, lifetime);
        Ok(Loaded::new(token, Window::since(start, fresh_for, lifetime)))
    }

    /// How long a token just issued counts as fresh. Replicas renew at different times.
    fn fresh_for(&self, token: &ManagementToken, lifetime: Duration) -> Duration {
        let usual = lifetime.mul_f64(0.8 + fastrand::f64() * 0.1);
        let due = if token.missing_scopes().is_empty() { usual } else { usual.min(SCOPE_RECHECK) };
        // With few token requests left, spread them over the time until there are more.
        let spread = self.quota().map(|quota| quota.reset_in / quota.remaining.max(1));
        due.max(spread.unwrap_or_default().min(usual))
    }

    fn report(&self, token: &ManagementToken) {
        let found = (token.missing_scopes(), token.excess_scopes());
        let mut memory = self.memory();
        if memory.reported.as_ref() == Some(&found) {
            return;
        }
        let (missing, excess) = memory.reported.insert(found);
        let client_id = &self.settings.credentials.client_id;
        if !missing.is_empty() {
            tracing::warn!(
                event = "management_scopes_missing",
                client_id,
                missing = missing.join(" "),
                "grant these scopes of the Management API to the application"
            );
        }
        if !excess.is_empty() {
            tracing::warn!(
                event = "management_scopes_excess",
                client_id,
                excess = excess.join(" "),
                "take these scopes of the Management API from the application: they are not needed"
            );
        }
    }

    /// The stored token with what is left of its window. A `fresh` one is wanted while another can be requested.
    async fn stored(&self, store: &dyn SharedTokenStore, fresh: bool) -> Option<LoadedToken> {
        let stored = store.load(&self.settings.name).await.ok().flatten();
        let stored = stored.filter(|token| !self.is_refused(token))?;
        let left = stored.expires_at.duration_since(self.settings.endpoints.clock.now()).ok()?;
        let lifetime = stored.expires_at.duration_since(stored.issued_at).unwrap_or(left);
        let token = ManagementToken::from_shared(&stored, &self.settings.required)?;
        let fresh_for = self.fresh_for(&token, lifetime).saturating_sub(lifetime.saturating_sub(left));
        if left.is_zero() || (fresh && fresh_for.is_zero()) {
            return None;
        }
        Some(Loaded::new(token, Window::new(fresh_for, left)))
    }

    async fn through(&self, store: &dyn SharedTokenStore) -> Result<LoadedToken, Error> {
        // A stored token that lacks a required scope does not count: the grant may have been changed since. Another
        // one that appears during this load does: a replica has just requested it.
        let before = self.stored(store, true).await;
        let counts = |stored: &LoadedToken| {
            let token = stored.value.bearer().expose();
            stored.value.missing_scopes().is_empty()
                || before.as_ref().is_none_or(|before| before.value.bearer().expose() != token)
        };
        let leased = poll(LEASE_PATIENCE, LEASE_POLL, || async {
            if let Some(stored) = self.stored(store, true).await.filter(counts) {
                return Some(Ok(Some(stored)));
            }
            match store.lease(&self.settings.name, LEASE).await {
                Ok(true) => Some(Ok(None)),
                Ok(false) => None,
                Err(StoreUnavailable) => Some(Err(StoreUnavailable)),
            }
        });
        match leased.await {
            Some(Ok(Some(stored))) => Ok(stored),
            Some(Ok(None)) => {
                // The previous holder may have stored its token between our look and our lease.
                let loaded = match self.stored(store, true).await.filter(counts) {
                    Some(stored) => Ok(stored),
                    None => self.request_and_share(store).await,
                };
                store.release(&self.settings.name).await;
                loaded
            }
            Some(Err(StoreUnavailable)) => {
                tracing::warn!(
                    event = "management_token_store_unavailable",
                    "this replica requests its own token"
                );
                self.request().await
            }
            None => match self.stored(store, false).await {
                Some(stored) => Ok(stored),
                None => self.request().await,
            },
        }
    }

    async fn request_and_share(&self, store: &dyn SharedTokenStore) -> Result<LoadedToken, Error> {
        let loaded = self.request().await?;
        if store.store(&self.settings.name, &loaded.value.to_shared()).await.is_err() {
            tracing::warn!(
                event = "management_token_store_unavailable",
                "this replica's token is not shared"
            );
        }
        Ok(loaded)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Load for ManagementLoad {
    type Value = ManagementToken;
    type Error = Error;

    async fn load(&self) -> Result<LoadedToken, Error> {
        let loaded = match &self.settings.store {
            Some(store) => self.through(store.as_ref()).await,
            None => self.request().await,
        };
        if let Err(error) = &loaded {
            tracing::Span::current().record("outcome", error.fault().as_str());
            tracing::warn!(event = "management_token_failed", fault = ?error.fault(), %error);
        }
        loaded
    }
}
