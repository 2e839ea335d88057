//! The access line. Every request has one, so where it goes to our own log as JSON, it is written without the detour over an event.

use super::{json, metrics::Metrics};
use std::{cell::RefCell, fmt::Write as _, net::IpAddr, time::Duration};
use tracing::Span;

/// Target of the access line, for `telemetry.log_level`.
pub(super) const ACCESS: &str = "gateway::access";

thread_local! {
    /// The line under construction: the next one needs no memory of its own.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// One request in the access log. No user, no path, no query.
#[derive(Debug)]
pub(crate) struct AccessLine<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    /// Of lower-case letters, digits, `-` and `_`.
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
    pub(crate) client: IpAddr,
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
        json::stamped(line);
        line.extend([
            r#","level":"info","event":"request","request_id":""#,
            self.request_id,
            r#"","method":""#,
            self.method,
            r#"","route":""#,
            self.route,
            "\"",
        ]);
        word(line, r#","provider":""#, self.provider);
        line.push_str(r#","status":"#);
        json::decimal(line, self.status.into());
        word(line, r#","outcome":""#, self.outcome);
        time(line, r#","duration_ms":"#, Some(self.duration));
        time(line, r#","upstream_ms":"#, self.upstream);
        time(line, r#","auth0_ms":"#, self.tenant);
        word(line, r#","cache":""#, self.cache);
        word(line, r#","error_code":""#, self.error);
        word(line, r#","remedy_url":""#, self.remedy);
        if let Some(mismatch) = self.mismatch {
            let names = [r#","refused_claim":"#, r#","claim_expected":"#, r#","claim_found":"#];
            for (name, value) in names.into_iter().zip(mismatch) {
                line.push_str(name);
                json::quote(line, value);
            }
        }
        line.push_str(r#","bytes":"#);
        json::decimal(line, self.bytes);
        line.push_str(r#","client":""#);
        let _ = write!(line, "{}", self.client);
        if let Some((trace, span)) = self.ids {
            line.extend([r#"","trace_id":""#, trace, r#"","span_id":""#, span]);
        }
        line.extend([r#"","target":""#, ACCESS, "\"}\n"]);
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
            client = %self.client,
            trace_id = self.ids.map(|(trace, _)| trace.as_str()),
            span_id = self.ids.map(|(_, span)| span.as_str()),
        );
    }
}

/// Appends a word of ours, or a provider's name, if there is one: neither needs an escape. `name` comes with all that is ahead of it.
fn word(line: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        line.extend([name, value, "\""]);
    }
}

fn time(line: &mut String, name: &str, value: Option<Duration>) {
    if let Some(value) = value {
        line.push_str(name);
        json::millis(line, value);
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
