//! The instruments: OpenTelemetry names, served as Prometheus text and pushed by OTLP.

mod durations;
mod gauges;
mod instruments;
mod observed;
mod series;
#[cfg(test)]
mod tests;
mod zero;

pub use observed::{Observed, Observer};

use super::labels::{
    CacheResult, FetchOutcome, KeeperName, ProviderLabel, RetryReason, ScrubPlace, Shed, Signal, TokenSource,
    UpstreamFault,
};
use super::sink::LineSink;
use crate::time::unix_seconds;
use instruments::{ClientSeries, Instruments, ServerSeries};
use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    Resource,
    metrics::{SdkMeterProvider, reader::MetricReader},
};
use prometheus::{Encoder as _, TextEncoder};
use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

/// The metrics of one process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Instruments>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// One finished request of the public listener.
#[derive(Clone, Copy, Debug)]
pub struct ServerRequest {
    /// From [`method_label`](super::labels::method_label).
    pub method: &'static str,
    /// Route template.
    pub route: &'static str,
    /// Status sent.
    pub status: u16,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// From [`version_label`](super::labels::version_label).
    pub version: &'static str,
    /// The outcome word where the answer is an error.
    pub error: Option<&'static str>,
    /// From the request's head to the end of the answer's body.
    pub duration: Duration,
}

/// One attempt at a provider.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamRequest<'a> {
    /// From [`method_label`](super::labels::method_label).
    pub method: &'static str,
    /// The provider asked.
    pub provider: &'a ProviderLabel,
    /// The provider's status or why there was none.
    pub result: Result<u16, UpstreamFault>,
    /// Until the response head, or until it failed.
    pub duration: Duration,
}

