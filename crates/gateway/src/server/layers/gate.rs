//! The shape that most layers have: look at the request, then answer it or let it through.

use super::{
    Context,
    exchange::{Exchange, LayeredRequest, RefusedRequest, answer},
};
use crate::{body::Body, problem::Problem};
use futures_util::future::{Either, Ready, ready};
use http::Response;
use std::{
    convert::Infallible,
    sync::Arc,
    task::{self, Poll},
};
use tower::{Layer, Service};

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
pub(crate) type Check<In, Out> =
    fn(&Context, &Arc<Exchange>, &mut http::request::Parts, In) -> Result<Out, Refusal>;

pub(crate) struct GateLayer<In, Out> {
    context: Arc<Context>,
    check: Check<In, Out>,
}

impl<In, Out> GateLayer<In, Out> {
    pub(crate) fn new(context: &Arc<Context>, check: Check<In, Out>) -> Self {
        Self { context: Arc::clone(context), check }
    }
}

impl<S, In, Out> Layer<S> for GateLayer<In, Out> {
    type Service = Gate<S, In, Out>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate { inner, context: Arc::clone(&self.context), check: self.check }
    }
}

pub(crate) struct Gate<S, In, Out> {
    inner: S,
    context: Arc<Context>,
    check: Check<In, Out>,
}

impl<S: Clone, In, Out> Clone for Gate<S, In, Out> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), context: Arc::clone(&self.context), check: self.check }
    }
}

impl<S, In, Out> Service<LayeredRequest<In>> for Gate<S, In, Out>
where
    S: Service<LayeredRequest<Out>, Response = Response<Body>, Error = Infallible>,
    In: http_body::Body,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: LayeredRequest<In>) -> Self::Future {
        let LayeredRequest { mut head, body, exchange } = request;
        let open = !body.is_end_stream();
        let refusal = match (self.check)(&self.context, &exchange, &mut head, body) {
            Ok(body) => return Either::Right(self.inner.call(LayeredRequest { head, body, exchange })),
            Err(refusal) => refusal,
        };
        if open {
            exchange.leave_body_unread();
        }
        let response = match refusal {
            Refusal::Answer(response) => *response,
            Refusal::Problem { problem, last } => {
                let refused = RefusedRequest {
                    id: exchange.id,
                    uri: &head.uri,
                    headers: &head.headers,
                    version: head.version,
                };
                answer(&problem, &refused, &self.context.options.load(), last)
            }
        };
        Either::Left(ready(Ok(response)))
    }
}
