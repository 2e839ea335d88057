//! The boundary to the network. `reqwest` stays inside this module.

use std::{fmt, sync::Arc, sync::OnceLock, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::error::{Fault, Transport};
use crate::exchange::is_confidential;

/// Of an answer that is an error no more than this is read.
const ERROR_BODY: usize = 64 * 1024;

/// Pooled connections and their limits, shared by any number of clients: a clone is the same pool.
///
/// Follows no redirects, uses no proxy from the environment, asks for no compression. Certificates are those of the
/// system's store, read when the first client of an `https` address is built. A [`reqwest::Client`] of your own brings its
/// own proxies, certificates and pool: `HttpClient::from(client)`, or [`HttpClientBuilder::client`] for other limits. Build
/// it with `redirect(Policy::none())`: redirects are followed here, where it is known who may see the token.
#[derive(Clone, Default)]
pub struct HttpClient(Arc<Inner>);

#[derive(Default)]
struct Inner {
    limits: Limits,
    /// A client that was handed in, used as it is.
    given: Option<reqwest::Client>,
    secure: OnceLock<reqwest::Client>,
    plain: OnceLock<reqwest::Client>,
}

#[derive(Clone, Debug)]
struct Limits {
    connect_timeout: Duration,
    timeout: Duration,
    max_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            max_body: 8 * 1024 * 1024,
        }
    }
}

/// Makes an [`HttpClient`].
#[derive(Clone, Debug, Default)]
pub struct HttpClientBuilder {
    limits: Limits,
    given: Option<reqwest::Client>,
}

impl HttpClientBuilder {
    /// The longest wait for a connection, TLS included. Default: 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// The longest wait from the start of a request to the last byte of its answer. Default: 30 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// The largest answer in bytes; a larger one is an error, not cut. Default: 8 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.limits.max_body = bytes;
        self
    }

    /// Sends through this client, with its proxies, certificates and pool; `connect_timeout` is then its own.
    #[must_use]
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.given = Some(client);
        self
    }

    /// The client. Opens no connection.
    #[must_use]
    pub fn build(self) -> HttpClient {
        HttpClient(Arc::new(Inner { limits: self.limits, given: self.given, ..Inner::default() }))
    }
}

/// An answer, body read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request as it will be sent.
pub(crate) struct Sending<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Payload,
    /// In place of the client's own.
    pub(crate) timeout: Option<Duration>,
}

/// What a request carries.
#[derive(Default)]
pub(crate) enum Payload {
    #[default]
    Empty,
    Bytes(Bytes),
    Stream(reqwest::Body),
}

impl Payload {
    /// The same once more, unless it is a stream.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            Self::Stream(_) => None,
        }
    }
}

/// An answer whose body is yet to be read.
pub(crate) struct Opened {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    max_body: usize,
    answer: reqwest::Response,
}

impl Opened {
    /// Reads the body: all of a success, of an error as much as is worth reading.
    pub(crate) async fn whole(mut self) -> Result<Answer, Transport> {
        let refused = self.status.is_client_error() || self.status.is_server_error();
        let max = if refused { ERROR_BODY } else { self.max_body };
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            let room = max - body.len();
            if chunk.len() > room && !refused {
                return Err(Transport::from(Fault::TooLarge));
            }
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                break;
            }
        }
        Ok(Answer { status: self.status, headers: self.headers, body: body.freeze() })
    }

    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Transport> {
        self.answer.chunk().await.map_err(classify)
    }
}

impl HttpClient {
    /// Starts a client with other than the default limits.
    #[must_use]
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder::default()
    }

    /// The pool for `url`'s scheme, made at its first use; `None` when TLS cannot be set up.
    pub(crate) fn pool(&self, url: &Url) -> Option<&reqwest::Client> {
        if let Some(given) = &self.0.given {
            return Some(given);
        }
        let plain = url.scheme() == "http";
        let slot = if plain { &self.0.plain } else { &self.0.secure };
        if let Some(pool) = slot.get() {
            return Some(pool);
        }
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(self.0.limits.connect_timeout)
            .https_only(!plain);
        // Plain HTTP needs no certificates, and must not fail for the lack of them.
        let builder = if plain { builder.tls_certs_only([]) } else { builder };
        let pool = builder.build().ok()?;
        Some(slot.get_or_init(|| pool))
    }

    /// Sends one request and reads its answer within the limits.
    pub(crate) async fn exchange(&self, sending: Sending<'_>) -> Result<Answer, Transport> {
        self.open(sending).await?.whole().await
    }

    /// Sends one request; the body of the answer is yet to be read.
    pub(crate) async fn open(&self, sending: Sending<'_>) -> Result<Opened, Transport> {
        if !is_confidential(&sending.url) {
            return Err(Transport::from(Fault::Connect));
        }
        let pool = self.pool(&sending.url).ok_or(Fault::Connect)?;
        let mut request = reqwest::Request::new(sending.method.clone(), sending.url);
        *request.headers_mut() = sending.headers;
        *request.timeout_mut() = Some(sending.timeout.unwrap_or(self.0.limits.timeout));
        *request.body_mut() = match sending.body {
            Payload::Empty => None,
            Payload::Bytes(bytes) => Some(bytes.into()),
            Payload::Stream(body) => Some(body),
        };
        let mut answer = pool.execute(request).await.map_err(classify)?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        Ok(Opened { status, headers, max_body: self.0.limits.max_body, answer })
    }
}

impl From<reqwest::Client> for HttpClient {
    fn from(client: reqwest::Client) -> Self {
        Self::builder().client(client).build()
    }
}

fn classify(error: reqwest::Error) -> Transport {
    // A connect timeout is both; that nobody is there says more.
    let fault = if error.is_connect() {
        Fault::Connect
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::Broken
    };
    // The URL can hold secrets.
    Transport { fault, source: Some(Arc::new(error.without_url())) }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
