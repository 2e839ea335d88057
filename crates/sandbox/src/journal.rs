//! The journal: every request any server of the sandbox saw, and what became of its answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::request::Parts;
use ::http::{HeaderMap, Method, StatusCode, Version};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::watch;

use crate::Server;
use crate::http::{Body, Interrupted};
use crate::text;

/// How an exchange ended, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The whole answer was handed to the connection.
    Answered,
    /// The caller went away before the whole answer was out.
    Abandoned,
    /// The sandbox broke the connection off, as a fault ordered.
    Dropped,
}

/// The body of a request as far as the journal keeps it.
#[derive(Debug)]
pub(crate) struct ReceivedBody {
    pub(crate) kept: Bytes,
    pub(crate) length: u64,
    pub(crate) sha256: String,
    pub(crate) trailers: Option<HeaderMap>,
}

/// One request, as it arrived.
#[derive(Debug)]
pub struct Entry {
    number: u64,
    server: Server,
    peer: SocketAddr,
    method: Method,
    target: String,
    version: Version,
    authority: Option<String>,
    headers: HeaderMap,
    body: OnceLock<ReceivedBody>,
    status: OnceLock<StatusCode>,
    ended: OnceLock<Ended>,
}

impl Entry {
    /// Position in the journal since the sandbox started, from 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The server that was asked.
    #[must_use]
    pub fn server(&self) -> Server {
        self.server
    }

    /// The address of the connection the request came over; equal for requests on one connection.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query, byte for byte as they were sent.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path, byte for byte as it was sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query without its `?`, byte for byte as it was sent.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// `Host`, or HTTP/2's `:authority`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.as_deref().or_else(|| self.header("host")).unwrap_or_default()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of that name, when it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The trailers, if any came.
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.body.get().and_then(|body| body.trailers.as_ref())
    }

    /// The body's first MiB; empty while it has not arrived completely.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.get().map_or(&[], |body| &body.kept)
    }

    /// The body's full length; none while it has not arrived completely.
    #[must_use]
    pub fn body_length(&self) -> Option<u64> {
        self.body.get().map(|body| body.length)
    }

    /// SHA-256 of the whole body in lower-case hex; none while it has not arrived completely.
    #[must_use]
    pub fn body_sha256(&self) -> Option<&str> {
        self.body.get().map(|body| body.sha256.as_str())
    }

    /// The status that was answered, once there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status.get().map(StatusCode::as_u16)
    }

    /// How the exchange ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get().copied()
    }

    /// The path's segments, each percent-decoded once; an encoded slash stays inside its segment.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        self.path().trim_start_matches('/').split('/').map(text::decode).collect()
    }

    /// The first query member of that name, decoded.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<String> {
        pairs(self.query().unwrap_or_default().as_bytes())
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// All query members, decoded, in order.
    #[must_use]
    pub fn params(&self) -> Vec<(String, String)> {
        pairs(self.query().unwrap_or_default().as_bytes())
    }

    /// A member of the form or of the JSON object in the body.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        if self.header("content-type").is_some_and(|kind| kind.contains("json")) {
            return match self.json()?.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            };
        }
        pairs(self.body()).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body()).ok()
    }

    /// The credential after `Bearer`, if there is exactly one `Authorization` of that scheme.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.credential(&["bearer"])
    }

    /// The credential of exactly one `Authorization` of one of `schemes` (in lower case).
    pub(crate) fn credential(&self, schemes: &[&str]) -> Option<&str> {
        let mut values = self.headers.get_all("authorization").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        schemes.contains(&scheme.to_ascii_lowercase().as_str()).then(|| rest.trim())
    }

    /// User name and password of `Authorization: Basic`, as they stand (not form-decoded).
    #[must_use]
    pub fn basic(&self) -> Option<(String, String)> {
        let decoded = String::from_utf8(text::from_base64(self.credential(&["basic"])?)?).ok()?;
        decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    /// The origin the caller believes to talk to: loopback hosts by http, all others by https.
    #[must_use]
    pub fn origin(&self) -> String {
        let host = self.host();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let scheme = if matches!(name, "127.0.0.1" | "localhost" | "[::1]") { "http" } else { "https" };
        format!("{scheme}://{host}")
    }

    pub(crate) fn set_body(&self, body: ReceivedBody) {
        let _ = self.body.set(body);
    }

    pub(crate) fn set_status(&self, status: StatusCode) {
        let _ = self.status.set(status);
    }
}

fn pairs(form: &[u8]) -> Vec<(String, String)> {
    serde_urlencoded::from_bytes(form).unwrap_or_default()
}

/// Nothing that matched came within the journal's patience.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{seen} of {wanted} awaited requests came within {} s", PATIENCE.as_secs())]
pub struct NotSeen {
    seen: usize,
    wanted: usize,
}

