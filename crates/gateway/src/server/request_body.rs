//! A request's body on its way in: counted, timed, and without trailers.

use super::{layers::exchange::Exchange, wire::timer::Deadline};
use crate::body::{BoxError, RequestBodyFault};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// Wraps the body that hyper reads.
pub(crate) struct Inbound<B: Body> {
    inner: B,
    left: u64,
    idle: Duration,
    clock: Deadline,
    exchange: Arc<Exchange>,
    ended: bool,
}

impl<B: Body> Drop for Inbound<B> {
    fn drop(&mut self) {
        let broke = self.exchange.body_fault().is_some();
        if broke || !(self.ended || self.inner.is_end_stream()) {
            self.exchange.leave_body_unread();
        }
    }
}

impl<B: Body> Inbound<B> {
    pub(crate) fn new(inner: B, limit: u64, idle: Duration, exchange: Arc<Exchange>) -> Self {
        Self { inner, left: limit, idle, clock: Deadline::default(), exchange, ended: false }
    }

    fn fail(&mut self, fault: RequestBodyFault) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.ended = true;
        self.exchange.body_failed(fault);
        Poll::Ready(Some(Err(Box::new(fault))))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Inbound<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if polled.is_pending() {
            this.clock.arm(this.idle);
            return if this.clock.poll_passed(cx) {
                this.fail(RequestBodyFault::Idle)
            } else {
                Poll::Pending
            };
        }
        this.clock.disarm();
        match ready!(polled) {
            None => {
                this.ended = true;
                Poll::Ready(None)
            }
            Some(Err(_)) => this.fail(RequestBodyFault::Broken),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.len() as u64 > this.left => this.fail(RequestBodyFault::TooLarge),
                Ok(data) => {
                    this.left -= data.len() as u64;
                    Poll::Ready(Some(Ok(Frame::data(data))))
                }
                // Trailers end a body; they are never passed on.
                Err(_) => {
                    this.ended = true;
                    Poll::Ready(None)
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
