//! The account of one request: span, access line, metrics, and what lasts until the answer's last byte.

use super::exchange::Exchange;
use crate::{
    body::{Body, InMemory},
    outcome::Code,
    room::Share,
    server::{
        connection::SEND_BUFFER,
        connection_state::{Active, ConnState, Held, Progress},
    },
    telemetry::{
        AccessLine, CacheResult, Metrics, ProviderLabel, SPANS, ServerRequest, Summary,
        labels::{method_label, version_label},
        trace_context,
    },
};
use http::{Request, Response, Version};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::{Span, field::Empty};

/// What an HTTP/2 stream holds besides its answer's body, until the answer is sent.
const STREAM: usize = 4 * 1024;

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
    exchange: Arc<Exchange>,
    /// Whether it is logged and counted.
    public: bool,
    span: Span,
    on_connection: Active,
    /// Of an HTTP/2 answer.
    progress: Option<Arc<Progress>>,
    /// What an answer in memory takes of the room for those that are not read.
    unread: Option<Share>,
    started: Instant,
    method: &'static str,
    status: Option<u16>,
    summary: Summary,
    bytes: u64,
    end: End,
}

impl Record {
    /// A request that has just come in.
    pub(super) fn new<B>(
        exchange: Arc<Exchange>,
        connection: &Arc<ConnState>,
        request: &Request<B>,
        public: bool,
    ) -> Self {
        // A refused head's method is not known for sure: what is seen here is the stand-in's.
        let method = if exchange.refused.is_some() { "_OTHER" } else { method_label(request.method()) };
        let span = if public {
            exchange.context.metrics.request_began(method, exchange.peer.scheme());
            span(&exchange, method, request)
        } else {
            Span::none()
        };
        Self {
            public,
            span,
            on_connection: connection.enter(),
            progress: (exchange.version == Version::HTTP_2).then(|| connection.watch()),
            exchange,
            unread: None,
            started: Instant::now(),
            method,
            status: None,
            summary: Summary::default(),
            bytes: 0,
            end: End::Cut,
        }
    }

    /// What the request's work is within.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Takes from the answer what is told of it.
    pub(super) fn answered(&mut self, response: &mut Response<Body>) {
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
            if self.unread().grow(usize::try_from(body).unwrap_or(usize::MAX).saturating_add(STREAM)) {
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

    fn unread(&mut self) -> &mut Share {
        self.unread.get_or_insert_with(|| self.exchange.context.unread.share())
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
        let held = if self.unread().grow(held + STREAM) {
            Held::Room(self.unread().take())
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
            client: self.exchange.peer.client(),
            ids: ids.as_ref(),
        };
        line.write(metrics, &self.span);
    }
}

/// The span of a request, for the collector.
fn span<B>(exchange: &Exchange, method: &'static str, request: &Request<B>) -> Span {
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
        url.scheme = exchange.peer.scheme(),
        network.protocol.version = version_label(exchange.version),
        error.type = Empty,
        provider = Empty,
        outcome = Empty,
    );
    if exchange.peer.is_trusted() && !span.is_disabled() {
        trace_context::adopt(&span, request.headers());
    }
    span
}

impl Drop for Record {
    fn drop(&mut self) {
        self.hold_unsent();
        self.exchange.release();
        if !self.public {
            return;
        }
        let metrics = &self.exchange.context.metrics;
        let scheme = self.exchange.peer.scheme();
        // 499 is not a registered status. Logs have used it for disconnected clients for twenty years.
        let status = self.status.unwrap_or(499);
        let (error, duration) = (self.error(), self.started.elapsed());
        let route = self.summary.route.unwrap_or("unmatched");
        metrics.server_request(&ServerRequest {
            method: self.method,
            route,
            status,
            scheme,
            version: version_label(self.exchange.version),
            error,
            duration,
        });
        self.trace(route, status, error);
        self.log(metrics, route, (status, error), duration);
        metrics.request_ended(self.method, scheme);
    }
}
