//! The settings of a tenant.

use std::{fmt, sync::Arc, time::Duration};

use api_transport::{HttpsOnly, is_loopback};
use token_keeper::Clock;
use url::Url;

use crate::{
    ClientCredentials, Error, KeyPolicy, SecretReader, SharedTokenStore, Tenant, Transport,
    management::NEEDED_SCOPES,
    oauth::{Endpoints, trimmed},
    tenant::Parts,
};

/// The settings of a [`Tenant`]; see [`Tenant::builder`].
///
/// ```no_run
/// use std::time::Duration;
/// use mgmt_auth::{ClientAuth, ClientCredentials, SecretSource, Tenant};
///
/// # fn f() -> Result<(), mgmt_auth::Error> {
/// let secret = SecretSource::File("/run/secrets/auth0".into());
/// let tenant = Tenant::builder("acme.eu.auth0.com")
///     .base_url("https://login.acme.com/".parse().expect("a URL"))
///     .credentials(ClientCredentials::new("YOUR_CLIENT_ID", ClientAuth::SecretBasic(secret)))
///     .required_scopes(["read:users"])
///     .longest_waits(Duration::from_secs(2), Duration::from_secs(60))
///     .build()?;
/// # Ok(())
/// # }
/// ```
pub struct TenantBuilder {
    domain: String,
    base_url: Option<Url>,
    audience: Option<String>,
    credentials: Option<ClientCredentials>,
    required_scopes: Vec<String>,
    connect_timeout: Duration,
    request_timeout: Duration,
    caller_wait: Duration,
    background_wait: Duration,
    keys: KeyPolicy,
    token_store: Option<Arc<dyn SharedTokenStore>>,
    transport: Option<Arc<dyn Transport>>,
    secrets: SecretReader,
    clock: Clock,
}

impl TenantBuilder {
    pub(crate) fn new(domain: &str) -> Self {
        let seconds = Duration::from_secs;
        Self {
            domain: domain.to_owned(),
            base_url: None,
            audience: None,
            credentials: None,
            required_scopes: NEEDED_SCOPES.map(str::to_owned).to_vec(),
            connect_timeout: seconds(2),
            request_timeout: seconds(10),
            caller_wait: seconds(10),
            background_wait: seconds(60),
            keys: KeyPolicy::default(),
            token_store: None,
            transport: None,
            secrets: SecretReader::new(),
            clock: Clock::default(),
        }
    }

    /// The tenant's address; `https://{domain}` by default. A custom domain goes here. Plain `http` is for loopback
    /// addresses only.
    #[must_use]
    pub fn base_url(mut self, base_url: Url) -> Self {
        self.base_url = Some(base_url);
        self
    }

