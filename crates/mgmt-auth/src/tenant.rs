//! The tenant: its tokens, its keys, its rate limit.

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use token_keeper::{Clock, Keeper, Status};
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;

use crate::{
    Allowance, ClientCredentials, Discovery, Error, KeyPolicy, ManagementToken, Priority, SecretReader,
    SharedTokenStore, SigningKeys, TenantBuilder, TokenName, TokenQuota, TokenResponse,
    budget::Budget,
    management::{LoadSettings, ManagementLoad},
    oauth::Endpoints,
    requests::Requests,
};

/// An Auth0 tenant: its management token, its keys, and the Management API. Cheap to clone; clones share all state.
///
/// ```no_run
/// use mgmt_auth::{ClientCredentials, Priority, Tenant};
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = std::env::var("AUTH0_CLIENT_SECRET")?;
/// let tenant = Tenant::builder("acme.eu.auth0.com")
///     .credentials(ClientCredentials::secret("YOUR_CLIENT_ID", secret))
///     .build()?;
/// let record: serde_json::Value =
///     tenant.get(&["users", "google-oauth2|100000000000000000002"], &[], Priority::Caller).await?;
/// // The token alone, for a client of your own.
/// let token = tenant.management_token().await?;
/// let header = token.bearer().header();
/// # let _ = (record, header);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tenant(Arc<Inner>);

struct Inner {
    domain: String,
    base_url: Url,
    audience: String,
    credentials: ClientCredentials,
    endpoints: Arc<Endpoints>,
    tokens: Keeper<ManagementLoad>,
    keys: SigningKeys,
    budget: Budget,
    waits: (Duration, Duration),
}

/// The builder's settings after its checks.
pub(crate) struct Parts {
    pub(crate) domain: String,
    pub(crate) base_url: Url,
    pub(crate) audience: String,
    pub(crate) credentials: ClientCredentials,
    pub(crate) required_scopes: Vec<String>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) keys: KeyPolicy,
    pub(crate) token_store: Option<Arc<dyn SharedTokenStore>>,
    pub(crate) waits: (Duration, Duration),
}

impl Tenant {
    /// A builder for the tenant of this canonical domain, such as `acme.eu.auth0.com`.
    #[must_use]
    pub fn builder(domain: &str) -> TenantBuilder {
        TenantBuilder::new(domain)
    }

    pub(crate) fn from_parts(parts: Parts) -> Self {
        let Parts {
            domain,
            base_url,
            audience,
            credentials,
            required_scopes,
            endpoints,
            keys,
            token_store,
            waits,
        } = parts;
        let name = TokenName {
            domain: domain.clone(),
            client_id: credentials.client_id.clone(),
            audience: audience.clone(),
        };
        let load = ManagementLoad::new(LoadSettings {
            endpoints: endpoints.clone(),
            credentials: credentials.clone(),
            audience: audience.clone(),
            name,
            required: required_scopes.into(),
            store: token_store,
        });
        // Longer than a wait for another replica and a request after it.
        let load_timeout = endpoints.request_timeout + Duration::from_secs(20);
        let tokens = Keeper::builder(load).name("management_token").load_timeout(load_timeout).build();
        let keys = SigningKeys::new(endpoints.clone(), keys);
        let budget = Budget::default();
        Self(Arc::new(Inner {
            domain,
            base_url,
            audience,
            credentials,
            endpoints,
            tokens,
            keys,
            budget,
            waits,
        }))
    }

