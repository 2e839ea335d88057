//! The boundary to the network.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::Error;

/// A boxed future, as the object-safe traits of this crate return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What one exchange may cost.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// From the start of the request to the last byte of the answer.
    pub timeout: Duration,
    /// The largest answer in bytes; a larger one is an error, not cut.
    pub max_body: usize,
}

/// Sends requests to the tenant. The default speaks HTTP over pooled connections; another implementation serves
/// tests and simulations without sockets.
///
/// An implementation follows no redirects, uses no proxies from the environment and keeps both limits.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// No whole answer came within the limits.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// Why no whole answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection: address, name resolution, TLS.
    Connect,
    /// Not within [`Limits::timeout`].
    Timeout,
    /// Larger than [`Limits::max_body`].
    TooLarge,
    /// The connection broke, or what came was not HTTP.
    Broken,
}

/// HTTP by `reqwest`, which stays inside this module.
pub(crate) struct Http(reqwest::Client);

impl Http {
    /// A client for `https`, or for plain `http` on loopback.
    pub(crate) fn new(connect_timeout: Duration, plain: bool) -> Result<Self, Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(connect_timeout)
            .https_only(!plain);
        // Plain HTTP needs no certificates, and must not fail for the lack of them.
        let builder = if plain { builder.tls_certs_only([]) } else { builder };
        builder.build().map(Self).map_err(|_| {
            Error::operator("TLS cannot be set up; is there a store of root certificates (SSL_CERT_FILE)?")
        })
    }
}

impl Transport for Http {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let mut request = reqwest::Request::try_from(request).map_err(|_| TransportError::Broken)?;
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

fn classify(error: &reqwest::Error) -> TransportError {
    // A connect timeout is both; that nobody is there says more.
    if error.is_connect() {
        TransportError::Connect
    } else if error.is_timeout() {
        TransportError::Timeout
    } else {
        TransportError::Broken
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}
