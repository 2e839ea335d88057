//! How exchanges end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use super::entry::{Ended, Entry};
use super::log::Journal;
use crate::http::{Body, Interrupted};

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
        if self.entry.set_ended(ended) {
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
