//! The shape that most layers have: look at the request, then answer it or let it through.

use super::{
    Context,
    exchange::{Asked, Exchange, answer},
};
use crate::{body::Body, problem::Problem};
use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{self, Poll},
};
use tower::{Layer, Service};

/// A refusal, and whether the connection ends with it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    pub(crate) last: bool,
}

impl Refusal {
    /// The connection stays usable.
    pub(crate) fn mild(problem: Problem) -> Self {
        Self { problem, last: false }
    }

    /// The connection cannot be trusted any more.
    pub(crate) fn last(problem: Problem) -> Self {
        Self { problem, last: true }
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

impl<S, In, Out> Service<Request<In>> for Gate<S, In, Out>
where
    S: Service<Request<Out>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let exchange = parts.extensions.get::<Arc<Exchange>>().cloned();
        let Some(exchange) = exchange else {
            // The observing layer is outermost; without it there is nobody to answer to.
            return Either::Left(ready(Ok(Response::new(crate::body::empty()))));
        };
        match (self.check)(&self.context, &exchange, &mut parts, body) {
            Ok(body) => Either::Right(self.inner.call(Request::from_parts(parts, body))),
            Err(refusal) => {
                let asked = Asked {
                    id: exchange.id,
                    uri: &parts.uri,
                    headers: &parts.headers,
                    version: parts.version,
                };
                Either::Left(ready(Ok(answer(
                    &refusal.problem,
                    &asked,
                    &self.context.options.load(),
                    refusal.last,
                ))))
            }
        }
    }
}
