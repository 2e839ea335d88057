//! Connections to a host that speaks HTTP/1.1, kept between calls (`docs/decisions/0016-connections-to-providers.md`).
//!
//! Each carries one call at a time. A connection goes back only when its call is over on both sides: the request was sent, and the
//! answer's body has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::future::BoxFuture;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::limits::{LARGE_READ_BUFFER, POOL_IDLE, READ_BUFFER};
use crate::body::{Body, BoxError};

/// So many connections are made at a time although no call waits for them any more.
const AHEAD: usize = 8;

pub(super) type Sender = SendRequest<Body>;

/// One core's connections to one host.
#[derive(Debug)]
pub(super) struct Kept {
    /// Scheme and authority.
    origin: Uri,
    /// The value of `Host`.
    name: Option<HeaderValue>,
    /// The last connection that was made speaks HTTP/1.1.
    http1: AtomicBool,
    idle: Mutex<Idle>,
    /// Told when a connection becomes idle.
    returned: Notify,
    ahead: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The last one became idle last.
    connections: Vec<(Sender, Instant)>,
    /// A task closes those that are not used.
    is_swept: bool,
}

/// What makes connections.
pub(super) trait Connect: Sync {
    /// A connection.
    type Io: Read + Write + Connection + Unpin + Send + 'static;

    /// Connects to the host of this address.
    ///
    /// # Errors
    /// The address must not be connected to, or does not answer.
    fn connect(&self, uri: Uri) -> BoxFuture<'static, Result<Self::Io, BoxError>>;
}

/// What came of a call.
pub(super) enum CallResult {
    /// The head of its answer.
    Answer(Response<Incoming>),
    /// It was not sent, and is as it was: the host speaks HTTP/2 now.
    Http2(Request<Body>),
}

impl Kept {
    /// Connections to the host of this address. What it speaks is known beforehand without TLS only.
    pub(super) fn new(uri: &Uri) -> Self {
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        Self {
            origin: Uri::from_parts(parts).unwrap_or_default(),
            name: name(uri),
            http1: AtomicBool::new(uri.scheme() == Some(&Scheme::HTTP)),
            idle: Mutex::default(),
            returned: Notify::new(),
            ahead: Arc::new(Semaphore::new(AHEAD)),
        }
    }