    /// The canonical domain, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// The issuer of the tokens that the tenant gives at this address: the base URL with a slash at its end.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/", self.0.endpoints.base)
    }

    /// The tenant's address.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.0.base_url
    }

    /// The audience of management tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// The client of the management tokens.
    #[must_use]
    pub fn credentials(&self) -> &ClientCredentials {
        &self.0.credentials
    }

    /// The wall clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.endpoints.clock
    }

    /// The reader of this tenant's secrets.
    #[must_use]
    pub fn secrets(&self) -> &SecretReader {
        &self.0.endpoints.secrets
    }

    /// The management token: cached, renewed ahead of its end, requested once for any number of callers.
    ///
    /// # Errors
    /// There is no token and none can be obtained.
    pub async fn management_token(&self) -> Result<Arc<ManagementToken>, Error> {
        self.0.tokens.get().await
    }

    /// The management token; if it is known to lack `scope`, another one is awaited, at most once a minute. For calls
    /// whose answer depends on a scope that the operator may just have granted. The result may still lack it.
    ///
    /// # Errors
    /// There is no token and none can be obtained.
    pub async fn management_token_with(&self, scope: &str) -> Result<Arc<ManagementToken>, Error> {
        let token = self.management_token().await?;
        if !token.lacks(scope) {
            return Ok(token);
        }
        // A token that lacks a required scope is stale after a minute, and `get` has then started a renewal.
        match self.0.tokens.join().await {
            Some(Ok(newer)) => Ok(newer),
            Some(Err(_)) | None => Ok(token),
        }
    }

    /// Requests another management token at once if the current one lacks a required scope. For a reload: the operator
    /// has changed the grant and does not want to wait.
    ///
    /// # Errors
    /// No token can be obtained; a usable one is kept.
    pub async fn recheck_scopes(&self) -> Result<Arc<ManagementToken>, Error> {
        match self.current_management_token() {
            None => self.management_token().await,
            Some(token) if token.missing_scopes().is_empty() => Ok(token),
            Some(_) => self.0.tokens.renew().await,
        }
    }

    /// Reports that the Management API refused this token, so that the next caller gets another one. For programs that
    /// send it with their own HTTP client; [`get`](Self::get) and its relatives do this by themselves.
    ///
    /// Returns whether the token is dropped. It is not when another one came meanwhile, and not when its predecessor
    /// was refused within the last half minute without ever having worked.
    pub fn reject(&self, token: &Arc<ManagementToken>) -> bool {
        self.requests(Priority::Caller).reject(token)
    }

    /// What is left of the client's quota of token requests, where the tenant has one.
    #[must_use]
    pub fn token_quota(&self) -> Option<TokenQuota> {
        self.0.tokens.loader().quota()
    }

    /// The management token if there is one before its end; sends nothing.
    #[must_use]
    pub fn current_management_token(&self) -> Option<Arc<ManagementToken>> {
        self.0.tokens.current()
    }

    /// A snapshot of the management token's age and failures.
    #[must_use]
    pub fn management_status(&self) -> Status {
        self.0.tokens.status()
    }

    /// Keeps a management token ready without requests. Never returns; the application spawns it.
    pub async fn keep_management_token(&self) -> Infallible {
        self.0.tokens.keep().await
    }

    /// Keeps the signing keys fresh without requests. Never returns; the application spawns it.
    pub async fn keep_keys(&self) -> Infallible {
        self.0.keys.keep().await
    }

    /// The tenant's signing keys.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.0.keys
    }

    /// The Management API allowance as the last answers left it.
    pub fn allowance(&self) -> Allowance {
        self.0.budget.allowance()
    }

    pub(crate) fn requests(&self, priority: Priority) -> Requests<'_> {
        let wait = match priority {
            Priority::Caller => self.0.waits.0,
            Priority::Background => self.0.waits.1,
        };
        Requests {
            endpoints: &self.0.endpoints,
            tokens: &self.0.tokens,
            budget: &self.0.budget,
            priority,
            deadline: Instant::now() + wait,
        }
    }

    /// `POST {base_url}/oauth/token` with the client's authentication: token exchanges and the like. Nothing is cached
    /// and nothing repeated.
    ///
    /// # Errors
    /// No answer, or a refusal; [`Error::code`] is Auth0's code.
    pub async fn request_token(
        &self,
        credentials: &ClientCredentials,
        form: &[(&str, &str)],
    ) -> Result<TokenResponse, Error> {
        let span = tracing::info_span!("token.request", client_id = credentials.client_id);
        self.0.endpoints.token(credentials, form).instrument(span).await
    }

    /// The discovery document, for diagnosis: nothing in this crate follows it.
    ///
    /// # Errors
    /// It cannot be obtained or read.
    pub async fn discovery(&self) -> Result<Discovery, Error> {
        Discovery::fetch(&self.0.endpoints).await
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("domain", &self.0.domain)
            .field("base_url", &self.0.base_url.as_str())
            .field("credentials", &self.0.credentials)
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}
