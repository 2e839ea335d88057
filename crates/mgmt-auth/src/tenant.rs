//! The tenant and everything that is asked of it.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::Response;
use percent_encoding::utf8_percent_encode;
use serde::de::DeserializeOwned;
use token_keeper::{Keeper, Status};
use tokio::time::Instant;
use tracing::{Instrument as _, field};
use url::{Url, form_urlencoded};

use crate::{
    Allowance, ClientCredentials, Discovery, Error, Fault, KeyPolicy, ManagementToken, Priority,
    SecretReader, SharedTokenStore, SigningKeys, TenantBuilder, TokenName, TokenResponse,
    answer::{self, Place},
    budget::Budget,
    hints::RateHeaders,
    management::ManagementLoad,
    oauth::{Endpoints, UNRESERVED},
};

/// An Auth0 tenant: its management token, its keys, and the Management API. Cheap to clone; clones share all state.
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

/// What the builder found good.
pub(crate) struct Parts {
    pub(crate) domain: String,
    pub(crate) base_url: Url,
    pub(crate) audience: String,
    pub(crate) credentials: ClientCredentials,
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
        let Parts { domain, base_url, audience, credentials, endpoints, keys, token_store, waits } = parts;
        let name = TokenName {
            domain: domain.clone(),
            client_id: credentials.client_id.clone(),
            audience: audience.clone(),
        };
        let load = ManagementLoad {
            endpoints: endpoints.clone(),
            credentials: credentials.clone(),
            audience: audience.clone(),
            name,
            store: token_store,
            refused: Mutex::default(),
        };
        // Longer than a wait for another replica and a request of one's own.
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

    /// Where the tenant is reached.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.0.base_url
    }

    /// The audience of management tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// The client that asks for management tokens.
    #[must_use]
    pub fn credentials(&self) -> &ClientCredentials {
        &self.0.credentials
    }

    /// The reader of this tenant's secrets; it remembers the last good value of each file.
    #[must_use]
    pub fn secrets(&self) -> &SecretReader {
        &self.0.endpoints.secrets
    }

    /// The management token: cached, renewed ahead of its end, asked for once however many call.
    ///
    /// # Errors
    /// There is none and none can be had.
    pub async fn management_token(&self) -> Result<Arc<ManagementToken>, Error> {
        self.0.tokens.get().await
    }

    /// The management token if there is one before its end; never asks.
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

    /// Reads `{base_url}/api/v2/{segments}` with the management token. Each segment is percent-encoded as one: `/` and
    /// `|` inside an id stay inside.
    ///
    /// Waits for the allowance by `priority`. A refused token is replaced and the read repeated once; so is a read
    /// refused for the rate limit, if waiting is not longer than it may be.
    ///
    /// # Errors
    /// No token, no allowance in time, no answer, or an answer that is not 2xx with JSON of type `T`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        priority: Priority,
    ) -> Result<T, Error> {
        let path = api_path(segments, query)?;
        let resource = segments.first().copied().unwrap_or_default().to_owned();
        let span =
            tracing::info_span!("management.get", resource, status = field::Empty, outcome = field::Empty);
        let reading = async {
            let answer = self.read(&path, priority).await;
            let outcome = answer.as_ref().err().map_or("ok", |error| error.fault().as_str());
            tracing::Span::current().record("outcome", outcome);
            answer
        };
        let answer = reading.instrument(span).await?;
        serde_json::from_slice(answer.body())
            .map_err(|_| Error::tenant("the Management API's answer is not the JSON it should be"))
    }

    async fn read(&self, path: &str, priority: Priority) -> Result<Response<Bytes>, Error> {
        let wait = match priority {
            Priority::Caller => self.0.waits.0,
            Priority::Background => self.0.waits.1,
        };
        let deadline = Instant::now() + wait;
        let (mut replaced, mut waited) = (false, false);
        loop {
            let token = self.management_token().await?;
            let error = match self.read_once(path, &token, priority, deadline).await {
                Ok(answer) => {
                    token.worked();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let fits = error.retry_after().is_some_and(|wait| Instant::now() + wait < deadline);
            if error.is_unauthorized() && !replaced && self.0.tokens.loader().refuse(&token) {
                replaced = true;
                self.0.tokens.reject(&token);
            } else if error.is_rate_limited() && error.status().is_some() && !waited && fits {
                waited = true;
            } else {
                return Err(error);
            }
        }
    }

    async fn read_once(
        &self,
        path: &str,
        token: &ManagementToken,
        priority: Priority,
        deadline: Instant,
    ) -> Result<Response<Bytes>, Error> {
        let permit = self.0.budget.acquire(priority, deadline).await?;
        let answer = match self.0.endpoints.read(path, token.bearer().header()).await {
            Ok(answer) => answer,
            Err(error) => {
                permit.unanswered(&error);
                return Err(error);
            }
        };
        tracing::Span::current().record("status", answer.status().as_u16());
        let failure = (!answer.status().is_success()).then(|| answer::decode(&answer, Place::ManagementApi));
        let refused_for =
            failure.as_ref().filter(|error| error.is_rate_limited()).and_then(Error::retry_after);
        permit.answered(RateHeaders::read(answer.headers(), SystemTime::now()), refused_for);
        failure.map_or(Ok(answer), Err)
    }

    /// `POST {base_url}/oauth/token` with the client's authentication: token exchanges and the like. Nothing is cached
    /// and nothing repeated.
    ///
    /// # Errors
    /// No answer, or a refusal; [`Error::code`] is Auth0's word for it.
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
    /// It cannot be had or read.
    pub async fn discovery(&self) -> Result<Discovery, Error> {
        Discovery::ask(&self.0.endpoints).await
    }
}

/// `/api/v2/...`, encoded.
fn api_path(segments: &[&str], query: &[(&str, &str)]) -> Result<String, Error> {
    let mut path = String::from("/api/v2");
    for segment in segments {
        // Encoding does not help against these: `%2e%2e` is a dot segment too.
        if matches!(*segment, "" | "." | "..") {
            return Err(Error::new(Fault::Request, "what was asked for is no path segment"));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, UNRESERVED));
    }
    if !query.is_empty() {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        path.push('?');
        // Lists stay as the API documents them: a comma needs no escape in a query (RFC 3986).
        path.push_str(&query.replace("%2C", ","));
    }
    Ok(path)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_stays_one() {
        let path = |id| api_path(&["users", id], &[]).unwrap();
        assert_eq!(path("github|583231"), "/api/v2/users/github%7C583231");
        assert_eq!(path("waad|a/b+c@d=e|f"), "/api/v2/users/waad%7Ca%2Fb%2Bc%40d%3De%7Cf");
        assert_eq!(path("../../x"), "/api/v2/users/..%2F..%2Fx");
        assert_eq!(path("%2e%2e"), "/api/v2/users/%252e%252e");
        assert_eq!(path("ü?#"), "/api/v2/users/%C3%BC%3F%23");
        for bad in ["", ".", ".."] {
            assert_eq!(api_path(&["users", bad], &[]).unwrap_err().fault(), Fault::Request);
        }
        let query = [("fields", "user_id,identities"), ("q", "a&b=c")];
        assert_eq!(
            api_path(&["users"], &query).unwrap(),
            "/api/v2/users?fields=user_id,identities&q=a%26b%3Dc"
        );
    }
}
