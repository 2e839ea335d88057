//! The pooled client of one provider, and what can go wrong with it.

mod address;
mod connector;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub(crate) use self::connector::tls_config;

use self::connector::{ConnectRefusal, Connector};
use crate::body::{Body, RequestBodyFault, TokenInBody};
use crate::cores;

/// How long an unused connection to a provider is kept. Below what providers and load balancers keep it for,
/// so that few requests meet a closing connection.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// How long a call waits for a place among `max_in_flight`.
const QUEUED: Duration = Duration::from_secs(2);

/// Deadlines towards providers (`server.timeouts`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpstreamTimeouts {
    /// TCP and TLS.
    pub(crate) connect: Duration,
    /// Until the response head, counted from the last byte of the request's body.
    pub(crate) response: Duration,
    /// Between two pieces of the response's body.
    pub(crate) idle: Duration,
}

/// Why there is no response head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// No connection, or it broke before any response byte.
    Unreachable {
        /// Whether another connection may fare better.
        retry: bool,
        /// Where the cause is ours to name.
        refused: Option<ConnectRefusalKind>,
    },
    /// No response head in time.
    Timeout,
    /// The provider's answer is not HTTP.
    Malformed,
    /// The client's request body ended early.
    RequestBody(RequestBodyFault),
    /// The caller token stood in the body.
    TokenInBody,
}

/// The causes of a refused connection, in words for operators.
pub(crate) type ConnectRefusalKind = &'static str;

/// A provider's connections and how many calls may use them.
pub(crate) struct UpstreamClient {
    /// One for each core: a provider's connection is driven by the thread that uses it.
    clients: Box<[Client<Connector, Body>]>,
    room: Arc<Semaphore>,
    capacity: usize,
    timeouts: UpstreamTimeouts,
}

/// When the request's body last moved, shared with the body that is being sent.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    origin: Instant,
    last_millis: Arc<AtomicU64>,
}

impl Progress {
    /// Starts now.
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), last_millis: Arc::default() }
    }

    /// The body moved.
    pub(crate) fn touch(&self) {
        let millis = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(millis, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.origin + Duration::from_millis(self.last_millis.load(Ordering::Relaxed))
    }
}

impl UpstreamClient {
    pub(crate) fn new(
        tls: ClientConfig,
        timeouts: UpstreamTimeouts,
        max_in_flight: usize,
        allow_private: bool,
    ) -> Self {
        let connector = Connector::new(tls, allow_private, timeouts.connect);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(max_in_flight)
            .http1_max_headers(200)
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10));
        let clients = (0..cores::count()).map(|_| builder.build(connector.clone())).collect();
        Self { clients, room: Arc::new(Semaphore::new(max_in_flight)), capacity: max_in_flight, timeouts }
    }

    /// A place among the calls in flight, held until the answer's body ends. `None` when none got free in
    /// [`QUEUED`].
    pub(crate) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
            return Some(place);
        }
        let waiting = Arc::clone(&self.room).acquire_owned();
        tokio::time::timeout(QUEUED, waiting).await.ok()?.ok()
    }

    /// Calls in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        (self.capacity - self.room.available_permits().min(self.capacity)) as u64
    }

    /// The longest gap between two pieces of an answer's body.
    pub(crate) fn idle(&self) -> Duration {
        self.timeouts.idle
    }

    /// Sends one request and waits for the response head. Dropping the future cancels the call.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, SendError> {
        let Some(client) = self.clients.get(cores::current()).or(self.clients.first()) else {
            return Err(SendError::Unreachable { retry: false, refused: None });
        };
        let mut sending = std::pin::pin!(client.request(request));
        loop {
            // A long upload is not a slow provider: the clock starts over with every byte that is sent.
            let deadline = progress.last() + self.timeouts.response;
            match tokio::time::timeout_at(deadline, sending.as_mut()).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => return Err(explain(&error)),
                Err(_) if progress.last() + self.timeouts.response > Instant::now() => {}
                Err(_) => return Err(SendError::Timeout),
            }
        }
    }
}

impl std::fmt::Debug for UpstreamClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamClient").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}

/// Maps a client error to our closed list; its text may hold addresses and is not kept.
fn explain(error: &ClientError) -> SendError {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(fault) = cause.downcast_ref::<RequestBodyFault>() {
            return SendError::RequestBody(*fault);
        }
        if cause.is::<TokenInBody>() {
            return SendError::TokenInBody;
        }
        match cause.downcast_ref::<ConnectRefusal>() {
            Some(ConnectRefusal::Internal) => {
                return SendError::Unreachable { retry: false, refused: Some("its address is internal") };
            }
            Some(ConnectRefusal::Plain) => {
                return SendError::Unreachable { retry: false, refused: Some("it is not https") };
            }
            Some(ConnectRefusal::Timeout) => {
                return SendError::Unreachable { retry: false, refused: Some("connecting took too long") };
            }
            None => {}
        }
        if let Some(error) = cause.downcast_ref::<hyper::Error>()
            && (error.is_parse() || error.is_parse_too_large())
        {
            return SendError::Malformed;
        }
        next = cause.source();
    }
    SendError::Unreachable { retry: true, refused: None }
}
