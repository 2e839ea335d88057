//! How many calls each connection to a host may carry, and which of them carries the next one.
//!
//! A client keeps one HTTP/2 connection to a host, and holds back the calls that the peer's stream limit does not allow
//! (RFC 9113, section 5.1.2). So there are several clients, a call goes to the first one with a free stream, and it is sent only
//! then.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::Scheme;
use http::{Response, Uri, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::kept::Kept;
use crate::body::BoxError;

/// The HTTP/2 connections of a core to a host.
pub(super) const CONNECTIONS: usize = 8;

/// Hosts beyond this number are forgotten when nothing is connected to them, and callers choose no more of them.
const HOSTS: usize = 64;

/// So many of them at most were chosen by one user.
const HOSTS_OF_ONE: usize = 16;

/// What a connection may carry before its peer has said it.
pub(super) const UNKNOWN: usize = 1;

/// The hosts of one core, by authority: with TLS and without.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    tls: Mutex<HostMap>,
    plain: Mutex<HostMap>,
    /// So that a user cannot choose the share of another one.
    hash: RandomState,
}

/// Who has chosen a host: issuer and subject.
pub(crate) type Chooser<'a> = (&'a str, &'a str);

/// The authorities come from the configuration and from adapters, not from callers, and are few.
type HostMap = HashMap<Box<str>, Arc<Host>, foldhash::fast::RandomState>;

impl Hosts {
    /// The host of an address. `None` for a host that a user has chosen among many, while connections to too many are open, or to too
    /// many that this user has chosen first: each holds memory and a file until it has been idle for some time.
    pub(super) fn admit(&self, uri: &Uri, chooser: Option<Chooser<'_>>) -> Option<Arc<Host>> {
        let Some(chooser) = chooser else { return Some(self.get(uri)) };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let mut hosts = self.of_scheme(uri);
        if let Some(host) = hosts.get(authority) {
            return Some(Arc::clone(host));
        }
        let user = Some(self.hash.hash_one(chooser));
        let chosen = |hosts: &HostMap| hosts.values().filter(|host| host.chooser == user).count();
        if hosts.len() >= HOSTS || chosen(&hosts) >= HOSTS_OF_ONE {
            hosts.retain(|_, host| is_used(host));
        }
        if hosts.len() >= HOSTS || chosen(&hosts) >= HOSTS_OF_ONE {
            return None;
        }
        let host = Arc::new(Host::new(uri, user));
        hosts.insert(authority.into(), Arc::clone(&host));
        Some(host)
    }

    /// The host of an address.
    pub(super) fn get(&self, uri: &Uri) -> Arc<Host> {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let mut hosts = self.of_scheme(uri);
        if let Some(host) = hosts.get(authority) {
            return Arc::clone(host);
        }
        if hosts.len() >= HOSTS {
            hosts.retain(|_, host| is_used(host));
        }
        Arc::clone(hosts.entry(authority.into()).or_insert_with(|| Arc::new(Host::new(uri, None))))
    }

    fn of_scheme(&self, uri: &Uri) -> MutexGuard<'_, HostMap> {
        let map = if uri.scheme() == Some(&Scheme::HTTPS) { &self.tls } else { &self.plain };
        map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a call holds the host, or a connection knows of it.
fn is_used(host: &Arc<Host>) -> bool {
    Arc::strong_count(host) > 1 || Arc::weak_count(host) > 0
}

/// The connections of one core to one host.
#[derive(Debug)]
pub(super) struct Host {
    /// The user who has chosen it first, if a user has.
    chooser: Option<u64>,
    connections: [Carried; CONNECTIONS],
    freed: Notify,
    /// Those of HTTP/1.1.
    kept: Arc<Kept>,
}

/// The calls of one connection.
#[derive(Debug)]
struct Carried {
    calls: AtomicUsize,
    limit: AtomicUsize,
    /// How often the connection was made. What an earlier one says is over.
    made: AtomicUsize,
}

impl Default for Carried {
    fn default() -> Self {
        Self { calls: AtomicUsize::new(0), limit: AtomicUsize::new(UNKNOWN), made: AtomicUsize::new(0) }
    }
}

/// One making of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    connection: usize,
    number: usize,
}

impl Host {
    fn new(uri: &Uri, chooser: Option<u64>) -> Self {
        let kept = Arc::new(Kept::new(uri));
        Self { chooser, connections: Default::default(), freed: Notify::new(), kept }
    }

