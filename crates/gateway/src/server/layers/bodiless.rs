//! GET and HEAD have no body. Whether an open one is empty is only seen when it ends: HTTP/1.1 has an empty last chunk for that,
//! HTTP/2 an empty DATA frame. That end is waited for, under `server.timeouts.header`, and no byte may come before it.

use super::{body::problem as body_problem, exchange::Exchange, refusal::Refusal, refuse};
use crate::{
    body::{RequestBody, RequestBodyFault, empty},
    outcome::Code,
    problem::Problem,
    server::wire::{BODY_ON_GET, Fault, names::takes_body},
    telemetry::Shed,
};
use futures_util::FutureExt as _;
use http::request::Parts;
use http_body_util::BodyExt as _;
use std::{sync::Arc, time::Duration};

/// Whether the end of the body is waited for.
pub(super) fn is_awaited(head: &Parts, body: &RequestBody) -> bool {
    !http_body::Body::is_end_stream(body) && !takes_body(head.method.as_str().as_bytes())
}

/// Waits for the end of a body that must be empty.
///
/// # Errors
/// It is not, or did not end in time.
pub(super) async fn wait(exchange: &Exchange, body: RequestBody) -> Result<RequestBody, Refusal> {
    wait_for_end(exchange, body).await.map(|()| empty()).map_err(Refusal::last)
}

async fn wait_for_end(exchange: &Exchange, body: RequestBody) -> Result<(), Problem> {
    let mut ending = is_empty(body).boxed();
    // Nearly always the end came with the head.
    let ended = match (&mut ending).now_or_never() {
        Some(ended) => ended,
        None => {
            let context = &exchange.context;
            let Ok(_place) = Arc::clone(&context.waiting).try_acquire_owned() else {
                context.metrics.shed(Shed::InFlight);
                return Err(Problem::new(Code::Overloaded)
                    .detail("too many GET requests have a body that does not end")
                    .retry_after(Duration::from_secs(1)));
            };
            let patience = exchange.options.timeouts.header;
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
