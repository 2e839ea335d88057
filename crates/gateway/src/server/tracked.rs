//! An answer's body on its way out: what must last until it has been sent is let go at its end.

use super::layers::record::Record;
use crate::body::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Wraps the handler's body.
pub(crate) struct Tracked {
    inner: crate::body::Body,
    record: Record,
}

impl Tracked {
    pub(crate) fn new(inner: crate::body::Body, record: Record) -> Self {
        Self { inner, record }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        this.record.polled(matches!(polled, Poll::Ready(Some(Ok(_)))));
        match &polled {
            Poll::Ready(Some(Err(_))) => this.record.broke(),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.record.sent(data.len());
                }
                if this.inner.is_end_stream() {
                    this.record.completed();
                }
            }
            Poll::Ready(None) => this.record.completed(),
            Poll::Pending => {}
        }
        match polled {
            // An answer's trailers are dropped.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                this.record.completed();
                Poll::Ready(None)
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
