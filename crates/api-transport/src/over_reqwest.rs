//! The transport over reqwest.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use rustls::{ClientConfig, crypto::CryptoProvider};

use crate::{Body, BoxFuture, Limits, Transport, TransportError, TransportErrorKind};

/// [`Transport`] over a `reqwest::Client`.
///
/// ```no_run
/// use api_transport::ReqwestTransport;
///
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// // Behind a proxy, with its own certificates: whatever a reqwest client can be told.
/// let client = reqwest::Client::builder()
///     .proxy(reqwest::Proxy::all("http://proxy.acme.test:3128")?)
///     .redirect(reqwest::redirect::Policy::none())
///     .build()?;
/// let transport = ReqwestTransport::from(client);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ReqwestTransport(reqwest::Client);

/// The client cannot be set up: TLS has no root certificates, as a rule.
#[derive(Clone, Debug)]
pub struct SetUpError(Cause);

#[derive(Clone, Debug)]
enum Cause {
    Client(Arc<reqwest::Error>),
    Tls(rustls::Error),
    NoProvider,
}

impl ReqwestTransport {
    /// A transport with a client of its own: the system's root certificates, no redirects, no proxies from the
    /// environment.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(user_agent: &str, connect_timeout: Duration) -> Result<Self, SetUpError> {
        let builder = reqwest::Client::builder().https_only(true);
        Self::build(builder.tls_backend_preconfigured(tls()?), user_agent, connect_timeout)
    }

    /// The same for plain `http`, which needs no certificates and does not fail for the lack of them.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn plain(user_agent: &str, connect_timeout: Duration) -> Result<Self, SetUpError> {
        let builder = reqwest::Client::builder();
        Self::build(builder.tls_backend_preconfigured(no_tls()?), user_agent, connect_timeout)
    }

    /// For both, such as providers on the internet and a test server on loopback. It keeps no secret from plain `http`: put
    /// [`HttpsOnly`](crate::HttpsOnly) before it.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn mixed(user_agent: &str, connect_timeout: Duration) -> Result<Self, SetUpError> {
        let builder = reqwest::Client::builder();
        Self::build(builder.tls_backend_preconfigured(tls()?), user_agent, connect_timeout)
    }

    fn build(
        builder: reqwest::ClientBuilder,
        user_agent: &str,
        connect_timeout: Duration,
    ) -> Result<Self, SetUpError> {
        let builder = builder
            .user_agent(user_agent)
            .redirect(reqwest::redirect::Policy::none())
            // Only the caller knows whether a request may be repeated.
            .retry(reqwest::retry::never())
            // The limit counts the bytes that come, also where another crate of the build turns compression on.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .no_proxy()
            .connect_timeout(connect_timeout);
        builder.build().map(Self).map_err(|error| SetUpError(Cause::Client(Arc::new(error))))
    }

    /// The client that sends, with the same connections.
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.0
    }
}

/// The provider that the process has installed, else the one of this crate's features.
fn provider() -> Result<Arc<CryptoProvider>, SetUpError> {
    #[cfg(feature = "aws-lc-rs")]
    let own = Some(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let own = Some(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    let own = None;
    let installed = CryptoProvider::get_default().map(Arc::clone);
    installed.or_else(|| own.map(Arc::new)).ok_or(SetUpError(Cause::NoProvider))
}

/// TLS with the certificates of the system. Not left to reqwest, which panics where no provider is installed.
fn tls() -> Result<ClientConfig, SetUpError> {
    let provider = provider()?;
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&provider));
    let verifier = verifier.map_err(|error| SetUpError(Cause::Tls(error)))?;
    let config = versions(provider)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(over_http(config.with_no_client_auth()))
}

/// TLS without root certificates, for a client that never uses TLS.
fn no_tls() -> Result<ClientConfig, SetUpError> {
    let config = versions(provider()?)?.with_root_certificates(rustls::RootCertStore::empty());
    Ok(over_http(config.with_no_client_auth()))
}

fn versions(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, SetUpError> {
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.map_err(|error| SetUpError(Cause::Tls(error)))
}

fn over_http(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Takes the client as it is, proxies and certificates included. It must not follow redirects.
impl From<reqwest::Client> for ReqwestTransport {
    fn from(client: reqwest::Client) -> Self {
        Self(client)
    }
}

impl Transport for ReqwestTransport {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let answer = self.execute(request, limits).await?;
            let declared = answer.content_length().and_then(|length| usize::try_from(length).ok());
            if declared.is_some_and(|length| length > limits.max_body) {
                return Err(TransportErrorKind::TooLarge.into());
            }
            let (head, body) = coming(answer).into_parts();
            Ok(Response::from_parts(head, body.collect(limits.max_body).await?))
        })
    }

    fn open(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        // Of a whole body reqwest knows the length.
        let body = |body: Body| body.into_whole().map_or_else(reqwest::Body::wrap, reqwest::Body::from);
        let request = request.map(body);
        Box::pin(async move { Ok(coming(self.execute(request, limits).await?)) })
    }
}

impl ReqwestTransport {
    async fn execute<B: Into<reqwest::Body>>(
        &self,
        request: Request<B>,
        limits: Limits,
    ) -> Result<reqwest::Response, TransportError> {
        let mut request = reqwest::Request::try_from(request).map_err(classify)?;
        *request.timeout_mut() = Some(limits.timeout);
        self.0.execute(request).await.map_err(classify)
    }
}

/// The answer, its body yet to come.
fn coming(answer: reqwest::Response) -> Response<Body> {
    Response::from(answer).map(|body: reqwest::Body| Body::new(body.map_err(classify)))
}

fn classify(error: reqwest::Error) -> TransportError {
    // A connect timeout is both; that there is no connection says more.
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_builder() {
        TransportErrorKind::Invalid
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        TransportErrorKind::Broken
    };
    // URLs can contain secrets.
    TransportError::new(kind, error.without_url())
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport")
    }
}

impl fmt::Display for SetUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Cause::NoProvider => {
                "TLS has no cryptography; turn on feature `aws-lc-rs` or `ring`, or install a `CryptoProvider` of rustls"
            }
            _ => "the HTTP client cannot be set up; is there a store of root certificates (SSL_CERT_FILE)?",
        })
    }
}

impl std::error::Error for SetUpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::Client(error) => Some(&**error),
            Cause::Tls(error) => Some(error),
            Cause::NoProvider => None,
        }
    }
}