    /// The audience of management tokens; `https://{domain}/api/v2/` by default.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The client of the management tokens. Required.
    #[must_use]
    pub fn credentials(mut self, credentials: ClientCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The scopes that the management token should have; [`NEEDED_SCOPES`] by default. Missing ones and others are
    /// reported once. While the token lacks one, another token is requested once a minute, so that a changed grant is
    /// noticed. With an empty list nothing is missing, and every granted scope is in excess.
    #[must_use]
    pub fn required_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.required_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// How long a connection may take, TLS included; two seconds by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one request may take to the last byte of its answer; ten seconds by default. Key sets have five.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a call waits for the Management API allowance: for callers and in the background. Ten seconds and one
    /// minute by default.
    #[must_use]
    pub fn longest_waits(mut self, caller: Duration, background: Duration) -> Self {
        (self.caller_wait, self.background_wait) = (caller, background);
        self
    }

    /// How signing keys are kept.
    #[must_use]
    pub fn keys(mut self, policy: KeyPolicy) -> Self {
        self.keys = policy;
        self
    }

    /// Shares the management token with other replicas.
    #[must_use]
    pub fn token_store(mut self, store: Arc<dyn SharedTokenStore>) -> Self {
        self.token_store = Some(store);
        self
    }

    /// Reads the client's secret or key; by default a reader of its own. A program with several tenants and other
    /// secrets shares one.
    #[must_use]
    pub fn secrets(mut self, secrets: SecretReader) -> Self {
        self.secrets = secrets;
        self
    }

    /// The wall clock; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sends requests over this transport: your own HTTP client, or answers made up in a test. The connect timeout is
    /// then the transport's.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Builds the tenant. Nothing is sent and nothing is spawned yet.
    ///
    /// # Errors
    /// The domain is no host name, the base URL is not acceptable, credentials are missing, or TLS cannot be set up.
    pub fn build(self) -> Result<Tenant, Error> {
        let domain = checked_domain(&self.domain)?;
        let base_url = match self.base_url {
            Some(base_url) => base_url,
            None => Url::parse(&format!("https://{domain}")).map_err(|_| bad_domain())?,
        };
        check_base(&base_url)?;
        let credentials = self.credentials.ok_or_else(|| {
            Error::operator(
                "the tenant needs a client: set client id and secret, or client id and private key",
            )
        })?;
        if credentials.client_id.is_empty() {
            return Err(Error::operator("the client id is empty; take it from the application's settings"));
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(self.connect_timeout, &base_url)?,
        };
        let endpoints = Endpoints {
            transport: HttpsOnly::new(transport),
            secrets: self.secrets,
            base: trimmed(&base_url),
            assertion_audience: format!("https://{domain}/"),
            request_timeout: self.request_timeout,
            clock: self.clock,
        };
        Ok(Tenant::from_parts(Parts {
            audience: self.audience.unwrap_or_else(|| format!("https://{domain}/api/v2/")),
            domain,
            base_url,
            credentials,
            required_scopes: self.required_scopes,
            endpoints: Arc::new(endpoints),
            keys: self.keys,
            token_store: self.token_store,
            waits: (self.caller_wait, self.background_wait),
        }))
    }
}

#[cfg(feature = "reqwest")]
fn default_transport(connect_timeout: Duration, base_url: &Url) -> Result<Arc<dyn Transport>, Error> {
    const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    let transport = if base_url.scheme() == "http" {
        api_transport::ReqwestTransport::plain(USER_AGENT, connect_timeout)
    } else {
        api_transport::ReqwestTransport::new(USER_AGENT, connect_timeout)
    };
    match transport {
        Ok(transport) => Ok(Arc::new(transport)),
        Err(error) => Err(Error::operator(error.to_string()).caused_by(error)),
    }
}

#[cfg(not(feature = "reqwest"))]
fn default_transport(_: Duration, _: &Url) -> Result<Arc<dyn Transport>, Error> {
    Err(Error::operator("without the feature `reqwest` the tenant needs a transport; set `transport`"))
}

fn bad_domain() -> Error {
    Error::operator(
        "the tenant's domain must be a host name such as acme.eu.auth0.com, without scheme and path",
    )
}

/// The domain in lower case; an error if it is more than a host name.
fn checked_domain(domain: &str) -> Result<String, Error> {
    let url = Url::parse(&format!("https://{domain}/")).map_err(|_| bad_domain())?;
    let domain = domain.to_ascii_lowercase();
    let host = url.host_str().unwrap_or_default();
    let whole = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    if whole == domain && url.username().is_empty() && url.password().is_none() {
        Ok(domain)
    } else {
        Err(bad_domain())
    }
}

fn check_base(base: &Url) -> Result<(), Error> {
    let loopback = base.host_str().is_some_and(is_loopback);
    match base.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return Err(Error::operator(
                "the tenant's base URL is plain http, which is for loopback addresses only; use https",
            ));
        }
        _ => return Err(Error::operator("the tenant's base URL must begin with https://")),
    }
    let bare = base.query().is_none()
        && base.fragment().is_none()
        && base.username().is_empty()
        && base.password().is_none();
    if bare && base.has_host() {
        Ok(())
    } else {
        Err(Error::operator("the tenant's base URL must have a host, and neither user, query nor fragment"))
    }
}

impl fmt::Debug for TenantBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantBuilder")
            .field("domain", &self.domain)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(domain: &str, base: Option<&str>) -> Result<Tenant, Error> {
        let builder = TenantBuilder::new(domain).credentials(ClientCredentials::secret("id", "secret"));
        match base {
            Some(base) => builder.base_url(base.parse().unwrap()).build(),
            // Without the system's certificates, which a test machine may lack.
            None => {
                let transport = api_transport::ReqwestTransport::plain("test", Duration::from_secs(1));
                builder.transport(Arc::new(transport.unwrap())).build()
            }
        }
    }

    #[test]
    fn addresses_follow_from_the_domain() {
        let tenant = build("Acme.EU.auth0.com", None).unwrap();
        assert_eq!(tenant.domain(), "acme.eu.auth0.com");
        assert_eq!(tenant.base_url().as_str(), "https://acme.eu.auth0.com/");
        assert_eq!(tenant.audience(), "https://acme.eu.auth0.com/api/v2/");
    }

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for good in
            ["http://127.0.0.1:8080", "http://127.9.9.9/", "http://[::1]:1", "http://localhost:3000/base/"]
        {
            assert!(build("acme.eu.auth0.com", Some(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://acme.eu.auth0.com",
            "http://10.0.0.1",
            "http://localhost.evil.test",
            "http://[::2]",
            "http://0.0.0.0",
            "ftp://127.0.0.1",
            "http://u@127.0.0.1",
            "http://127.0.0.1/?q",
            "http://127.0.0.1/#f",
        ] {
            assert_eq!(
                build("acme.eu.auth0.com", Some(bad)).unwrap_err().fault(),
                crate::Fault::Operator,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_domain_is_a_host_name() {
        for bad in [
            "",
            " ",
            "https://acme.eu.auth0.com",
            "acme.eu.auth0.com/",
            "acme.eu.auth0.com/x",
            "u@acme.test",
            "acme.test?x",
            "a b",
        ] {
            assert!(build(bad, Some("http://127.0.0.1:1")).is_err(), "{bad:?}");
        }
        let without = TenantBuilder::new("acme.eu.auth0.com").base_url("http://127.0.0.1:1".parse().unwrap());
        assert!(without.build().unwrap_err().to_string().contains("client"));
    }
}