/// How long the waiting methods wait: far beyond what a healthy test needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cheap handle on everything the sandbox's servers saw.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    changed: watch::Sender<u64>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Arc<Entry>>,
    next: u64,
}

impl Journal {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Shared { log: Mutex::default(), changed: watch::Sender::new(0), capacity }))
    }

    pub(crate) fn record(&self, server: Server, peer: SocketAddr, parts: &Parts) -> Arc<Entry> {
        let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Arc::new(Entry {
            number: log.next,
            server,
            peer,
            method: parts.method.clone(),
            target: parts.uri.path_and_query().map_or_else(|| parts.uri.to_string(), ToString::to_string),
            version: parts.version,
            authority: parts.uri.authority().map(ToString::to_string),
            headers: parts.headers.clone(),
            body: OnceLock::new(),
            status: OnceLock::new(),
            ended: OnceLock::new(),
        });
        log.next += 1;
        if log.entries.len() == self.0.capacity {
            log.entries.pop_front();
        }
        log.entries.push_back(Arc::clone(&entry));
        drop(log);
        self.touch();
        entry
    }

    pub(crate) fn touch(&self) {
        self.0.changed.send_modify(|version| *version += 1);
    }

    /// Everything seen so far and not cleared, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).entries.iter().cloned().collect()
    }

    /// What `server` saw, oldest first.
    #[must_use]
    pub fn of(&self, server: Server) -> Vec<Arc<Entry>> {
        self.matching(|entry| entry.server() == server)
    }

    /// The entries `wanted` accepts, oldest first.
    pub fn matching(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.entries.iter().filter(|entry| wanted(entry)).cloned().collect()
    }

    /// How many requests `wanted` accepts.
    pub fn count(&self, wanted: impl Fn(&Entry) -> bool) -> usize {
        self.0
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
            .iter()
            .filter(|entry| wanted(entry))
            .count()
    }

    /// How many requests `server` saw on paths that start with `prefix`.
    #[must_use]
    pub fn count_of(&self, server: Server, prefix: &str) -> usize {
        self.count(|entry| entry.server() == server && entry.path().starts_with(prefix))
    }

    /// The newest request to `server`.
    #[must_use]
    pub fn last(&self, server: Server) -> Option<Arc<Entry>> {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.entries.iter().rev().find(|entry| entry.server() == server).cloned()
    }

    /// Forgets everything seen so far. Numbers go on counting.
    pub fn clear(&self) {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).entries.clear();
    }

    /// Waits until `count` entries satisfy `wanted`, those already seen included, and returns them.
    /// `wanted` is asked again as answers go out, so it may look at [`Entry::status`] and [`Entry::ended`].
    ///
    /// # Errors
    /// When that does not happen within half a minute of real time.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&Entry) -> bool,
        count: usize,
    ) -> Result<Vec<Arc<Entry>>, NotSeen> {
        let mut changes = self.0.changed.subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let found = self.matching(&wanted);
                if found.len() >= count {
                    return found;
                }
                // The sender lives as long as `self`: this cannot fail.
                let _ = changes.changed().await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => Ok(found),
            Err(_) => Err(NotSeen { seen: self.count(&wanted), wanted: count }),
        }
    }

    /// Waits until this exchange is over and says how it ended.
    ///
    /// # Errors
    /// When that does not happen within half a minute of real time.
    pub async fn ended(&self, entry: &Entry) -> Result<Ended, NotSeen> {
        let found = self.wait_for(|seen| seen.number == entry.number && seen.ended().is_some(), 1).await?;
        found.first().and_then(|entry| entry.ended()).ok_or(NotSeen { seen: 0, wanted: 1 })
    }
}

/// Notes in the journal how an exchange ends, at the latest when it is dropped.
pub(crate) struct Watched {
    journal: Journal,
    entry: Arc<Entry>,
}

impl Watched {
    pub(crate) fn new(journal: Journal, entry: Arc<Entry>) -> Self {
        Self { journal, entry }
    }

    pub(crate) fn end(&mut self, ended: Ended) {
        if self.entry.ended.set(ended).is_ok() {
            self.journal.touch();
        }
    }

    pub(crate) fn body(self, inner: Body) -> Body {
        WatchedBody { inner, watched: self }.boxed_unsync()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end(Ended::Abandoned);
    }
}

struct WatchedBody {
    inner: Body,
    watched: Watched,
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.watched.end(Ended::Answered),
            Poll::Ready(Some(Err(_))) => self.watched.end(Ended::Dropped),
            _ => {}
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

impl Drop for WatchedBody {
    fn drop(&mut self) {
        // hyper does not ask a body of known length for its end.
        if http_body::Body::is_end_stream(&self.inner) {
            self.watched.end(Ended::Answered);
        }
    }
}
