//! The access line. Every request has one, so where it goes to our own log as JSON, it is written without the detour over an event.

use super::{json::Object, metrics::Metrics};
use std::{cell::RefCell, time::Duration};
use tracing::Span;

/// Target of the access line, for `telemetry.log_level`.
pub(super) const ACCESS: &str = "gateway::access";

thread_local! {
    /// The line under construction: the next one needs no memory of its own.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// One request in the access log. No user, no path, no query.
#[derive(Debug, Default)]
pub(crate) struct AccessLine<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) provider: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) outcome: Option<&'static str>,
    pub(crate) duration: Duration,
    pub(crate) upstream: Option<Duration>,
    pub(crate) tenant: Option<Duration>,
    pub(crate) cache: Option<&'static str>,
    pub(crate) error: Option<&'static str>,
    pub(crate) remedy: Option<&'a str>,
    /// The claim that was refused, what is accepted, what the token says.
    pub(crate) mismatch: Option<[&'a str; 3]>,
    pub(crate) bytes: u64,
    pub(crate) client: &'a str,
    /// Trace and span.
    pub(crate) ids: Option<&'a (String, String)>,
}

impl AccessLine<'_> {
    /// Writes the line to our own log, or else as an event of `span`.
    pub(crate) fn write(&self, metrics: &Metrics, span: &Span) {
        let Some(sink) = metrics.access_lines() else { return self.tell(span) };
        LINE.with_borrow_mut(|line| {
            line.clear();
            self.json(line);
            sink.write(line);
        });
    }

    /// The same members in the same order as [`tell`](Self::tell) has.
    pub(super) fn json(&self, line: &mut String) {
        let mut object = Object::stamped(line);
        object.word("level", "info");
        object.word("event", "request");
        object.word("request_id", self.request_id);
        object.word("method", self.method);
        object.word("route", self.route);
        object.maybe("provider", self.provider);
        object.whole("status", self.status.into());
        object.maybe("outcome", self.outcome);
        object.number("duration_ms", millis(self.duration));
        self.upstream.into_iter().for_each(|time| object.number("upstream_ms", millis(time)));
        self.tenant.into_iter().for_each(|time| object.number("auth0_ms", millis(time)));
        object.maybe("cache", self.cache);
        object.maybe("error_code", self.error);
        object.maybe("remedy_url", self.remedy);
        if let Some([claim, expected, found]) = self.mismatch {
            object.text("refused_claim", claim);
            object.text("claim_expected", expected);
            object.text("claim_found", found);
        }
        object.whole("bytes", self.bytes);
        object.word("client", self.client);
        if let Some((trace, span)) = self.ids {
            object.word("trace_id", trace);
            object.word("span_id", span);
        }
        object.word("target", ACCESS);
        object.end();
    }

    /// Tells the line to whatever subscribes to events.
    pub(super) fn tell(&self, span: &Span) {
        tracing::info!(
            target: ACCESS,
            parent: span,
            event = "request",
            request_id = self.request_id,
            method = self.method,
            route = self.route,
            provider = self.provider,
            status = self.status,
            outcome = self.outcome,
            duration_ms = millis(self.duration),
            upstream_ms = self.upstream.map(millis),
            auth0_ms = self.tenant.map(millis),
            cache = self.cache,
            error_code = self.error,
            remedy_url = self.remedy,
            refused_claim = self.mismatch.map(|[claim, ..]| claim),
            claim_expected = self.mismatch.map(|[_, expected, _]| expected),
            claim_found = self.mismatch.map(|[.., found]| found),
            bytes = self.bytes,
            client = self.client,
            trace_id = self.ids.map(|(trace, _)| trace.as_str()),
            span_id = self.ids.map(|(_, span)| span.as_str()),
        );
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
