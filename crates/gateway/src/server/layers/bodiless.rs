//! GET and HEAD have no body. Whether an open one is empty is only seen when it ends: HTTP/1.1 has an empty last chunk for that,
//! HTTP/2 an empty DATA frame. That end is waited for, under `server.timeouts.header`, and no byte may come before it.

use super::{
    Context,
    body::problem as body_problem,
    exchange::{LayeredRequest, RefusedRequest, answer},
    refuse,
};
use crate::{
    body::{Body, RequestBody, RequestBodyFault, empty},
    outcome::Code,
    problem::Problem,
    server::wire::{BODY_ON_GET, Fault, names::takes_body},
    telemetry::Shed,
};
use futures_util::{FutureExt as _, future::BoxFuture};
use http::Response;
use http_body_util::BodyExt as _;
use std::{
    convert::Infallible,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};
use tower::{Layer, Service};

pub(crate) struct BodilessLayer(Arc<Context>);

impl BodilessLayer {
    pub(crate) fn new(context: &Arc<Context>) -> Self {
        Self(Arc::clone(context))
    }
}

impl<S> Layer<S> for BodilessLayer {
    type Service = Bodiless<S>;

    fn layer(&self, inner: S) -> Bodiless<S> {
        Bodiless { inner, context: Arc::clone(&self.0) }
    }
}

#[derive(Clone)]
pub(crate) struct Bodiless<S> {
    inner: S,
    context: Arc<Context>,
}

impl<S> Service<LayeredRequest<RequestBody>> for Bodiless<S>
where
    S: Service<LayeredRequest<RequestBody>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: LayeredRequest<RequestBody>) -> Self::Future {
        let open = !http_body::Body::is_end_stream(&request.body);
        if !open || takes_body(request.head.method.as_str().as_bytes()) {
            return Box::pin(self.inner.call(request));
        }
        let (context, mut inner) = (Arc::clone(&self.context), self.inner.clone());
        // Boxed here: inside the block below the compiler cannot see that the inner future is `Send`.
        let mut go_on = move |request| -> Self::Future { Box::pin(inner.call(request)) };
        Box::pin(async move {
            let LayeredRequest { head, body, exchange } = request;
            let Err(problem) = wait_for_end(Arc::clone(&context), body).await else {
                return go_on(LayeredRequest { head, body: empty(), exchange }).await;
            };
            let refused = RefusedRequest {
                id: exchange.id,
                uri: &head.uri,
                headers: &head.headers,
                version: head.version,
            };
            Ok(answer(&problem, &refused, &context.options.load(), true))
        })
    }
}

async fn wait_for_end(context: Arc<Context>, body: RequestBody) -> Result<(), Problem> {
    let mut ending = is_empty(body).boxed();
    // Nearly always the end came with the head.
    let ended = match (&mut ending).now_or_never() {
        Some(ended) => ended,
        None => {
            let Ok(_place) = Arc::clone(&context.waiting).try_acquire_owned() else {
                context.metrics.shed(Shed::InFlight);
                return Err(Problem::new(Code::Overloaded)
                    .detail("too many GET requests have a body that does not end")
                    .retry_after(Duration::from_secs(1)));
            };
            let patience = context.options.load().timeouts.header;
            tokio::time::timeout(patience, ending).await.map_err(|_| refuse::problem(Fault::Timeout))?
        }
    };
    match ended {
        Ok(true) => Ok(()),
        Ok(false) => Err(refuse::problem(BODY_ON_GET)),
        Err(fault) => Err(body_problem(fault)),
    }
}

/// Whether a body ends without a byte.
async fn is_empty(mut body: RequestBody) -> Result<bool, RequestBodyFault> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) if frame.data_ref().is_none_or(bytes::Bytes::is_empty) => {}
            Ok(_) => return Ok(false),
            Err(error) => return Err(RequestBodyFault::find(&*error).unwrap_or(RequestBodyFault::Broken)),
        }
    }
    Ok(true)
}
