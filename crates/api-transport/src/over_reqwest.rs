//! The transport over reqwest.

use std::{fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::{BoxFuture, Limits, Transport, TransportError};

/// [`Transport`] over a `reqwest::Client`.
#[derive(Clone)]
pub struct ReqwestTransport(reqwest::Client);

/// The client cannot be set up: TLS has no root certificates, as a rule.
#[derive(Clone, Debug)]
pub struct SetUpError(Arc<reqwest::Error>);

impl ReqwestTransport {
    /// A transport with a client of its own: the system's root certificates, no redirects, no proxies from the
    /// environment.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(user_agent: &str, connect_timeout: Duration) -> Result<Self, SetUpError> {
        let builder = reqwest::Client::builder().https_only(true);
        Self::build(builder, user_agent, connect_timeout)
    }

    /// The same for plain `http`, which needs no certificates and does not fail for the lack of them.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn plain(user_agent: &str, connect_timeout: Duration) -> Result<Self, SetUpError> {
        let builder = reqwest::Client::builder().tls_certs_only([]);
        Self::build(builder, user_agent, connect_timeout)
    }

    /// For both, such as providers on the internet and a test server on loopback. It keeps no secret from plain `http`: put
    /// [`HttpsOnly`](crate::HttpsOnly) before it.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn mixed(user_agent: &str, connect_timeout: Duration) -> Result<Self, SetUpError> {
        Self::build(reqwest::Client::builder(), user_agent, connect_timeout)
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
        builder.build().map(Self).map_err(|error| SetUpError(Arc::new(error)))
    }
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
            let mut request = reqwest::Request::try_from(request).map_err(|_| TransportError::Invalid)?;
            *request.timeout_mut() = Some(limits.timeout);
            let mut answer = self.0.execute(request).await.map_err(|error| classify(&error))?;
            let too_large = |length: usize| length > limits.max_body;
            let declared = answer.content_length().and_then(|length| usize::try_from(length).ok());
            if declared.is_some_and(too_large) {
                return Err(TransportError::TooLarge);
            }
            let mut body = BytesMut::with_capacity(declared.unwrap_or_default());
            while let Some(chunk) = answer.chunk().await.map_err(|error| classify(&error))? {
                if too_large(body.len() + chunk.len()) {
                    return Err(TransportError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            let mut whole = Response::new(body.freeze());
            *whole.status_mut() = answer.status();
            std::mem::swap(whole.headers_mut(), answer.headers_mut());
            Ok(whole)
        })
    }
}

/// The kind alone: reqwest's errors show URLs, and URLs can contain secrets.
fn classify(error: &reqwest::Error) -> TransportError {
    // A connect timeout is both; that there is no connection says more.
    if error.is_connect() {
        TransportError::Connect
    } else if error.is_builder() {
        TransportError::Invalid
    } else if error.is_timeout() {
        TransportError::Timeout
    } else {
        TransportError::Broken
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport")
    }
}

impl fmt::Display for SetUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the HTTP client cannot be set up; is there a store of root certificates (SSL_CERT_FILE)?",
        )
    }
}

impl std::error::Error for SetUpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
