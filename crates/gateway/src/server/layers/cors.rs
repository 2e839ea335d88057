//! Cross-origin headers on every answer to an allowed origin, and the answer to a preflight.

use super::{
    Context,
    exchange::{Exchange, LayeredRequest},
    gate::Refusal,
};
use crate::{body::Body, telemetry::Summary};
use futures_util::future::{BoxFuture, Either};
use http::{Response, request::Parts};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{self, Poll},
};
use tower::{Layer, Service};

/// Outside of everything that can refuse a request: a page must be able to read `Retry-After` of a 503 too.
pub(crate) struct CorsLayer(Arc<Context>);

impl CorsLayer {
    pub(crate) fn new(context: &Arc<Context>) -> Self {
        Self(Arc::clone(context))
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = CrossOrigin<S>;

    fn layer(&self, inner: S) -> CrossOrigin<S> {
        CrossOrigin { inner, context: Arc::clone(&self.0) }
    }
}

#[derive(Clone)]
pub(crate) struct CrossOrigin<S> {
    inner: S,
    context: Arc<Context>,
}

impl<S, B> Service<LayeredRequest<B>> for CrossOrigin<S>
where
    S: Service<LayeredRequest<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: LayeredRequest<B>) -> Self::Future {
        let options = self.context.options.load_full();
        if options.cors.is_off() {
            self.context.refused_origins.note(&request.head.headers);
            return Either::Left(self.inner.call(request));
        }
        let origin = match request.exchange.refused_origin() {
            Some(origin) => options.cors.allowed(origin),
            None => options.cors.origin(&request.head.headers),
        };
        match origin {
            Some(_) => request.exchange.allow_cross_origin(),
            None => self.context.refused_origins.note(&request.head.headers),
        }
        let answer = self.inner.call(request);
        Either::Right(Box::pin(async move {
            let mut response = answer.await?;
            options.cors.decorate(origin.as_ref(), response.headers_mut());
            Ok(response)
        }))
    }
}

/// Answers a preflight.
pub(crate) fn preflight<B>(
    context: &Context,
    _: &Arc<Exchange>,
    parts: &mut Parts,
    body: B,
) -> Result<B, Refusal> {
    match context.options.load().cors.preflight(parts) {
        None => Ok(body),
        Some(mut answer) => {
            answer.extensions_mut().insert(Summary { route: Some("preflight"), ..Summary::default() });
            Err(Refusal::Answer(Box::new(answer)))
        }
    }
}
