//! What answers the requests that the layers let through.

use crate::body::{Body, RequestBody};
use crate::peer::Peer;
use http::{Request, Response};

/// The domain's side of the server; any suitable async closure is one.
///
/// The request comes with its [`RequestId`](crate::request_id::RequestId) in the extensions, an origin-form target and exactly one valid `Host`.
/// A [`Summary`](crate::telemetry::Summary) in the response's extensions feeds the access log and the metrics.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request. Dropping the future means that the client has left.
    fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send;
}

impl<F, Answer> Handler for F
where
    F: Fn(Request<RequestBody>, Peer) -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Response<Body>> + Send,
{
    fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send {
        self(request, peer)
    }
}