    /// The connections over which each call goes alone.
    pub(super) fn kept(&self) -> &Arc<Kept> {
        &self.kept
    }

    /// A stream of the first connection that has one, as soon as there is one.
    pub(super) async fn stream(self: Arc<Self>) -> Stream {
        loop {
            if let Some(stream) = self.free() {
                return stream;
            }
            let mut freed = std::pin::pin!(self.freed.notified());
            // A stream that gets free from here on is noticed.
            freed.as_mut().enable();
            if let Some(stream) = self.free() {
                return stream;
            }
            freed.await;
        }
    }

    /// A stream of the first connection that has one now.
    pub(super) fn free(self: &Arc<Self>) -> Option<Stream> {
        let connection = self.connections.iter().position(|carried| {
            let limit = carried.limit.load(Ordering::Relaxed);
            let more = |calls| (calls < limit).then_some(calls + 1);
            carried.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
        })?;
        Some(Stream { host: Arc::clone(self), connection })
    }

    /// A connection was made anew. What its predecessor allowed says nothing of it.
    pub(super) fn made(&self, connection: usize) -> Made {
        let carried = self.connections.get(connection);
        let number = carried.map_or(0, |carried| {
            carried.limit.store(UNKNOWN, Ordering::Relaxed);
            carried.made.fetch_add(1, Ordering::Relaxed) + 1
        });
        Made { connection, number }
    }

    fn present(&self, made: Made) -> Option<&Carried> {
        let carried = self.connections.get(made.connection)?;
        (carried.made.load(Ordering::Relaxed) == made.number).then_some(carried)
    }

    /// The peer of a connection allows this many streams. `usize::MAX` where calls are no streams (HTTP/1.1).
    pub(super) fn allow(&self, made: Made, streams: usize) {
        if let Some(carried) = self.present(made) {
            carried.limit.store(streams, Ordering::Relaxed);
            self.freed.notify_waiters();
        }
    }

    /// Whether some connection may carry more than one call.
    #[cfg(test)]
    pub(super) fn allows_many(&self) -> bool {
        self.connections.iter().any(|carried| carried.limit.load(Ordering::Relaxed) > UNKNOWN)
    }

    /// A connection takes no more calls. The next one may try one, until its peer has said what it allows: calls that it does
    /// not allow would wait inside of the client, as if for the provider's answer.
    pub(super) fn ended(&self, made: Made) {
        if let Some(carried) = self.present(made)
            && carried.limit.swap(UNKNOWN, Ordering::Relaxed) < UNKNOWN
        {
            self.freed.notify_one();
        }
    }
}

/// A place for one call on one connection, until the answer's body ends.
#[derive(Debug)]
pub(crate) struct Stream {
    host: Arc<Host>,
    connection: usize,
}

impl Stream {
    /// Which of the [`CONNECTIONS`] it belongs to.
    pub(super) fn connection(&self) -> usize {
        self.connection
    }

    pub(super) fn kept(&self) -> &Arc<Kept> {
        &self.host.kept
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(carried) = self.host.connections.get(self.connection) {
            carried.calls.fetch_sub(1, Ordering::Relaxed);
            self.host.freed.notify_one();
        }
    }
}

/// An answer's body, which holds the stream that it arrives on.
#[derive(Debug)]
pub(crate) struct AnswerStream {
    inner: Incoming,
    stream: Option<Stream>,
    /// Whether the end of the stream has to be the end of the body.
    whole: bool,
}

/// The provider ended the HTTP/2 stream before the body.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the provider reset the stream before the end of the body")]
pub(crate) struct Unfinished;

impl AnswerStream {
    /// `sends`: the request has a body. Then a refusal may be followed by RST_STREAM with NO_ERROR, which ends the upload, and
    /// after which it is not known any more whether the answer was whole (RFC 9113, section 8.1). A reset with NO_ERROR is no error
    /// for the client that is used here.
    pub(super) fn of(answer: Response<Incoming>, stream: Stream, sends: bool) -> Response<Self> {
        let refuses = sends && !answer.status().is_success();
        let whole = answer.version() == Version::HTTP_2 && !refuses;
        answer.map(|inner| Self { inner, stream: Some(stream), whole })
    }
}

impl http_body::Body for AnswerStream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx).map_err(Into::into);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.stream = None;
        }
        if matches!(polled, Poll::Ready(None)) && self.whole && !self.inner.is_end_stream() {
            self.whole = false;
            return Poll::Ready(Some(Err(Unfinished.into())));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
