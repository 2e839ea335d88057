//! The boundary to the network.

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "reqwest")]
use api_transport::ReqwestTransport;
use api_transport::{Body, Transport, TransportError, TransportErrorKind};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use url::Url;

#[cfg(feature = "reqwest")]
use super::over_reqwest::Pools;
use super::{
    error::{Error, Fault, Source, Unanswered},
    sending::{Payload, Sending},
};
use crate::{Kind, exchange::is_confidential};

/// Of an answer that is an error no more than this is read.
const ERROR_BODY: usize = 64 * 1024;

/// Pooled connections and their limits, shared by any number of clients: a clone is the same pool.
///
/// Follows no redirects, uses no proxy from the environment, asks for no compression. Certificates are those of the
/// system's store, read when the first client of an `https` address is built. This is reqwest (feature `reqwest`).
///
/// A `reqwest::Client` of your own brings its own proxies, certificates and pool: `HttpClient::from(client)`, or
/// `HttpClientBuilder::client` for other limits. Build it with `redirect(Policy::none())`: redirects are followed here,
/// where it is known who may see the token.
///
/// Any other client is a [`Transport`]: `HttpClient::from(transport)`, or [`HttpClientBuilder::transport`]. Bodies are streamed where
/// it has its own [`Transport::open`], and are kept whole up to `max_body` where it has not.
///
/// ```no_run
/// # fn f(one: idp_adapters::BearerToken, other: idp_adapters::BearerToken) -> Result<(), idp_adapters::client::Error> {
/// use std::time::Duration;
/// use idp_adapters::client::{GitHub, HttpClient};
///
/// let http = HttpClient::builder().timeout(Duration::from_secs(10)).max_body(1024 * 1024).build();
/// let ana = GitHub::builder(one).http(http.clone()).build()?;
/// let ben = GitHub::builder(other).http(http).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct HttpClient(Arc<Inner>);

#[derive(Default)]
struct Inner {
    limits: Limits,
    /// What was handed in, used as it is.
    given: Option<Arc<dyn Transport>>,
    #[cfg(feature = "reqwest")]
    pools: Pools,
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
    given: Option<Arc<dyn Transport>>,
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
    #[cfg(feature = "reqwest")]
    #[must_use]
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.given = Some(Arc::new(ReqwestTransport::from(client)));
        self
    }

    /// Sends through this transport, such as the one that `mgmt-auth` and `token-broker` were given; `connect_timeout` is
    /// then its own.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.given = Some(transport);
        self
    }

    /// The client. Opens no connection.
    #[must_use]
    pub fn build(self) -> HttpClient {
        HttpClient(Arc::new(Inner {
            limits: self.limits,
            given: self.given,
            #[cfg(feature = "reqwest")]
            pools: Pools::default(),
        }))
    }
}

/// An answer, body read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer whose body is yet to be read.
pub(crate) struct Opened {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    max_body: usize,
    body: Body,
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
        Ok(self.body.chunk().await.map_err(TransportError::from)?)
    }
}

impl HttpClient {
    /// Starts a client with other than the default limits.
    #[must_use]
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder::default()
    }

    /// Whether requests to `url` can be sent.
    ///
    /// # Errors
    /// TLS cannot be set up, or there is no transport.
    pub(crate) fn check(&self, kind: Kind, url: &Url) -> Result<(), Error> {
        match self.transport(url) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(Error::setup(
                kind,
                "without the feature `reqwest` the client needs a transport; set `http`",
            )),
            Err(source) => Err(Error::no_client(kind, source)),
        }
    }

    /// What sends to `url`.
    fn transport(&self, url: &Url) -> Result<Option<&dyn Transport>, Source> {
        if let Some(given) = &self.0.given {
            return Ok(Some(&**given));
        }
        #[cfg(feature = "reqwest")]
        {
            let pool = self.0.pools.of(url, self.0.limits.connect_timeout);
            pool.map(|pool| Some(pool as _)).map_err(|error| Arc::new(error) as _)
        }
        #[cfg(not(feature = "reqwest"))]
        {
            let _ = url;
            Ok(None)
        }
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
        let transport = self.transport(&sending.url);
        let transport =
            transport.map_err(|source| Unanswered { fault: Fault::Connect, source: Some(source) })?;
        let transport = transport.ok_or(Fault::Connect)?;
        let Limits { timeout, max_body, .. } = self.0.limits;
        let limits = api_transport::Limits::new(sending.timeout.unwrap_or(timeout), max_body);
        let (head, body) = transport.open(request(sending)?, limits).await?.into_parts();
        Ok(Opened { status: head.status, headers: head.headers, max_body, body })
    }
}

fn request(sending: Sending<'_>) -> Result<Request<Body>, TransportError> {
    let mut request = Request::new(match sending.body {
        Payload::Empty => Body::empty(),
        Payload::Bytes(bytes) => bytes.into(),
        Payload::Stream(body) => body,
    });
    let url = sending.url.as_str().parse();
    *request.uri_mut() = url.map_err(|error| TransportError::new(TransportErrorKind::Invalid, error))?;
    *request.method_mut() = sending.method.clone();
    *request.headers_mut() = sending.headers;
    Ok(request)
}

#[cfg(feature = "reqwest")]
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
        let fault = match error.kind() {
            TransportErrorKind::Insecure | TransportErrorKind::Connect => Fault::Connect,
            TransportErrorKind::Timeout => Fault::Timeout,
            TransportErrorKind::TooLarge => Fault::TooLarge,
            _ => Fault::Broken,
        };
        Self { fault, source: Some(Arc::new(error)) }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
