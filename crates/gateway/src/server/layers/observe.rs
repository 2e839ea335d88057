//! The outermost layer: request id, span, access line, metrics, and the end of a request.

use super::{
    Context, Layer,
    exchange::{Exchange, LayeredRequest},
};
use crate::{
    body::{Body, InMemory, boxed},
    outcome::Code,
    peer::Peer,
    room::Share,
    server::{
        connection::{Answer, Arrival, SEND_BUFFER},
        connection_state::{Active, Held, Progress},
        tracked::Tracked,
    },
    telemetry::{
        AccessLine, CacheResult, Metrics, ProviderLabel, SPANS, ServerRequest, Summary, address, current,
        labels::{method_label, version_label},
        metrics::ActiveRequest,
        trace_context,
    },
};
use http::{HeaderValue, Request, Response, Version, header};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field::Empty};

/// What an HTTP/2 stream holds besides its answer's body, until the answer is sent.
const STREAM: usize = 4 * 1024;

pub(crate) struct Observe<S> {
    context: Arc<Context>,
    public: bool,
    inner: S,
}

impl<S, B> Layer<(Request<B>, Arrival)> for Observe<S>
where
    S: Layer<LayeredRequest<B>>,
    B: 'static,
{
    fn call(&self, (request, arrival): (Request<B>, Arrival)) -> Answer {
        let options = self.context.options.load_full();
        let peer = arrival.peer.of_request(request.headers(), &options.trusted_proxies);
        let exchange = Exchange::new(&self.context, options, peer, arrival.refused.clone());
        let record = self.record(&request, &arrival, peer, &exchange);
        let closes = request.version() < Version::HTTP_2;
        let span = record.span.clone();
        let (head, body) = request.into_parts();
        let request = LayeredRequest { head, body, exchange: Arc::clone(&exchange) };
        let answer = current::within(exchange.id, self.inner.call(request).instrument(span));
        Box::pin(async move {
            // Held across the wait: a client that leaves drops it, and the request is still accounted for.
            let mut record = record;
            let Ok(mut response) = answer.await;
            response.headers_mut().insert(crate::headers::X_REQUEST_ID, exchange.id.header());
            // hyper ends such a connection, and a client that is not told may send its next request there (RFC 9112, 9.6).
            if closes && exchange.has_unread_body() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            record.answered(&mut response);
            Ok(response.map(|body| boxed(Tracked::new(body, record))))
        })
    }
}

impl<S> Observe<S> {
    pub(crate) fn new(context: &Arc<Context>, inner: S) -> Self {
        Self { context: Arc::clone(context), public: true, inner }
    }

    /// Ids only: probes and scrapes are neither logged nor counted.
    pub(crate) fn unlogged(context: &Arc<Context>, inner: S) -> Self {
        Self { context: Arc::clone(context), public: false, inner }
    }

