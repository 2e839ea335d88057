//! The innermost service: calls the handler, and answers for it when it panics or when the request's body broke.

use super::{
    Context, body,
    exchange::{LayeredRequest, RefusedRequest, answer},
};
use crate::{
    body::{Body, RequestBody},
    outcome::Code,
    problem::Problem,
    server::{Handler, RequestInfo},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{Request, Response, header};
use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{self, Poll},
};
use tower::Service;

#[derive(Clone)]
pub(crate) struct Call<H> {
    context: Arc<Context>,
    handler: H,
}

impl<H> Call<H> {
    pub(crate) fn new(context: &Arc<Context>, handler: H) -> Self {
        Self { context: Arc::clone(context), handler }
    }
}

impl<H: Handler> Service<LayeredRequest<RequestBody>> for Call<H> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LayeredRequest<RequestBody>) -> Self::Future {
        let (context, handler) = (Arc::clone(&self.context), self.handler.clone());
        Box::pin(async move {
            let LayeredRequest { head, body, exchange } = request;
            let (uri, version) = (head.uri.clone(), head.version);
            let info = RequestInfo {
                id: exchange.id,
                peer: exchange.peer,
                cross_origin: exchange.is_cross_origin(),
            };
            let host = head.headers.get(header::HOST).cloned();
            let request = Request::from_parts(head, body);
            let called = AssertUnwindSafe(async { handler.handle(request, info).await }).catch_unwind().await;
            let problem = match (&called, exchange.body_fault()) {
                (Err(_), _) => {
                    context.metrics.panic();
                    Problem::new(Code::InternalError).detail("the gateway failed on this request")
                }
                (Ok(response), Some(fault)) if response.status().as_u16() >= 400 => body::problem(fault),
                (Ok(_), _) => return Ok(called.unwrap_or_default()),
            };
            // The request's head went with the handler. Its host tells whose answer this is; its `Accept` is not worth a copy
            // of all headers for every request.
            let headers = host.map(|host| (header::HOST, host)).into_iter().collect();
            let refused = RefusedRequest { id: exchange.id, uri: &uri, headers: &headers, version };
            Ok(answer(&problem, &refused, &context.options.load(), true))
        })
    }
}
