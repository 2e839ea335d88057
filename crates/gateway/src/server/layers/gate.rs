//! The shape that most layers have: look at the request, then answer it or let it through.

use super::{
    Layer,
    exchange::{Exchange, LayeredRequest, RefusedRequest, answer},
};
use crate::{body::Body, problem::Problem, server::connection::Answer};
use futures_util::future::ready;
use http::Response;
use std::sync::Arc;

/// What a layer answers in the handler's place.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A problem, and whether the connection ends with it.
    Problem {
        /// The answer.
        problem: Problem,
        /// Whether the connection ends with it.
        last: bool,
    },
    /// A complete answer.
    Answer(Box<Response<Body>>),
}

impl Refusal {
    /// The connection stays usable.
    pub(crate) fn mild(problem: Problem) -> Self {
        Self::Problem { problem, last: false }
    }

    /// The connection cannot be trusted any more.
    pub(crate) fn last(problem: Problem) -> Self {
        Self::Problem { problem, last: true }
    }
}

/// Decides about one request. It may change the head and wrap the body.
pub(crate) type Check<In, Out> = fn(&Arc<Exchange>, &mut http::request::Parts, In) -> Result<Out, Refusal>;

pub(crate) struct Gate<S, In, Out> {
    check: Check<In, Out>,
    inner: S,
}

impl<S, In, Out> Gate<S, In, Out> {
    pub(crate) fn new(check: Check<In, Out>, inner: S) -> Self {
        Self { check, inner }
    }
}

impl<S, In, Out> Layer<LayeredRequest<In>> for Gate<S, In, Out>
where
    S: Layer<LayeredRequest<Out>>,
    In: http_body::Body + 'static,
    Out: 'static,
{
    fn call(&self, request: LayeredRequest<In>) -> Answer {
        let LayeredRequest { mut head, body, exchange } = request;
        let open = !body.is_end_stream();
        match (self.check)(&exchange, &mut head, body) {
            Ok(body) => self.inner.call(LayeredRequest { head, body, exchange }),
            Err(refusal) => Box::pin(ready(Ok(refused(refusal, &head, &exchange, open)))),
        }
    }
}

/// The answer to a refused request. `open`: its body has not been read.
fn refused(refusal: Refusal, head: &http::request::Parts, exchange: &Exchange, open: bool) -> Response<Body> {
    if open {
        exchange.leave_body_unread();
    }
    match refusal {
        Refusal::Answer(response) => *response,
        Refusal::Problem { problem, last } => {
            let refused = RefusedRequest {
                id: exchange.id,
                uri: &head.uri,
                headers: &head.headers,
                version: head.version,
            };
            answer(&problem, &refused, &exchange.options, last)
        }
    }
}
