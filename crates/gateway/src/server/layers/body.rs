//! The request's body: 413 by its declared length, then under limit and clock.

use super::{exchange::Exchange, refusal::Refusal};
use crate::{
    body::{RequestBody, RequestBodyFault, boxed, empty},
    outcome::Code,
    problem::Problem,
    server::request_body::Inbound,
};
use bytes::Bytes;
use std::sync::Arc;

/// `server.limits.body` and `server.timeouts.body_idle`.
///
/// # Errors
/// The body is longer than the limit.
pub(super) fn check<B>(exchange: &Arc<Exchange>, body: B) -> Result<RequestBody, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let options = &exchange.options;
    if body.is_end_stream() {
        return Ok(empty());
    }
    if body.size_hint().lower() > options.limits.body {
        exchange.leave_body_unread();
        let problem =
            Problem::new(Code::BodyTooLarge).detail("the declared length is over server.limits.body");
        return Err(Refusal::last(problem));
    }
    Ok(boxed(Inbound::new(body, options.limits.body, options.timeouts.body_idle, Arc::clone(exchange))))
}

/// The answer to a request whose body ended early.
pub(super) fn problem(fault: RequestBodyFault) -> Problem {
    Problem::new(fault.code()).detail(fault.to_string())
}
