//! The call of the handler, and the answer when it panics or when the request's body broke.

use super::{
    body,
    exchange::Exchange,
    refusal::{respond, surface},
};
use crate::{
    body::Body,
    outcome::Code,
    problem::{Problem, Surface},
    server::RequestInfo,
    telemetry::current::Panicked,
};
use http::{Response, request::Parts};

/// What is kept of a request while the handler has it.
pub(super) struct Call<'a> {
    exchange: &'a Exchange,
    surface: Surface,
}

impl<'a> Call<'a> {
    pub(super) fn new(exchange: &'a Exchange, head: &Parts) -> Self {
        Self { exchange, surface: surface(exchange, head) }
    }

    /// What the handler is told.
    pub(super) fn info(&self) -> RequestInfo {
        let exchange = self.exchange;
        RequestInfo { id: exchange.id, peer: exchange.peer, cross_origin: exchange.is_cross_origin() }
    }

    /// A panic is that request's 500; a broken request body is that request's 4xx.
    pub(super) fn answer(&self, called: Result<Response<Body>, Panicked>) -> Response<Body> {
        match (called, self.exchange.body_fault()) {
            (Ok(response), Some(fault)) if response.status().as_u16() >= 400 => {
                self.refuse(&body::problem(fault))
            }
            (Ok(response), _) => response,
            (Err(Panicked), _) => {
                self.exchange.context.metrics.panic();
                let detail = "the gateway failed on this request";
                self.refuse(&Problem::new(Code::InternalError).detail(detail))
            }
        }
    }

    /// The request's head went with the handler: what its `Accept` asks for is not worth a copy of it for every request.
    #[cold]
    fn refuse(&self, problem: &Problem) -> Response<Body> {
        respond(problem, self.exchange, self.surface, None, true)
    }
}
