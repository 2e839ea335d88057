//! Cross-origin headers on every answer to an allowed origin, and the answer to a preflight.

use super::{
    Layer,
    exchange::{Exchange, LayeredRequest},
    gate::Refusal,
};
use crate::{server::connection::Answer, telemetry::Summary};
use http::request::Parts;
use std::sync::Arc;

/// Outside of everything that can refuse a request: a page must be able to read `Retry-After` of a 503 too.
pub(crate) struct CrossOrigin<S> {
    inner: S,
}

impl<S> CrossOrigin<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Layer<LayeredRequest<B>> for CrossOrigin<S>
where
    S: Layer<LayeredRequest<B>>,
{
    fn call(&self, request: LayeredRequest<B>) -> Answer {
        let options = Arc::clone(&request.exchange.options);
        let refused_origins = &request.exchange.context.refused_origins;
        if options.cors.is_off() {
            refused_origins.note(&request.head.headers);
            return self.inner.call(request);
        }
        let origin = match request.exchange.refused_origin() {
            Some(origin) => options.cors.allowed(origin),
            None => options.cors.origin(&request.head.headers),
        };
        match origin {
            Some(_) => request.exchange.allow_cross_origin(),
            None => refused_origins.note(&request.head.headers),
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            options.cors.decorate(origin.as_ref(), response.headers_mut());
            Ok(response)
        })
    }
}

/// Answers a preflight.
pub(crate) fn preflight<B>(exchange: &Arc<Exchange>, parts: &mut Parts, body: B) -> Result<B, Refusal> {
    match exchange.options.cors.preflight(parts) {
        None => Ok(body),
        Some(mut answer) => {
            answer.extensions_mut().insert(Summary { route: Some("preflight"), ..Summary::default() });
            Err(Refusal::Answer(Box::new(answer)))
        }
    }
}
