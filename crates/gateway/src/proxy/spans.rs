//! The spans on the way of a proxied call. They cost nothing where no collector takes them: their target is left out of
//! the log.

use token_broker::{Cached, IdpToken};
use tracing::{Span, field::Empty};

use crate::telemetry::{ProviderLabel, SPANS, UpstreamFault};

/// Finding the IdP token.
pub(super) fn token() -> Span {
    tracing::info_span!(target: SPANS, "broker.token", cache.hit = Empty)
}

/// How it was found.
pub(super) fn found(span: &Span, token: &IdpToken) {
    span.record("cache.hit", token.cache() == Cached::Hit);
}

/// One attempt at the provider, `resends` others before it.
pub(super) fn upstream(method: &'static str, provider: &ProviderLabel, resends: usize) -> Span {
    let span = tracing::info_span!(
        target: SPANS,
        "upstream",
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method,
        http.request.resend_count = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
        server.address = provider.address(),
        server.port = i64::from(provider.port()),
        provider = provider.name(),
    );
    if resends > 0 {
        span.record("http.request.resend_count", i64::try_from(resends).unwrap_or(i64::MAX));
    }
    span
}

/// How it ended. OpenTelemetry wants numbers as numbers (only `i64` stays one), and a client's span to be in error from 400 on.
pub(super) fn ended(span: &Span, result: Result<u16, UpstreamFault>) {
    if span.is_disabled() {
        return;
    }
    match result {
        Ok(status) => {
            span.record("http.response.status_code", i64::from(status));
            if status >= 400 {
                span.record("error.type", status.to_string());
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(fault) => {
            span.record("error.type", fault.as_str());
            if fault != UpstreamFault::Cancelled {
                span.record("otel.status_code", "ERROR");
            }
        }
    }
}
