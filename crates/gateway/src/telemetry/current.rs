//! Which request the running task works for: what the log puts on lines that do not say it themselves.
//!
//! Not a span: without a collector spans would be kept for nothing but this.

use crate::request_id::RequestId;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Runs `work` for this request.
pub(crate) fn within<F: Future>(id: RequestId, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(id, work)
}

/// The request that is being worked for.
pub(super) fn request() -> Option<RequestId> {
    CURRENT.try_with(|id| *id).ok()
}