    /// Whether the host is spoken to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.origin.scheme() == Some(&Scheme::HTTP)
    }

    /// Whether the host speaks HTTP/1.1, as far as is known.
    pub(super) fn speaks_http1(&self) -> bool {
        self.http1.load(Ordering::Relaxed)
    }

    /// A connection was made.
    pub(super) fn speaks(&self, http1: bool) {
        self.http1.store(http1, Ordering::Relaxed);
    }

    /// Sends a call over an idle connection, or over a new one. Dropping the future cancels the call and closes its connection.
    ///
    /// # Errors
    /// No connection, or it broke before the answer's head.
    pub(super) async fn send(
        self: &Arc<Self>,
        connector: &impl Connect,
        mut request: Request<Body>,
    ) -> Result<CallResult, BoxError> {
        let is_head = request.method() == Method::HEAD;
        self.address(&mut request);
        loop {
            let (mut sender, is_new) = match self.take() {
                Some(sender) => (sender, false),
                None => match Box::pin(self.open(connector)).await? {
                    Some(opened) => opened,
                    None => return Ok(CallResult::Http2(self.restored(request))),
                },
            };
            match sender.try_send_request(request).await {
                Ok(answer) => {
                    if length(answer.headers()) > READ_BUFFER {
                        return Err(HeadTooLong.into());
                    }
                    // A peer that sends a body all the same would have it taken for the answer to the next call.
                    if !is_head && !has_no_body(answer.status()) {
                        self.give_back(sender);
                    }
                    return Ok(CallResult::Answer(answer));
                }
                Err(mut error) => match error.take_message() {
                    // The connection ended while it was idle, and nothing of the call was written.
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(error.into_error().into()),
                },
            }
        }
    }

    /// Names the host in the way of HTTP/1.1.
    fn address(&self, request: &mut Request<Body>) {
        let target = std::mem::take(request.uri_mut()).into_parts().path_and_query;
        *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
        if let Some(name) = &self.name {
            request.headers_mut().insert(HOST, name.clone());
        }
    }

    #[cold]
    fn restored(&self, mut request: Request<Body>) -> Request<Body> {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        request.headers_mut().remove(HOST);
        request
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that became idle last.
    fn take(&self) -> Option<Sender> {
        let mut idle = self.lock();
        while let Some((sender, _)) = idle.connections.pop() {
            // Not closed by the peer meanwhile.
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// The idle connections.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.lock().connections.iter().filter(|(sender, _)| sender.is_ready()).count()
    }

    /// Keeps a connection for the next call, as soon as the present one is over.
    fn give_back(self: &Arc<Self>, mut sender: Sender) {
        // The whole answer has often arrived with its head.
        if sender.is_ready() {
            return self.put(sender);
        }
        let kept = Arc::downgrade(self);
        tokio::spawn(async move {
            if sender.ready().await.is_ok()
                && let Some(kept) = kept.upgrade()
            {
                kept.put(sender);
            }
        });
    }

    pub(super) fn put(self: &Arc<Self>, sender: Sender) {
        let mut idle = self.lock();
        idle.connections.push((sender, Instant::now()));
        let is_swept = std::mem::replace(&mut idle.is_swept, true);
        drop(idle);
        if !is_swept {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
        self.returned.notify_one();
    }

    /// A connection, and whether it is new: another one may become idle before it is made. `None`: it speaks HTTP/2.
    async fn open(self: &Arc<Self>, connector: &impl Connect) -> Result<Option<(Sender, bool)>, BoxError> {
        let buffer = if self.is_plain() { LARGE_READ_BUFFER } else { READ_BUFFER };
        let mut opening = Box::pin(open(connector.connect(self.origin.clone()), buffer));
        loop {
            tokio::select! {
                biased;
                opened = opening.as_mut() => return Ok(opened?.map(|sender| (sender, true))),
                () = self.returned.notified() => {}
            }
            if let Some(sender) = self.take() {
                self.finish(opening);
                return Ok(Some((sender, false)));
            }
        }
    }

    /// Makes a connection that its call does not need any more: the next one probably does.
    fn finish(
        self: &Arc<Self>,
        opening: impl Future<Output = Result<Option<Sender>, BoxError>> + Send + 'static,
    ) {
        // A host that does not take more connections would have all of its calls leave one behind.
        let Ok(permit) = Arc::clone(&self.ahead).try_acquire_owned() else { return };
        let kept = Arc::downgrade(self);
        tokio::spawn(async move {
            let opened = opening.await;
            drop(permit);
            if let (Ok(Some(sender)), Some(kept)) = (opened, kept.upgrade()) {
                kept.put(sender);
            }
        });
    }
}

/// A connection that can be used. `None`: it speaks HTTP/2, which the pooled client does on one of its own.
async fn open<C: Connection + Read + Write + Unpin + Send + 'static>(
    connecting: BoxFuture<'static, Result<C, BoxError>>,
    buffer: usize,
) -> Result<Option<Sender>, BoxError> {
    let connection = connecting.await?;
    if connection.connected().is_negotiated_h2() {
        return Ok(None);
    }
    let (mut sender, driven) = Builder::new().max_buf_size(buffer).handshake(connection).await?;
    // How it ends is told to the call that it carries.
    tokio::spawn(async move { drop(driven.await) });
    sender.ready().await?;
    Ok(Some(sender))
}

/// Closes what has not been used for [`POOL_IDLE`], as long as there is something to close.
async fn sweep(kept: Weak<Kept>) {
    loop {
        let oldest = {
            let Some(kept) = kept.upgrade() else { return };
            let mut idle = kept.lock();
            idle.connections.retain(|(sender, since)| sender.is_ready() && since.elapsed() < POOL_IDLE);
            let Some((_, oldest)) = idle.connections.first() else {
                idle.is_swept = false;
                return;
            };
            *oldest
        };
        sleep_until(oldest + POOL_IDLE).await;
    }
}

/// The head of an answer is longer than [`READ_BUFFER`]. Where the buffer is larger, the client takes such heads.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the head of the provider's answer is too long")]
pub(super) struct HeadTooLong;

/// The length of header fields, with `: ` and the end of the line.
fn length(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// Whether an answer of this status never has a body (RFC 9112, section 6.3).
fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The value of `Host`: without userinfo, and without the scheme's own port.
fn name(uri: &Uri) -> Option<HeaderValue> {
    let host = uri.host()?;
    let own = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    match uri.port_u16().filter(|port| *port != own) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")).ok(),
        None => HeaderValue::from_str(host).ok(),
    }
}
