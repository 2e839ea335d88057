//! What a layer is.

use crate::server::connection::Answer;

/// Answers a request, or passes it on to the layer inside of it. One value serves all requests.
pub(crate) trait Layer<R>: Send + Sync + 'static {
    fn call(&self, request: R) -> Answer;
}
