//! W3C trace context: taken from trusted peers, never passed on unless switched on.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        // Two are one too many: then neither counts.
        let first = values.next()?.to_str().ok();
        if values.next().is_some() { None } else { first }
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Sent<'a>(&'a mut HeaderMap);

impl Injector for Sent<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty `tracestate` says nothing.
        if !value.is_empty()
            && let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value))
        {
            self.0.insert(name, value);
        }
    }
}

/// Tells the receiver of `headers` that it is called within the span: `traceparent` and `tracestate`, never `baggage`.
pub(crate) fn send(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut Sent(headers));
}

/// Makes the span a child of the trusted peer's.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key("traceparent") {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    if parent.span().span_context().is_valid() {
        // Fails only when the span is disabled or has already started elsewhere; then there is nothing to adopt.
        let _ = span.set_parent(parent);
    }
}

/// The span's trace and span id, when traces are on.
pub(crate) fn ids(span: &Span) -> Option<(String, String)> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let reference = context.span();
    let ids = reference.span_context();
    ids.is_valid().then(|| (ids.trace_id().to_string(), ids.span_id().to_string()))
}

/// Gives a span that has started its final name; recording `otel.name` only works before that.
pub(crate) fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}
