//! The public listener's layers without its listener: another server has read the request.

use super::{
    Handler, Options,
    connection::{Answer, Arrival, Stack},
    connection_state::ConnState,
    layers::{self, Context},
};
use crate::{
    body::RequestBody,
    peer::Peer,
    room::{self, Room},
    telemetry::Metrics,
};
use http::Request;
use std::{net::SocketAddr, sync::Arc};

/// The layers around a handler, for requests of any server.
#[derive(Clone)]
pub(crate) struct InProcess {
    stack: Stack<RequestBody>,
    context: Arc<Context>,
}

impl InProcess {
    pub(crate) fn new<H: Handler>(options: Options, handler: H, metrics: Metrics) -> Self {
        let places = options.limits.in_flight;
        let context = Context::new(options, metrics.clone(), Room::new(room::UNREAD));
        metrics.room(Arc::clone(&context.room), places);
        Self { stack: layers::public(&context, handler, layers::UNGUARDED), context }
    }

    /// Answers a request of the peer at `addr`.
    pub(crate) fn call(&self, request: Request<RequestBody>, addr: SocketAddr, tls: bool) -> Answer {
        let peer = Peer::new(addr, tls, &self.context.options.load().trusted_proxies);
        // Nothing is known of the connection: each request stands for one.
        let arrival = Arrival { peer, state: Arc::new(ConnState::default()), refused: None };
        (self.stack)(request, arrival)
    }

    /// Uses `options` from the next request on; the number of places stays.
    pub(crate) fn reconfigure(&self, options: Options) {
        self.context.options.store(Arc::new(options));
    }
}
