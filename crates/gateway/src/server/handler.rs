//! What answers the requests that the layers let through.

use crate::body::{Body, RequestBody};
use crate::peer::Peer;
use crate::request_id::RequestId;
use http::{Request, Response};

/// What the layers know of a request that they let through.
#[derive(Clone, Copy, Debug)]
pub struct RequestInfo {
    /// Its id.
    pub id: RequestId,
    /// The other side.
    pub peer: Peer,
    /// Whether a page of an allowed origin may read the answer.
    pub cross_origin: bool,
}

/// The domain's side of the server; any suitable async closure is one.
///
/// The request has an origin-form target and exactly one valid `Host`.
/// A [`Summary`](crate::telemetry::Summary) in the response's extensions feeds the access log and the metrics.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request. Dropping the future means that the client has left.
    fn handle(
        &self,
        request: Request<RequestBody>,
        info: RequestInfo,
    ) -> impl Future<Output = Response<Body>> + Send;
}

impl<F, Answer> Handler for F
where
    F: Fn(Request<RequestBody>, RequestInfo) -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Response<Body>> + Send,
{
    fn handle(
        &self,
        request: Request<RequestBody>,
        info: RequestInfo,
    ) -> impl Future<Output = Response<Body>> + Send {
        self(request, info)
    }
}
