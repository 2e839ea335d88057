//! The small body adaptors of the proxy: what is sent, what is kept for a second try, what is passed on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep};

use crate::body::{self, Body, BoxError, RequestBodyFault};
use crate::upstream::{Place, Progress};

/// The request's body, as often as it may be sent.
pub(super) enum Payload {
    /// Complete in memory: can be sent any number of times.
    Whole(Bytes),
    /// Streamed once; what has passed is recorded up to the replay limit.
    Streamed(Option<Body>, Recorder),
}

impl Payload {
    /// No body.
    pub(super) fn none() -> Self {
        Self::Whole(Bytes::new())
    }

    /// Takes a body apart: short declared bodies are read ahead, so that a second try is always possible; others
    /// stream and are recorded while they are short enough.
    pub(super) async fn prepare(mut body: Body, replay: usize) -> Result<Self, RequestBodyFault> {
        if body.is_end_stream() {
            return Ok(Self::none());
        }
        let declared = body.size_hint().exact().and_then(|exact| usize::try_from(exact).ok());
        if declared.is_some_and(|length| length <= replay) {
            return Ok(Self::Whole(collect(&mut body).await?));
        }
        Ok(Self::Streamed(Some(body), Recorder::new(if declared.is_some() { 0 } else { replay })))
    }

    /// A body to send, or `None` when it is spent.
    pub(super) fn body(&mut self, progress: &Progress) -> Option<Body> {
        match self {
            Self::Whole(bytes) if bytes.is_empty() => Some(body::empty()),
            Self::Whole(bytes) => Some(body::full(bytes.clone())),
            Self::Streamed(body, recorder) => match body.take() {
                Some(inner) => Some(
                    Recording { inner, recorder: recorder.clone(), progress: progress.clone() }
                        .boxed_unsync(),
                ),
                None => recorder.replay().map(body::full),
            },
        }
    }

    /// Whether another try is possible.
    pub(super) fn is_replayable(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Streamed(body, recorder) => body.is_some() || recorder.is_complete(),
        }
    }
}

async fn collect(body: &mut Body) -> Result<Bytes, RequestBodyFault> {
    let mut first = Bytes::new();
    let mut rest: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| RequestBodyFault::find(&*error).unwrap_or(RequestBodyFault::Broken))?;
        let Ok(data) = frame.into_data() else { continue };
        match &mut rest {
            Some(rest) => rest.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let mut joined = BytesMut::from(&first[..]);
                joined.extend_from_slice(&data);
                rest = Some(joined);
            }
        }
    }
    Ok(rest.map_or(first, BytesMut::freeze))
}

/// Reads a whole body of at most `limit` bytes.
pub(super) enum Read {
    /// It is complete.
    Whole(Bytes),
    /// There is more: what was read, and the rest.
    Partial(Bytes, Body),
}

/// Reads up to `limit` bytes ahead.
pub(super) async fn read_ahead(mut body: Body, limit: usize) -> Result<Read, BoxError> {
    let mut read = BytesMut::new();
    while read.len() < limit {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    read.extend_from_slice(&data);
                }
            }
            Some(Err(error)) => return Err(error),
            None => return Ok(Read::Whole(read.freeze())),
        }
    }
    if body.is_end_stream() { Ok(Read::Whole(read.freeze())) } else { Ok(Read::Partial(read.freeze(), body)) }
}

/// Puts bytes that were read ahead before the rest of a body.
pub(super) struct Prefixed {
    first: VecDeque<Bytes>,
    rest: Body,
}

impl Prefixed {
    pub(super) fn body(first: Bytes, rest: Body) -> Body {
        let first = if first.is_empty() { VecDeque::new() } else { VecDeque::from([first]) };
        Self { first, rest }.boxed_unsync()
    }
}

impl http_body::Body for Prefixed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(first) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        Pin::new(&mut self.rest).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: u64 = self.first.iter().map(|bytes| bytes.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}

/// What has passed of a streamed request body, while it is short.
#[derive(Clone, Debug)]
pub(super) struct Recorder(Arc<Mutex<Record>>);

#[derive(Debug)]
struct Record {
    limit: usize,
    bytes: Option<BytesMut>,
    complete: bool,
}

impl Recorder {
    fn new(limit: usize) -> Self {
        let bytes = (limit > 0).then(BytesMut::new);
        Self(Arc::new(Mutex::new(Record { limit, bytes, complete: false })))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, data: &[u8]) {
        let mut record = self.lock();
        let limit = record.limit;
        match &mut record.bytes {
            Some(bytes) if bytes.len() + data.len() <= limit => bytes.extend_from_slice(data),
            kept => *kept = None,
        }
    }

    fn finish(&self) {
        self.lock().complete = true;
    }

    fn is_complete(&self) -> bool {
        let record = self.lock();
        record.complete && record.bytes.is_some()
    }

    fn replay(&self) -> Option<Bytes> {
        let record = self.lock();
        if record.complete { record.bytes.clone().map(BytesMut::freeze) } else { None }
    }
}

/// A request body on its way out: recorded, its progress noted, without trailers.
struct Recording {
    inner: Body,
    recorder: Recorder,
    progress: Progress,
}

impl http_body::Body for Recording {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    self.progress.touch();
                    // Trailers are dropped (threat F05).
                    let Ok(data) = frame.into_data() else { continue };
                    self.recorder.push(&data);
                    if self.inner.is_end_stream() {
                        self.recorder.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => {
                    self.progress.failed(&*error);
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.recorder.finish();
                    self.progress.touch();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The provider stopped in the middle of its answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the provider's body paused for longer than server.timeouts.upstream_idle")]
pub(super) struct UpstreamIdle;

/// An answer's body on its way back: under the idle timeout, holding its place among the calls in flight,
/// without trailers.
pub(super) struct Timed<B> {
    inner: B,
    idle: Duration,
    clock: Option<Pin<Box<Sleep>>>,
    armed: bool,
    place: Option<Place>,
}

impl<B> Timed<B> {
    pub(super) fn new(inner: B, idle: Duration) -> Self {
        Self { inner, idle, clock: None, armed: false, place: None }
    }

    /// Keeps a place among the calls in flight until the body ends.
    pub(super) fn hold(&mut self, place: Option<Place>) {
        self.place = place;
    }
}

impl<B> http_body::Body for Timed<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(polled) => {
                    this.armed = false;
                    return Poll::Ready(match polled {
                        Some(Ok(frame)) if frame.is_data() => Some(Ok(frame)),
                        Some(Ok(_)) => continue,
                        Some(Err(error)) => Some(Err(error.into())),
                        None => {
                            this.place = None;
                            None
                        }
                    });
                }
                Poll::Pending => {
                    let idle = this.idle;
                    let clock = this.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
                    if !this.armed {
                        clock.as_mut().reset(Instant::now() + idle);
                        this.armed = true;
                    }
                    ready!(clock.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(UpstreamIdle.into())));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

use std::future::Future;

#[cfg(test)]
mod tests;
