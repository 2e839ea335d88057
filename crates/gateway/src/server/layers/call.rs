//! The innermost service: calls the handler, and answers for it when it panics or when the request's body broke.

use super::{
    Layer, body,
    exchange::{LayeredRequest, RefusedRequest, answer},
};
use crate::{
    body::RequestBody,
    outcome::Code,
    problem::Problem,
    server::{Handler, RequestInfo, connection::Answer},
};
use futures_util::FutureExt as _;
use http::{Request, header};
use std::panic::AssertUnwindSafe;

pub(crate) struct Call<H> {
    handler: H,
}

impl<H> Call<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self { handler }
    }
}

impl<H: Handler> Layer<LayeredRequest<RequestBody>> for Call<H> {
    fn call(&self, request: LayeredRequest<RequestBody>) -> Answer {
        let handler = self.handler.clone();
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
                    exchange.context.metrics.panic();
                    Problem::new(Code::InternalError).detail("the gateway failed on this request")
                }
                (Ok(response), Some(fault)) if response.status().as_u16() >= 400 => body::problem(fault),
                (Ok(_), _) => return Ok(called.unwrap_or_default()),
            };
            // The request's head went with the handler. Its host tells whose answer this is; its `Accept` is not worth a copy
            // of all headers for every request.
            let headers = host.map(|host| (header::HOST, host)).into_iter().collect();
            let refused = RefusedRequest { id: exchange.id, uri: &uri, headers: &headers, version };
            Ok(answer(&problem, &refused, &exchange.options, true))
        })
    }
}
