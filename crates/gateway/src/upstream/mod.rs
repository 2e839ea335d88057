//! The clients of one provider, and what can go wrong with them.

mod address;
mod client;
mod connector;
mod kept;
mod limits;
mod read_size;
mod settings;
mod streams;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Request, Response, Uri};
use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub(crate) use self::connector::tls_config;
pub(crate) use self::streams::AnswerStream;

use self::client::Client;
use self::connector::{ConnectRefusal, Connector, WatchingConnector};
use self::kept::HeadTooLong;
use self::streams::{CONNECTIONS, Chooser, Hosts, Stream};
use crate::body::{Body, RequestBodyFault, TokenInBody};
use crate::cores;
use crate::shares::{Seat, Shares};

/// The calls that an HTTP/2 connection carries at the least where the provider allows as many. Its window has room for the most that
/// it carries: answers that are not read then hold up no other.
const STREAMS: usize = 100;

/// One user may hold one of so many of the places of `max_in_flight`.
const SHARE: usize = 4;

/// How long a call waits for a place among `max_in_flight`, and then for a stream of a connection.
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
        retry: Retry,
        /// Where the cause is ours to name.
        refused: Option<ConnectRefusalKind>,
    },
    /// The provider allows no more calls on the connections to it, and none ended in time.
    NoStream,
    /// No response head in time.
    Timeout,
    /// The provider's answer is not HTTP.
    Malformed,
    /// The client's request body ended early.
    RequestBody(RequestBodyFault),
    /// The caller token stood in the body.
    TokenInBody,
}

/// Whether a call that got no answer may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It would fail in the same way.
    No,
    /// The provider may have acted on it: only where doing so twice is the same as once.
    Idempotent,
    /// The provider says that it has not looked at it (RFC 9113, 8.7).
    Any,
}

/// The causes of a refused connection, in words for operators.
pub(crate) type ConnectRefusalKind = &'static str;

/// A provider's connections and how many calls may use them.
pub(crate) struct UpstreamClient {
    /// A provider's connection is driven by the thread that uses it.
    cores: Box<[Core]>,
    room: Arc<Semaphore>,
    shares: Arc<Shares>,
    capacity: usize,
    timeouts: UpstreamTimeouts,
    queued: Duration,
}

/// The clients of one core.
struct Core {
    hosts: Arc<Hosts>,
    /// [`CONNECTIONS`] of them.
    clients: Box<[Client]>,
}

impl Core {
    fn new(connector: &Connector, max_in_flight: usize) -> Self {
        let hosts = Arc::new(Hosts::default());
        let streams = STREAMS.max(max_in_flight.div_ceil(CONNECTIONS));
        let connector =
            |connection| WatchingConnector::new(connector.clone(), Arc::clone(&hosts), connection, streams);
        let client = |connection| Client::new(connector(connection), max_in_flight);
        Self { clients: (0..CONNECTIONS).map(client).collect(), hosts }
    }
}

/// A place among the calls in flight.
#[derive(Debug)]
pub(crate) struct Place {
    _room: OwnedSemaphorePermit,
    _seat: Seat,
}

/// Why a call gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The user's other calls hold the user's share of them.
    User,
    /// All are held.
    Provider,
}

/// A stream that no call has been sent on.
pub(crate) struct FreeStream<'a> {
    client: &'a Client,
    stream: Stream,
}

/// How the request's body fares, shared with the body that is being sent.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    origin: Instant,
    shared: Arc<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    last_millis: AtomicU64,
    /// Why the body ended early.
    fault: OnceLock<SendError>,
}

