//! The one list of layers, from the inside out. None of them knows the domain.
//!
//! A request meets them from the outside in, in the contract's order of refusals up to `overloaded`: framing and limits of the wire
//! (400, 405, 408, 414, 431, 501), 421, 413 by declared length, 400 for a body on GET, 503, a preflight's 204. Everything after
//! that is the [`Handler`]'s.

pub(crate) mod bodiless;
pub(crate) mod body;
pub(crate) mod call;
mod context;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod gate;
pub(crate) mod hosts;
pub(crate) mod in_flight;
mod layer;
pub(crate) mod observe;
pub(crate) mod refuse;
mod refused_origins;

pub(crate) use context::Context;
pub(crate) use layer::Layer;

use super::{
    Handler,
    connection::{Arrival, Stack},
};
use bytes::Bytes;
use gate::{Check, Gate};
use http::Request;
use std::sync::Arc;

/// The public listener's stack around `handler`. `check` applies the wire's rules to what the wire's guard has not seen.
pub(crate) fn public<H, B>(context: &Arc<Context>, handler: H, check: Check<B, B>) -> Stack<B>
where
    H: Handler,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    // A panic is that request's 500; a broken request body is that request's 4xx.
    let call = call::Call::new(handler);
    // 204 for a preflight.
    let preflight = Gate::new(cors::preflight, call);
    // 503 before any cryptography.
    let in_flight = Gate::new(in_flight::check, preflight);
    // GET and HEAD go on without a body; waiting for its end takes no place of a running request.
    let bodiless = bodiless::Bodiless::new(in_flight);
    // 413 by declared length; clock and limit around the body.
    let body = Gate::new(body::check, bodiless);
    // 421 for a host that is not served here.
    let hosts = Gate::new(hosts::check, body);
    // What the wire's guard refused (HTTP/1), and the same rules for HTTP/2.
    let refuse = Gate::new(check, hosts);
    // Cross-origin headers on every answer, refusals included.
    let cors = cors::CrossOrigin::new(refuse);
    // Request id, span, access line, metrics; holds everything that lasts until the answer's last byte.
    stack(observe::Observe::new(context, cors))
}

/// The admin listener's stack: the wire's rules, then the router.
pub(crate) fn admin<H: Handler>(context: &Arc<Context>, handler: H) -> Stack {
    let bodiless = bodiless::Bodiless::new(call::Call::new(handler));
    let body = Gate::new(body::check, bodiless);
    stack(observe::Observe::unlogged(context, Gate::new(refuse::check, body)))
}

fn stack<S, B>(outermost: S) -> Stack<B>
where
    S: Layer<(Request<B>, Arrival)>,
{
    Arc::new(move |request, arrival| outermost.call((request, arrival)))
}