    fn record<B>(
        &self,
        request: &Request<B>,
        arrival: &Arrival,
        peer: Peer,
        exchange: &Arc<Exchange>,
    ) -> Record {
        // A refused head's method is not known for sure: what is seen here is the stand-in's.
        let method = if arrival.refused.is_some() { "_OTHER" } else { method_label(request.method()) };
        let span = if self.public {
            let span = tracing::info_span!(
                target: SPANS,
                "request",
                otel.name = method,
                otel.kind = "server",
                otel.status_code = Empty,
                request_id = exchange.id.as_str(),
                http.request.method = method,
                http.route = Empty,
                http.response.status_code = Empty,
                url.scheme = peer.scheme(),
                network.protocol.version = version_label(request.version()),
                error.type = Empty,
                provider = Empty,
                outcome = Empty,
            );
            if peer.is_trusted() {
                trace_context::adopt(&span, request.headers());
            }
            span
        } else {
            Span::none()
        };
        let metrics = self.public.then(|| self.context.metrics.clone());
        Record {
            active: metrics.as_ref().map(|metrics| metrics.active_request(method, peer.scheme())),
            metrics,
            span,
            exchange: Arc::clone(exchange),
            on_connection: arrival.state.enter(),
            progress: (request.version() == Version::HTTP_2).then(|| arrival.state.watch()),
            unread: self.context.unread.share(),
            started: Instant::now(),
            method,
            version: version_label(request.version()),
            status: None,
            summary: Summary::default(),
            bytes: 0,
            end: End::Cut,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client left, or the connection was ended.
    Cut,
    /// The handler's body failed.
    Broke,
    Complete,
}

/// One request's account; written when it is dropped.
pub(crate) struct Record {
    metrics: Option<Metrics>,
    active: Option<ActiveRequest>,
    span: Span,
    exchange: Arc<Exchange>,
    on_connection: Active,
    /// Of an HTTP/2 answer.
    progress: Option<Arc<Progress>>,
    /// What an answer in memory takes of the room for those that are not read.
    unread: Share,
    started: Instant,
    method: &'static str,
    version: &'static str,
    status: Option<u16>,
    summary: Summary,
    bytes: u64,
    end: End,
}

impl Record {
    fn answered(&mut self, response: &mut Response<Body>) {
        self.status = Some(response.status().as_u16());
        if let Some(summary) = response.extensions_mut().remove::<Summary>() {
            self.summary = summary;
        }
        if let Some(progress) = &self.progress {
            progress.mark(true);
        }
        if response.extensions_mut().remove::<InMemory>().is_some() {
            let body = http_body::Body::size_hint(response.body()).lower();
            self.progress.iter().for_each(|progress| progress.mark_in_memory());
            if self.unread.grow(usize::try_from(body).unwrap_or(usize::MAX).saturating_add(STREAM)) {
                self.exchange.release();
            } else {
                // Its place is for requests that run. No client needs many of these answers that it does not read.
                self.on_connection.is_not_bounded();
            }
        }
        if http_body::Body::is_end_stream(response.body()) {
            self.end = End::Complete;
        }
    }

    /// The body was polled; `handed` says whether it gave a frame.
    pub(crate) fn polled(&self, handed: bool) {
        if let Some(progress) = &self.progress {
            progress.mark(handed);
        }
    }

    /// What h2 may hold of the answer until it is sent: a share of the room, or else the place among the running requests.
    fn hold_unsent(&mut self) {
        if self.progress.is_none() {
            return;
        }
        let held = usize::try_from(self.bytes).map_or(SEND_BUFFER, |bytes| bytes.min(SEND_BUFFER));
        let held = if self.unread.grow(held + STREAM) {
            Held::Room(self.unread.take())
        } else {
            Held::Place(self.exchange.release())
        };
        self.on_connection.unsent(held);
    }

    /// Body bytes were handed to the connection.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The answer is whole.
    pub(crate) fn completed(&mut self) {
        self.end = End::Complete;
    }

    /// The answer's body ended with an error.
    pub(crate) fn broke(&mut self) {
        self.end = End::Broke;
    }

    fn error(&self) -> Option<&'static str> {
        match (self.end, self.summary.outcome) {
            (_, Some(outcome)) if outcome != "ok" => Some(outcome),
            (End::Cut, _) => Some("client-disconnected"),
            (End::Broke, _) => Some("response-aborted"),
            (End::Complete, _) => None,
        }
    }

    fn trace(&self, route: &'static str, status: u16, error: Option<&'static str>) {
        let span = &self.span;
        if span.is_disabled() {
            return;
        }
        // OpenTelemetry's name for an unknown method.
        let method = if self.method == "_OTHER" { "HTTP" } else { self.method };
        trace_context::rename(span, format!("{method} {route}"));
        span.record("http.route", route);
        span.record("http.response.status_code", i64::from(status));
        if let Some(error) = error {
            span.record("error.type", error);
        }
        if status >= 500 {
            span.record("otel.status_code", "ERROR");
        }
        if let Some(provider) = &self.summary.provider {
            span.record("provider", provider.name());
        }
        if let Some(outcome) = self.summary.outcome {
            span.record("outcome", outcome);
        }
    }

    fn log(
        &self,
        metrics: &Metrics,
        route: &'static str,
        (status, error): (u16, Option<&'static str>),
        duration: Duration,
    ) {
        let coded = self.summary.outcome.filter(|outcome| *outcome != "ok");
        let remedy = coded.and_then(Code::from_word).map(Code::documentation);
        let mismatch = self.summary.mismatch.as_deref();
        let client = address(self.exchange.peer.client());
        let ids = trace_context::ids(&self.span);
        let line = AccessLine {
            request_id: self.exchange.id.as_str(),
            method: self.method,
            route,
            provider: self.summary.provider.as_ref().map(ProviderLabel::name),
            status,
            outcome: self.summary.outcome,
            duration,
            upstream: self.summary.upstream,
            tenant: self.summary.tenant,
            cache: self.summary.cache.map(CacheResult::as_str),
            error,
            remedy: remedy.as_deref(),
            mismatch: mismatch.map(|of| [of.claim.as_str(), of.expected.as_str(), of.found.as_str()]),
            bytes: self.bytes,
            client: &client,
            ids: ids.as_ref(),
        };
        line.write(metrics, &self.span);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.hold_unsent();
        self.exchange.release();
        let Some(metrics) = &self.metrics else { return };
        // 499 is not a registered status. Logs have used it for disconnected clients for twenty years.
        let status = self.status.unwrap_or(499);
        let (error, duration) = (self.error(), self.started.elapsed());
        let route = self.summary.route.unwrap_or("unmatched");
        metrics.server_request(&ServerRequest {
            method: self.method,
            route,
            status,
            scheme: self.exchange.peer.scheme(),
            version: self.version,
            error,
            duration,
        });
        self.trace(route, status, error);
        self.log(metrics, route, (status, error), duration);
        self.active.take();
        let _ = &self.on_connection;
    }
}
