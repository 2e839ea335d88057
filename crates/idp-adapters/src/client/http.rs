//! The boundary to the network. `reqwest` stays inside this module.

use std::{fmt, net::IpAddr, sync::Arc, sync::OnceLock, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use url::{Host, Url};

use super::error::Transport;

/// Of an answer that is an error no more than this is read.
const ERROR_BODY: usize = 64 * 1024;

/// Pooled connections and their limits, shared by any number of clients: a clone is the same pool.
///
/// Follows no redirects, uses no proxy from the environment, asks for no compression. Certificates are those of the
/// system's store, read when the first client of an `https` address is built.
#[derive(Clone, Default)]
pub struct HttpClient(Arc<Inner>);

#[derive(Default)]
struct Inner {
    limits: Limits,
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
pub struct HttpClientBuilder(Limits);

impl HttpClientBuilder {
    /// The longest wait for a connection, TLS included. Default: 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.0.connect_timeout = timeout;
        self
    }

    /// The longest wait from the start of a request to the last byte of its answer. Default: 30 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// The largest answer in bytes; a larger one is an error, not cut. Default: 8 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.0.max_body = bytes;
        self
    }

    /// The client. Opens no connection.
    #[must_use]
    pub fn build(self) -> HttpClient {
        HttpClient(Arc::new(Inner { limits: self.0, ..Inner::default() }))
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
    pub(crate) body: Option<Bytes>,
}

impl HttpClient {
    /// Starts a client with other than the default limits.
    #[must_use]
    pub fn builder() -> HttpClientBuilder {
        HttpClientBuilder::default()
    }

    /// The pool for `url`'s scheme, made at its first use; `None` when TLS cannot be set up.
    pub(crate) fn pool(&self, url: &Url) -> Option<&reqwest::Client> {
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
        if !is_safe(&sending.url) {
            return Err(Transport::Connect);
        }
        let pool = self.pool(&sending.url).ok_or(Transport::Connect)?;
        let mut request = reqwest::Request::new(sending.method.clone(), sending.url);
        *request.headers_mut() = sending.headers;
        *request.timeout_mut() = Some(self.0.limits.timeout);
        *request.body_mut() = sending.body.map(reqwest::Body::from);
        let mut answer = pool.execute(request).await.map_err(|error| classify(&error))?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let refused = status.is_client_error() || status.is_server_error();
        let max = if refused { ERROR_BODY } else { self.0.limits.max_body };
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify(&error))? {
            let room = max - body.len();
            if chunk.len() > room && !refused {
                return Err(Transport::TooLarge);
            }
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                break;
            }
        }
        Ok(Answer { status, headers, body: body.freeze() })
    }
}

fn classify(error: &reqwest::Error) -> Transport {
    // A connect timeout is both; that nobody is there says more.
    if error.is_connect() {
        Transport::Connect
    } else if error.is_timeout() {
        Transport::Timeout
    } else {
        Transport::Broken
    }
}

/// Whether a token may go there: TLS, or plain HTTP to this very machine; nothing in front of the host.
pub(crate) fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => return false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    scheme && url.username().is_empty() && url.password().is_none()
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
