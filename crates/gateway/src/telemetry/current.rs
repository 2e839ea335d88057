//! Which request the running task works for: what the log puts on lines that do not say it themselves.
//!
//! Not a span: without a collector spans would be kept for nothing but this.

use crate::request_id::RequestId;
use pin_project_lite::pin_project;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};
use tracing::Span;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The work for a request has panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

pin_project! {
    /// One future instead of one for each of its three duties: each that is put around another moves it, and it is large.
    struct Within<'a, F> {
        id: RequestId,
        span: &'a Span,
        #[pin]
        work: F,
    }
}

/// Runs `work` for this request, within its span.
pub(crate) fn within<F: Future>(
    id: RequestId,
    span: &Span,
    work: F,
) -> impl Future<Output = Result<F::Output, Panicked>> {
    Within { id, span, work }
}

impl<F: Future> Future for Within<'_, F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        // What has panicked is not polled again: it is dropped with the rest of the request.
        let poll = AssertUnwindSafe(|| this.work.poll(cx));
        let polled = CURRENT.sync_scope(*this.id, || catch_unwind(poll));
        polled.map_or(Poll::Ready(Err(Panicked)), |polled| polled.map(Ok))
    }
}

/// The request that is being worked for.
pub(super) fn request() -> Option<RequestId> {
    CURRENT.try_with(|id| *id).ok()
}