/// The instruments could not be registered.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be set up: {0}")]
pub struct MetricsError(#[from] opentelemetry_sdk::error::OTelSdkError);

impl Metrics {
    /// Metrics that are only served as Prometheus text.
    ///
    /// # Errors
    /// When the registry refuses an instrument, which would be a mistake in this module.
    pub fn new() -> Result<Self, MetricsError> {
        Self::with_reader(None::<opentelemetry_sdk::metrics::ManualReader>, Resource::builder().build())
    }

    /// Metrics that a second reader sees too, such as an OTLP push.
    pub(crate) fn with_reader<R: MetricReader>(
        reader: Option<R>,
        resource: Resource,
    ) -> Result<Self, MetricsError> {
        let registry = prometheus::Registry::new();
        let text = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build()?;
        let mut builder = SdkMeterProvider::builder().with_reader(text).with_resource(resource);
        if let Some(reader) = reader {
            builder = builder.with_reader(reader);
        }
        let provider = builder.build();
        let metrics = Self(Arc::new(Instruments::new(registry, provider)));
        metrics.start_at_zero();
        Ok(metrics)
    }

    /// Counts a request as running.
    pub(crate) fn request_began(&self, method: &'static str, scheme: &'static str) {
        self.0.http.server_active.add([method, scheme], 1);
    }

    /// Ends that count.
    pub(crate) fn request_ended(&self, method: &'static str, scheme: &'static str) {
        self.0.http.server_active.add([method, scheme], -1);
    }

    /// Records one answered request.
    pub fn server_request(&self, request: &ServerRequest) {
        let ServerRequest { method, route, status, scheme, version, error, duration } = *request;
        let series = ServerSeries { method, route, status, scheme, version, error };
        self.0.http.server_duration.record(&series, duration, || {
            [
                Some(KeyValue::new("http.request.method", method)),
                Some(KeyValue::new("http.route", route)),
                Some(KeyValue::new("http.response.status_code", i64::from(status))),
                Some(KeyValue::new("url.scheme", scheme)),
                Some(KeyValue::new("network.protocol.version", version)),
                error.map(|error| KeyValue::new("error.type", error)),
            ]
        });
    }

    /// Records one attempt at a provider.
    pub fn upstream_request(&self, request: &UpstreamRequest<'_>) {
        let UpstreamRequest { method, provider, result, duration } = *request;
        let series = ClientSeries { method, provider: provider.clone(), result };
        self.0.http.client_duration.record(&series, duration, || {
            let (name, address) = provider.shared();
            [
                Some(KeyValue::new("http.request.method", method)),
                Some(KeyValue::new("provider", name)),
                Some(KeyValue::new("server.address", address)),
                Some(KeyValue::new("server.port", i64::from(provider.port()))),
                Some(match result {
                    Ok(status) => KeyValue::new("http.response.status_code", i64::from(status)),
                    Err(fault) => KeyValue::new("error.type", fault.as_str()),
                }),
            ]
        });
    }

    /// Counts what became of a proxied call, in the words of design section 8.
    pub fn outcome(&self, provider: &ProviderLabel, outcome: &'static str) {
        self.0.calls.outcomes.add([provider.name(), outcome], 1);
    }

    /// Counts what became of a tool of the MCP endpoint.
    pub fn tool(&self, tool: &'static str, outcome: &'static str) {
        self.0.calls.tools.add(1, &[KeyValue::new("tool", tool), KeyValue::new("outcome", outcome)]);
    }

    /// Counts a refused caller by problem code.
    pub fn auth_failure(&self, reason: &'static str) {
        self.0.calls.auth_failures.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// Counts a look-up for a token.
    pub fn token_cache(&self, source: TokenSource, result: CacheResult) {
        self.0.tenant.token_cache.add([source.as_str(), result.as_str()], 1);
    }

    /// Records one request for a token.
    pub fn token_fetch(&self, source: TokenSource, outcome: FetchOutcome, duration: Duration) {
        let labels = [KeyValue::new("source", source.as_str()), KeyValue::new("outcome", outcome.as_str())];
        self.0.tenant.token_fetch.record(duration.as_secs_f64(), &labels);
    }

    /// Counts one load of a kept value.
    pub fn token_load(&self, keeper: KeeperName, outcome: FetchOutcome) {
        self.0
            .tenant
            .token_loads
            .add(1, &[KeyValue::new("keeper", keeper.as_str()), KeyValue::new("outcome", outcome.as_str())]);
        if keeper == KeeperName::Keys {
            self.0.tenant.jwks_refresh.add(1, &[KeyValue::new("outcome", outcome.as_str())]);
        }
    }

    /// Counts how a user record was found.
    pub fn user_lookup(&self, result: CacheResult) {
        self.0.tenant.user_lookups.add([result.as_str()], 1);
    }

    /// Counts a Management API call.
    pub fn management_call(&self, outcome: FetchOutcome) {
        self.0.tenant.management_calls.add(1, &[KeyValue::new("outcome", outcome.as_str())]);
    }

    /// Counts a provider's throttling answer.
    pub fn upstream_rate_limited(&self, provider: &ProviderLabel) {
        self.0.calls.upstream_ratelimited.add(1, &[KeyValue::new("provider", provider.shared().0)]);
    }

    /// Counts an answer with `Deprecation` (RFC 9745) or `Sunset` (RFC 8594).
    pub fn upstream_deprecated(&self, provider: &ProviderLabel) {
        self.0.calls.upstream_deprecated.add(1, &[KeyValue::new("provider", provider.shared().0)]);
    }

    /// Counts a proxied call that is sent again.
    pub fn retry(&self, provider: &ProviderLabel, reason: RetryReason) {
        let labels =
            [KeyValue::new("provider", provider.shared().0), KeyValue::new("reason", reason.as_str())];
        self.0.calls.retries.add(1, &labels);
    }

    /// Counts tokens that the leak guard replaced.
    pub fn leak_scrub(&self, provider: &ProviderLabel, place: ScrubPlace, hits: u64) {
        let labels = [KeyValue::new("provider", provider.shared().0), KeyValue::new("place", place.as_str())];
        self.0.calls.leak_scrubs.add(hits, &labels);
    }

    /// Counts a call whose grant is known to lack a scope.
    pub fn scope_missing(&self, provider: &ProviderLabel) {
        self.0.calls.scopes_missing.add(1, &[KeyValue::new("provider", provider.shared().0)]);
    }

    /// Counts work that was refused early.
    pub fn shed(&self, reason: Shed) {
        self.0.http.shed.add(1, &[KeyValue::new("reason", reason.as_str())]);
    }

    /// Records the result of a configuration reload (and of the first load).
    pub fn reload(&self, ok: bool) {
        self.0.process.reloads.add(1, &[KeyValue::new("outcome", if ok { "ok" } else { "failed" })]);
        self.0.shared.reload_ok.store(ok, Ordering::Relaxed);
        if ok {
            self.0.shared.reloaded_at.store(unix_seconds(SystemTime::now()), Ordering::Relaxed);
        }
    }

    /// Sets the digest of the configuration in use, shown as an info metric.
    pub fn config_hash(&self, digest: &str) {
        self.0.shared.config_hash.store(Some(Arc::new(digest.to_owned())));
    }

    /// Records the result of a certificate reload.
    pub fn tls_reload(&self, ok: bool) {
        self.0.process.tls_reloads.add(1, &[KeyValue::new("outcome", if ok { "ok" } else { "failed" })]);
    }

    /// Counts a secret file that could not be read.
    pub fn secret_file_error(&self) {
        self.0.process.secret_file_errors.add(1, &[]);
    }

    /// Counts a request that panicked.
    pub fn panic(&self) {
        self.0.http.panics.add(1, &[]);
    }

    /// Counts telemetry that was dropped because its queue is full.
    pub fn telemetry_dropped(&self, signal: Signal, count: u64) {
        self.0.process.dropped.add(count, &[KeyValue::new("signal", signal.as_str())]);
    }

    /// Counts open connections of the public listener.
    pub(crate) fn connection(&self, delta: i64) {
        self.0.http.connections.add(delta, &[]);
    }

    /// Sets the places whose use is shown as `inflight{stage="server"}`. The first call counts.
    pub(crate) fn room(&self, room: Arc<tokio::sync::Semaphore>, places: usize) {
        let _ = self.0.shared.room.set((room, places));
    }

    /// Has access lines written to this sink, and not told as events any more. The first call counts.
    pub(super) fn write_access_lines(&self, sink: LineSink) {
        let _ = self.0.shared.access_lines.set(sink);
    }

    /// Where access lines are written to.
    pub(super) fn access_lines(&self) -> Option<&LineSink> {
        self.0.shared.access_lines.get()
    }

    /// Replaces the function that is asked for gauges at each scrape.
    pub fn observe(&self, observer: Arc<Observer>) {
        self.0.shared.observer.store(Some(Arc::new(observer)));
    }

    /// Everything as Prometheus text.
    #[must_use]
    pub fn render_prometheus(&self) -> String {
        let mut text = Vec::new();
        if TextEncoder::new().encode(&self.0.registry.gather(), &mut text).is_err() {
            return String::new();
        }
        String::from_utf8(text).unwrap_or_default()
    }

    /// Pushes what the instruments hold now.
    pub(crate) fn flush(&self) {
        let _ = self.0.provider.force_flush();
    }

    /// Pushes what is pending and stops the readers.
    pub(crate) fn shutdown(&self) {
        let _ = self.0.provider.shutdown();
    }
}
