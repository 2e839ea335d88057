//! Request bodies that are looked at on their way: up to a limit before anything is sent, the rest while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::bodies::{Prefixed, Read, read_ahead};
use crate::body::{self, Body, BoxError, RequestBodyFault};

/// How much of a body is read before the first byte goes out: whole forms of the usual size, so that the provider sees nothing
/// of those that are refused. Of longer ones nothing that is refused goes out either.
pub(super) const AHEAD: usize = 64 * 1024;

/// How much is looked at before other tasks of the thread have their turn.
pub(super) const PIECE: usize = 16 * 1024;

/// What looks at a body.
pub(super) trait Inspector: Send + Unpin + 'static {
    /// Why a body is refused.
    type Fault: Into<BoxError>;

    /// What may go on after the next piece.
    fn push(&mut self, piece: Bytes) -> Result<Bytes, Self::Fault>;

    /// What may go on at the end of the body.
    fn finish(&mut self) -> Result<Bytes, Self::Fault>;

    /// Bytes that came and may not go on yet.
    fn held(&self) -> usize;
}

/// Why a body is not sent.
pub(super) enum NotSent<F> {
    /// It could not be read.
    Broken(RequestBodyFault),
    /// The inspector refuses it.
    Refused(F),
}

/// Gives the body back when nothing in its first `ahead` bytes is refused. A longer one ends with the fault at the place that is.
///
/// # Errors
/// It is refused, or could not be read.
pub(super) async fn inspect<I: Inspector>(
    body: Body,
    ahead: usize,
    mut inspector: I,
) -> Result<Body, NotSent<I::Fault>> {
    let read = read_ahead(body, ahead).await.map_err(|error| {
        NotSent::Broken(RequestBodyFault::find(&*error).unwrap_or(RequestBodyFault::Broken))
    })?;
    let (first, rest) = match read {
        Read::Whole(bytes) => (bytes, None),
        Read::Partial(bytes, rest) => (bytes, Some(rest)),
    };
    for at in (0..first.len()).step_by(PIECE) {
        if at > 0 {
            tokio::task::yield_now().await;
        }
        inspector.push(first.slice(at..first.len().min(at + PIECE))).map_err(NotSent::Refused)?;
    }
    let Some(rest) = rest else {
        inspector.finish().map_err(NotSent::Refused)?;
        return Ok(body::full(first));
    };
    let decided = first.slice(..first.len() - inspector.held());
    let rest = Inspected { inner: rest, waiting: Bytes::new(), inspector, ended: false };
    Ok(Prefixed::body(decided, rest.boxed_unsync()))
}

/// A long body that is looked at while it streams.
struct Inspected<I> {
    inner: Body,
    /// What has arrived and was not looked at yet: at most a piece is looked at each time the body is polled.
    waiting: Bytes,
    inspector: I,
    ended: bool,
}

impl<I: Inspector> http_body::Body for Inspected<I> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.ended {
            if self.waiting.is_empty() {
                match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => self.waiting = data,
                        Err(_) => continue,
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => self.ended = true,
                }
            }
            let length = self.waiting.len().min(PIECE);
            let piece = self.waiting.split_to(length);
            let out = if self.ended { self.inspector.finish() } else { self.inspector.push(piece) };
            match out {
                Err(fault) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(fault.into())));
                }
                Ok(out) if out.is_empty() => {}
                Ok(out) => return Poll::Ready(Some(Ok(Frame::data(out)))),
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        // Nothing is replaced in what passes, so the length stays what was declared.
        let mut hint = self.inner.size_hint();
        let held = (self.inspector.held() + self.waiting.len()) as u64;
        if let Some(exact) = hint.exact() {
            hint.set_exact(exact + held);
        }
        hint
    }
}
