//! W3C trace context: taken from trusted peers, never passed on unless switched on.

use http::HeaderMap;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
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
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
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
    let context = span.context();
    let reference = context.span();
    let ids = reference.span_context();
    ids.is_valid().then(|| (ids.trace_id().to_string(), ids.span_id().to_string()))
}

/// Gives a span that has started its final name; recording `otel.name` only works before that.
pub(crate) fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}
