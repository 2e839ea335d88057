//! What a request passes on its way to the [`Handler`], in one list. Nothing here knows the domain.
//!
//! The contract's order of refusals up to `overloaded`: framing and limits of the wire (400, 405, 408, 414, 431, 501), 421, 413 by
//! declared length, 400 for a body on GET, 503, a preflight's 204. Everything after that is the [`Handler`]'s.

mod bodiless;
mod body;
mod call;
mod context;
mod cors;
pub(crate) mod exchange;
mod hosts;
mod in_flight;
pub(crate) mod record;
mod refusal;
pub(crate) mod refuse;
mod refused_origins;

pub(crate) use context::Context;

use super::{
    Handler,
    connection::{Answer, Arrival, Stack},
    tracked::Tracked,
};
use crate::{
    body::{Body, RequestBody},
    headers::X_REQUEST_ID,
    telemetry::current,
};
use bytes::Bytes;
use call::Call;
use exchange::Exchange;
use http::{HeaderValue, Request, Response, Version, header, request::Parts};
use record::Record;
use refusal::Refusal;
use std::sync::Arc;

/// Decides about a request by its head, which it may change.
///
/// # Errors
/// The answer in the handler's place.
pub(crate) type Check = fn(&Exchange, &mut Parts) -> Result<(), Refusal>;

/// One listener's way from a request to its answer. One value serves all requests.
struct Layers<H> {
    context: Arc<Context>,
    /// Whether requests are logged and counted.
    public: bool,
    /// Ahead of the body.
    checks: &'static [Check],
    /// Behind it. Waiting for the end of a body takes no place of a running request.
    late_checks: &'static [Check],
    handler: H,
}

/// Behind the wire's guard, which has checked the heads of HTTP/1.
pub(crate) const GUARDED: &[Check] = &[refuse::check, hosts::check];
/// For requests that another server has read.
pub(crate) const UNGUARDED: &[Check] = &[refuse::check_unguarded, hosts::check];
/// 503 before any cryptography; 204 for a preflight.
const LATE: &[Check] = &[in_flight::check, cors::preflight];
/// The wire's rules alone.
const OF_ADMIN: &[Check] = &[refuse::check];

/// The public listener's layers around `handler`; `checks` is [`GUARDED`] or [`UNGUARDED`].
pub(crate) fn public<H, B>(context: &Arc<Context>, handler: H, checks: &'static [Check]) -> Stack<B>
where
    H: Handler,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    stack(Layers { context: Arc::clone(context), public: true, checks, late_checks: LATE, handler })
}

/// The admin listener's layers. Probes and scrapes are neither logged nor counted.
pub(crate) fn admin<H: Handler>(context: &Arc<Context>, handler: H) -> Stack {
    let context = Arc::clone(context);
    stack(Layers { context, public: false, checks: OF_ADMIN, late_checks: &[], handler })
}

fn stack<H, B>(layers: Layers<H>) -> Stack<B>
where
    H: Handler,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let layers = Arc::new(layers);
    Arc::new(move |request: Request<B>, arrival: Arrival| answer(&layers, request, arrival))
}

/// A request's whole way, in one future that is boxed once.
fn answer<H, B>(layers: &Arc<Layers<H>>, request: Request<B>, arrival: Arrival) -> Answer
where
    H: Handler,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let layers = Arc::clone(layers);
    let options = layers.context.options.load_full();
    let peer = arrival.peer.of_request(request.headers(), &options.trusted_proxies);
    let exchange = Exchange::new(&layers.context, options, peer, request.version(), arrival.refused);
    // A client that leaves drops it with the future, and the request is still accounted for.
    let mut record = Record::new(Arc::clone(&exchange), &arrival.state, &request, layers.public);
    let (mut head, body) = request.into_parts();
    let origin = if layers.public { cors::origin(&exchange, &head.headers) } else { None };
    // A place is taken when the request comes, not when its answer is waited for.
    let body = early(&layers, &exchange, &mut head, body);
    let awaited = body.as_ref().is_ok_and(|body| bodiless::is_awaited(&head, body));
    let body = if awaited { body } else { body.and_then(|body| late(&layers, &exchange, &mut head, body)) };
    Box::pin(async move {
        let body = match body {
            // Rare, and boxed: other requests need not have room for it.
            Ok(body) if awaited => {
                let ended = Box::pin(bodiless::wait(&exchange, body)).await;
                ended.and_then(|body| late(&layers, &exchange, &mut head, body))
            }
            body => body,
        };
        let mut response = match body {
            Err(refusal) => refusal.respond(&exchange, &head),
            Ok(body) => {
                let call = Call::new(&exchange, &head);
                let request = Request::from_parts(head, body);
                let work = async { layers.handler.handle(request, call.info()).await };
                call.answer(current::within(exchange.id, record.span(), work).await)
            }
        };
        if layers.public {
            exchange.options.cors.decorate(origin.as_ref(), response.headers_mut());
        }
        finish(&exchange, &mut response);
        record.answered(&mut response);
        Ok(response.map(|body| Body::new(Tracked::new(body, record))))
    })
}

/// What is decided about a request before a byte of its body is read.
fn early<H, B>(
    layers: &Layers<H>,
    exchange: &Arc<Exchange>,
    head: &mut Parts,
    body: B,
) -> Result<RequestBody, Refusal>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let checked = run(layers.checks, exchange, head);
    if checked.is_err() && !body.is_end_stream() {
        exchange.leave_body_unread();
    }
    checked.and_then(|()| body::check(exchange, body))
}

/// What is decided once it is known whether there is a body.
fn late<H>(
    layers: &Layers<H>,
    exchange: &Exchange,
    head: &mut Parts,
    body: RequestBody,
) -> Result<RequestBody, Refusal> {
    run(layers.late_checks, exchange, head).map(|()| body)
}

fn run(checks: &[Check], exchange: &Exchange, head: &mut Parts) -> Result<(), Refusal> {
    checks.iter().try_for_each(|check| check(exchange, head))
}

/// What every answer has.
fn finish(exchange: &Exchange, response: &mut Response<Body>) {
    response.headers_mut().insert(X_REQUEST_ID, exchange.id.header());
    // hyper ends such a connection, and a client that is not told may send its next request there (RFC 9112, 9.6).
    if exchange.version < Version::HTTP_2 && exchange.has_unread_body() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
