//! The boundary to the network. `reqwest` stays inside this module.

use std::{fmt, sync::Arc, sync::OnceLock, time::Duration};

use api_transport::{ReqwestTransport, Transport, TransportError};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::{
    builder::OWN_NAME,
    error::{Fault, Unanswered},
};
use crate::exchange::is_confidential;

/// Of an answer that is an error no more than this is read.
const ERROR_BODY: usize = 64 * 1024;

/// Pooled connections and their limits, shared by any number of clients: a clone is the same pool.
///
/// Follows no redirects, uses no proxy from the environment, asks for no compression. Certificates are those of the
/// system's store, read when the first client of an `https` address is built. A [`reqwest::Client`] of your own brings its
/// own proxies, certificates and pool: `HttpClient::from(client)`, or [`HttpClientBuilder::client`] for other limits. Build
/// it with `redirect(Policy::none())`: redirects are followed here, where it is known who may see the token.
///
/// A [`Transport`] sends and answers whole bodies: `HttpClient::from(transport)`, or [`HttpClientBuilder::transport`].
#[derive(Clone, Default)]
pub struct HttpClient(Arc<Inner>);

#[derive(Default)]
struct Inner {
    limits: Limits,
    /// What was handed in, used as it is.
    given: Option<Given>,
    secure: OnceLock<reqwest::Client>,
    plain: OnceLock<reqwest::Client>,
}

#[derive(Clone, Debug)]
enum Given {
    Client(reqwest::Client),
    Transport(Arc<dyn Transport>),
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
    given: Option<Given>,
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
        self.given = Some(Given::Client(client));
        self
    }

    /// Sends through this transport, such as the one that `mgmt-auth` and `token-broker` were given; `connect_timeout` is
    /// then its own. Bodies go and come whole: [`RawRequest::stream`](super::RawRequest::stream) is refused, and `max_body`
    /// holds for an answer that is read in pieces, too.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.given = Some(Given::Transport(transport));
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
    body: Body,
}

/// What is left of an answer's body.
enum Body {
    Coming(reqwest::Response),
    Whole(Option<Bytes>),
}

impl Opened {
    /// Reads the body: all of a success, of an error as much as is worth reading.
    pub(crate) async fn whole(mut self) -> Result<Answer, Unanswered> {
        let refused = self.status.is_client_error() || self.status.is_server_error();
        let max = if refused { ERROR_BODY } else { self.max_body };
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            let room = max - body.len();
            if chunk.len() > room && !refused {
                return Err(Unanswered::from(Fault::TooLarge));
            }
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                break;
            }
        }
        Ok(Answer { status: self.status, headers: self.headers, body: body.freeze() })
    }

    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Unanswered> {
        match &mut self.body {
            Body::Coming(answer) => answer.chunk().await.map_err(classify),
            Body::Whole(body) => Ok(body.take()),
        }
    }
}

