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
        http.request.method = method,
        http.request.resend_count = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
        server.address = provider.address(),
        server.port = provider.port(),
        provider = provider.name(),
    );
    if resends > 0 {
        span.record("http.request.resend_count", resends);
    }
    span
}

/// How it ended.
pub(super) fn ended(span: &Span, result: Result<u16, UpstreamFault>) {
    match result {
        Ok(status) => span.record("http.response.status_code", status),
        Err(fault) => span.record("error.type", fault.as_str()),
    };
}