impl Progress {
    /// Starts now.
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), shared: Arc::default() }
    }

    /// The body moved.
    pub(crate) fn touch(&self) {
        let millis = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.shared.last_millis.store(millis, Ordering::Relaxed);
    }

    /// The body ended early. Of such an error the client says over HTTP/2 that the stream was reset, and no more.
    pub(crate) fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        let fault = if error.is::<TokenInBody>() {
            SendError::TokenInBody
        } else {
            SendError::RequestBody(RequestBodyFault::find(error).unwrap_or(RequestBodyFault::Broken))
        };
        // The first cause counts.
        let _ = self.shared.fault.set(fault);
    }

    fn last(&self) -> Instant {
        self.origin + Duration::from_millis(self.shared.last_millis.load(Ordering::Relaxed))
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
        let cores = (0..cores::count()).map(|_| Core::new(&connector, max_in_flight)).collect();
        Self {
            cores,
            room: Arc::new(Semaphore::new(max_in_flight)),
            shares: Shares::new(max_in_flight, SHARE),
            capacity: max_in_flight,
            timeouts,
            queued: QUEUED,
        }
    }

    /// A place among the calls in flight for a call of this user, held until the answer's body ends.
    ///
    /// # Errors
    /// No place got free in [`QUEUED`].
    pub(crate) async fn enter(&self, issuer: &str, subject: &str) -> Result<Place, Full> {
        let seat = self.shares.begin(issuer, subject).ok_or_else(|| self.full())?;
        // Nearly always both are free: then no clock is started. The places go first to the calls that wait already.
        match seat.taken_now() {
            Ok(seat) => match Arc::clone(&self.room).try_acquire_owned() {
                Ok(room) => Ok(Place { _room: room, _seat: seat }),
                Err(_) => Box::pin(self.wait(Ok(seat))).await,
            },
            Err(seat) => Box::pin(self.wait(Err(seat))).await,
        }
    }

    /// Where the provider has no place at all, that is what is said.
    fn full(&self) -> Full {
        if self.room.available_permits() == 0 { Full::Provider } else { Full::User }
    }

    /// Waits for a place of the user's share, where the call has none yet, and for one of all.
    async fn wait(&self, seat: Result<Seat, Seat>) -> Result<Place, Full> {
        let deadline = Instant::now() + self.queued;
        let seat = match seat {
            Ok(taken) => taken,
            Err(seat) => {
                let taken = tokio::time::timeout_at(deadline, seat.taken()).await.ok().flatten();
                taken.ok_or_else(|| self.full())?
            }
        };
        let waiting = Arc::clone(&self.room).acquire_owned();
        let room = tokio::time::timeout_at(deadline, waiting).await.ok().and_then(Result::ok);
        Ok(Place { _room: room.ok_or(Full::Provider)?, _seat: seat })
    }

    /// Calls in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        (self.capacity - self.room.available_permits().min(self.capacity)) as u64
    }

    /// The longest gap between two pieces of an answer's body.
    pub(crate) fn idle(&self) -> Duration {
        self.timeouts.idle
    }

    /// A stream to the host of this address, as soon as the peer allows one more call. `None` when it did not
    /// in [`QUEUED`]: that is no delay of the provider's answer.
    pub(crate) async fn stream(&self, uri: &Uri) -> Option<FreeStream<'_>> {
        self.stream_to(uri, None).await
    }

    /// The same. `chooser`: the user who has chosen the host among many. `None` also while too many of these are connected.
    pub(crate) async fn stream_to(&self, uri: &Uri, chooser: Option<Chooser<'_>>) -> Option<FreeStream<'_>> {
        let core = self.cores.get(cores::current()).or(self.cores.first())?;
        let host = core.hosts.admit(uri, chooser)?;
        let stream = match host.free() {
            Some(stream) => stream,
            None => Box::pin(tokio::time::timeout(self.queued, host.stream())).await.ok()?,
        };
        Some(FreeStream { client: core.clients.get(stream.connection())?, stream })
    }

    /// Sends one request to the host that the stream leads to, and waits for the response head. Dropping the future cancels the
    /// call.
    pub(crate) async fn send(
        &self,
        free: FreeStream<'_>,
        request: Request<Body>,
        progress: &Progress,
    ) -> Result<Response<AnswerStream>, SendError> {
        let FreeStream { client, stream } = free;
        progress.touch();
        let sends = !http_body::Body::is_end_stream(request.body());
        let answer = {
            let mut sending = std::pin::pin!(client.send(stream.kept(), request));
            loop {
                // A long upload is not a slow provider: the clock starts over with every byte that is sent.
                let deadline = progress.last() + self.timeouts.response;
                match tokio::time::timeout_at(deadline, sending.as_mut()).await {
                    Ok(answer) => break answer,
                    Err(_) if progress.last() + self.timeouts.response > Instant::now() => {}
                    Err(_) => return Err(SendError::Timeout),
                }
            }
        };
        match answer {
            Ok(answer) => Ok(AnswerStream::of(answer, stream, sends)),
            Err(error) => {
                let own = progress.shared.fault.get().copied();
                Err(own.unwrap_or_else(|| explain(&*error)))
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
fn explain(error: &(dyn std::error::Error + 'static)) -> SendError {
    let mut next = Some(error);
    while let Some(cause) = next {
        match cause.downcast_ref::<ConnectRefusal>() {
            Some(ConnectRefusal::Internal) => {
                return SendError::Unreachable { retry: Retry::No, refused: Some("its address is internal") };
            }
            Some(ConnectRefusal::Plain) => {
                return SendError::Unreachable { retry: Retry::No, refused: Some("it is not https") };
            }
            Some(ConnectRefusal::Timeout) => {
                return SendError::Unreachable {
                    retry: Retry::No,
                    refused: Some("connecting took too long"),
                };
            }
            None => {}
        }
        if cause.downcast_ref::<h2::Error>().is_some_and(is_unprocessed) {
            return SendError::Unreachable { retry: Retry::Any, refused: None };
        }
        if cause.is::<HeadTooLong>() {
            return SendError::Malformed;
        }
        if let Some(error) = cause.downcast_ref::<hyper::Error>()
            && (error.is_parse() || error.is_parse_too_large())
        {
            return SendError::Malformed;
        }
        next = cause.source();
    }
    SendError::Unreachable { retry: Retry::Idempotent, refused: None }
}

/// Whether the peer says that it has not processed a request: by REFUSED_STREAM, or by a GOAWAY whose last stream lies below
/// the request's (the only streams that such an error ends).
fn is_unprocessed(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}

#[cfg(test)]
mod tests;
