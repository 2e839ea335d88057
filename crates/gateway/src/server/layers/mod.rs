//! The one list of layers, from the outside in. None of them knows the domain.
//!
//! The order is the contract's order of refusals up to `overloaded`: framing and limits of the wire (400, 405, 408, 414, 431, 501),
//! 421, 413 by declared length, 400 for a body on GET, 503, a preflight's 204. Everything after that is the [`Handler`]'s.

pub(crate) mod bodiless;
pub(crate) mod body;
pub(crate) mod call;
mod context;
pub(crate) mod cors;
pub(crate) mod exchange;
pub(crate) mod gate;
pub(crate) mod hosts;
pub(crate) mod in_flight;
pub(crate) mod observe;
pub(crate) mod refuse;
mod refused_origins;

pub(crate) use context::Context;

use super::{
    Handler,
    connection::{Answer, Arrival, Stack},
};
use crate::body::Body;
use bytes::Bytes;
use gate::{Check, GateLayer};
use http::{Request, Response};
use std::{convert::Infallible, sync::Arc};
use tower::{Service, ServiceBuilder};

/// The public listener's stack around `handler`. `check` applies the wire's rules to what the wire's guard has not seen.
pub(crate) fn public<H, B>(context: &Arc<Context>, handler: H, check: Check<B, B>) -> Stack<B>
where
    H: Handler,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let service = ServiceBuilder::new()
        // Request id, span, access line, metrics; holds everything that lasts until the answer's last byte.
        .layer(observe::ObserveLayer::new(context))
        // Cross-origin headers on every answer, refusals included.
        .layer(cors::CorsLayer::new(context))
        // What the wire's guard refused (HTTP/1), and the same rules for HTTP/2.
        .layer(GateLayer::new(context, check))
        // 421 for a host that is not served here.
        .layer(GateLayer::new(context, hosts::check))
        // 413 by declared length; clock and limit around the body.
        .layer(GateLayer::new(context, body::check))
        // GET and HEAD go on without a body; waiting for its end takes no place of a running request.
        .layer(bodiless::BodilessLayer::new(context))
        // 503 before any cryptography.
        .layer(GateLayer::new(context, in_flight::check))
        // 204 for a preflight.
        .layer(GateLayer::new(context, cors::preflight))
        // A panic is that request's 500; a broken request body is that request's 4xx.
        .service(call::Call::new(context, handler));
    stack(service)
}

/// The admin listener's stack: the wire's rules, then the router.
pub(crate) fn admin<H: Handler>(context: &Arc<Context>, handler: H) -> Stack {
    let service = ServiceBuilder::new()
        .layer(observe::ObserveLayer::unlogged(context))
        .layer(GateLayer::new(context, refuse::check))
        .layer(GateLayer::new(context, body::check))
        .layer(bodiless::BodilessLayer::new(context))
        .service(call::Call::new(context, handler));
    stack(service)
}

fn stack<S, B>(service: S) -> Stack<B>
where
    S: Service<(Request<B>, Arrival), Response = Response<Body>, Error = Infallible, Future = Answer>,
    S: Clone + Send + Sync + 'static,
{
    Arc::new(move |request, arrival| service.clone().call((request, arrival)))
}