impl HttpClient {
    /// Starts a client with other than the default limits.
    #[must_use]
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder::default()
    }

    /// Whether requests with a stream for a body can be sent.
    pub(crate) fn sends_streams(&self) -> bool {
        !matches!(self.0.given, Some(Given::Transport(_)))
    }

    /// Whether requests to `url` can be sent; not when TLS cannot be set up.
    pub(crate) fn is_ready(&self, url: &Url) -> bool {
        self.0.given.is_some() || self.pool(url).is_some()
    }

    /// The pool for `url`'s scheme, made at its first use; `None` when TLS cannot be set up.
    fn pool(&self, url: &Url) -> Option<&reqwest::Client> {
        let plain = url.scheme() == "http";
        let slot = if plain { &self.0.plain } else { &self.0.secure };
        if let Some(pool) = slot.get() {
            return Some(pool);
        }
        let connect_timeout = self.0.limits.connect_timeout;
        // Plain HTTP needs no certificates, and must not fail for the lack of them.
        let transport = if plain {
            ReqwestTransport::plain(OWN_NAME, connect_timeout)
        } else {
            ReqwestTransport::new(OWN_NAME, connect_timeout)
        };
        let pool = transport.ok()?.client().clone();
        Some(slot.get_or_init(|| pool))
    }

    /// Sends one request and reads its answer within the limits.
    pub(crate) async fn exchange(&self, sending: Sending<'_>) -> Result<Answer, Unanswered> {
        self.open(sending).await?.whole().await
    }

    /// Sends one request; the body of the answer is yet to be read.
    pub(crate) async fn open(&self, sending: Sending<'_>) -> Result<Opened, Unanswered> {
        if !is_confidential(&sending.url) {
            return Err(Unanswered::from(Fault::Connect));
        }
        let limits = &self.0.limits;
        let timeout = sending.timeout.unwrap_or(limits.timeout);
        let (status, headers, body) = match &self.0.given {
            Some(Given::Transport(transport)) => {
                over_transport(&**transport, sending, timeout, limits).await?
            }
            Some(Given::Client(client)) => over_reqwest(client, sending, timeout).await?,
            None => {
                let pool = self.pool(&sending.url).ok_or(Fault::Connect)?;
                over_reqwest(pool, sending, timeout).await?
            }
        };
        Ok(Opened { status, headers, max_body: limits.max_body, body })
    }
}

type Begun = (StatusCode, HeaderMap, Body);

async fn over_reqwest(
    client: &reqwest::Client,
    sending: Sending<'_>,
    timeout: Duration,
) -> Result<Begun, Unanswered> {
    let mut request = reqwest::Request::new(sending.method.clone(), sending.url);
    *request.headers_mut() = sending.headers;
    *request.timeout_mut() = Some(timeout);
    *request.body_mut() = match sending.body {
        Payload::Empty => None,
        Payload::Bytes(bytes) => Some(bytes.into()),
        Payload::Stream(body) => Some(body),
    };
    let mut answer = client.execute(request).await.map_err(classify)?;
    let headers = std::mem::take(answer.headers_mut());
    Ok((answer.status(), headers, Body::Coming(answer)))
}

async fn over_transport(
    transport: &dyn Transport,
    sending: Sending<'_>,
    timeout: Duration,
    limits: &Limits,
) -> Result<Begun, Unanswered> {
    let body = match sending.body {
        Payload::Empty => Bytes::new(),
        Payload::Bytes(bytes) => bytes,
        // `RawRequest::stream` has refused it.
        Payload::Stream(_) => return Err(Unanswered::from(TransportError::Invalid)),
    };
    let mut request = http::Request::new(body);
    *request.uri_mut() = sending.url.as_str().parse().map_err(|_| TransportError::Invalid)?;
    *request.method_mut() = sending.method.clone();
    *request.headers_mut() = sending.headers;
    let answer = transport.send(request, api_transport::Limits::new(timeout, limits.max_body)).await?;
    let (head, body) = answer.into_parts();
    Ok((head.status, head.headers, Body::Whole(Some(body))))
}

impl From<reqwest::Client> for HttpClient {
    fn from(client: reqwest::Client) -> Self {
        Self::builder().client(client).build()
    }
}

impl From<Arc<dyn Transport>> for HttpClient {
    fn from(transport: Arc<dyn Transport>) -> Self {
        Self::builder().transport(transport).build()
    }
}

impl From<TransportError> for Unanswered {
    fn from(error: TransportError) -> Self {
        let fault = match error {
            TransportError::Insecure | TransportError::Connect => Fault::Connect,
            TransportError::Timeout => Fault::Timeout,
            TransportError::TooLarge => Fault::TooLarge,
            _ => Fault::Broken,
        };
        Self { fault, source: Some(Arc::new(error)) }
    }
}

fn classify(error: reqwest::Error) -> Unanswered {
    // A connect timeout is both; that nobody is there says more.
    let fault = if error.is_connect() {
        Fault::Connect
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::Broken
    };
    // The URL can hold secrets.
    Unanswered { fault, source: Some(Arc::new(error.without_url())) }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
