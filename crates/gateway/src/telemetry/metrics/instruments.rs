//! The instruments by subject, and how each is made.

use super::{
    durations::Durations,
    gauges::{self, Shared},
    series::Series,
};
use crate::telemetry::labels::{ProviderLabel, UpstreamFault};
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider as _, UpDownCounter};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use std::sync::Arc;

/// Histogram bounds in seconds, for both HTTP histograms and the token fetches.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(super) struct Instruments {
    pub(super) registry: prometheus::Registry,
    pub(super) provider: SdkMeterProvider,
    pub(super) shared: Arc<Shared>,
    pub(super) http: Http,
    pub(super) calls: Calls,
    pub(super) tenant: Tenant,
    pub(super) process: ProcessInstruments,
}

impl Instruments {
    pub(super) fn new(registry: prometheus::Registry, provider: SdkMeterProvider) -> Self {
        let meter = provider.meter("idp-gateway");
        let shared = Arc::new(Shared::default());
        gauges::register(&meter, &shared);
        crate::telemetry::process::register(&meter);
        Self {
            registry,
            shared,
            http: Http::new(&meter),
            calls: Calls::new(&meter),
            tenant: Tenant::new(&meter),
            process: ProcessInstruments::new(&meter),
            provider,
        }
    }
}

/// What tells the answers of the public listener apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ServerSeries {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) status: u16,
    pub(super) scheme: &'static str,
    pub(super) version: &'static str,
    pub(super) error: Option<&'static str>,
}

/// What tells the attempts at providers apart.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ClientSeries {
    pub(super) method: &'static str,
    pub(super) provider: ProviderLabel,
    pub(super) result: Result<u16, UpstreamFault>,
}

/// Requests and connections of the public listener, and attempts at providers.
pub(super) struct Http {
    pub(super) server_duration: Durations<ServerSeries>,
    pub(super) server_active: Arc<Series<2>>,
    pub(super) client_duration: Durations<ClientSeries>,
    pub(super) connections: UpDownCounter<i64>,
    pub(super) shed: Counter<u64>,
    pub(super) panics: Counter<u64>,
}

impl Http {
    fn new(meter: &Meter) -> Self {
        Self {
            server_duration: Durations::new(histogram(
                meter,
                "http.server.request.duration",
                "Duration of requests on the public listener",
            )),
            server_active: active(meter),
            client_duration: Durations::new(histogram(
                meter,
                "http.client.request.duration",
                "Time until a provider's response head",
            )),
            connections: meter
                .i64_up_down_counter("idp_gateway.connections")
                .with_unit("{connection}")
                .with_description("Open connections of the public listener")
                .build(),
            shed: counter(meter, "idp_gateway.shed", "Work refused early"),
            panics: counter(meter, "idp_gateway.panics", "Requests that panicked"),
        }
    }
}

/// What became of callers and of proxied calls.
pub(super) struct Calls {
    pub(super) outcomes: Arc<Series<2>>,
    pub(super) tools: Counter<u64>,
    pub(super) auth_failures: Counter<u64>,
    pub(super) upstream_ratelimited: Counter<u64>,
    pub(super) upstream_deprecated: Counter<u64>,
    pub(super) retries: Counter<u64>,
    pub(super) scopes_missing: Counter<u64>,
    pub(super) leak_scrubs: Counter<u64>,
}

impl Calls {
    fn new(meter: &Meter) -> Self {
        Self {
            outcomes: counted(
                meter,
                "idp_gateway.outcomes",
                "Proxied calls by provider and outcome",
                ["provider", "outcome"],
            ),
            tools: counter(meter, "idp_gateway.mcp_tools", "Tools that were called, by outcome"),
            auth_failures: counter(meter, "idp_gateway.auth_failures", "Refused callers by problem code"),
            upstream_ratelimited: counter(
                meter,
                "idp_gateway.upstream_ratelimited",
                "Throttling answers by provider",
            ),
            upstream_deprecated: counter(
                meter,
                "idp_gateway.upstream_deprecated",
                "Answers that announce the end of what was called, by provider",
            ),
            scopes_missing: counter(
                meter,
                "idp_gateway.scopes_missing",
                "Calls whose grant is known to lack a scope, by provider",
            ),
            retries: counter(meter, "idp_gateway.retries", "Proxied calls sent again"),
            leak_scrubs: counter(meter, "idp_gateway.leak_scrubs", "Tokens replaced by the leak guard"),
        }
    }
}

/// Tokens, keys, users: everything that is asked of the tenant.
pub(super) struct Tenant {
    pub(super) token_cache: Arc<Series<2>>,
    pub(super) token_fetch: Histogram<f64>,
    pub(super) token_loads: Counter<u64>,
    pub(super) user_lookups: Arc<Series<1>>,
    pub(super) management_calls: Counter<u64>,
    pub(super) jwks_refresh: Counter<u64>,
}

impl Tenant {
    fn new(meter: &Meter) -> Self {
        Self {
            token_cache: counted(
                meter,
                "idp_gateway.token_cache_requests",
                "Look-ups for a token by source and result",
                ["source", "result"],
            ),
            token_fetch: histogram(meter, "idp_gateway.token_fetch.duration", "Duration of token requests"),
            token_loads: counter(
                meter,
                "idp_gateway.token_loads",
                "Loads of kept values by keeper and outcome",
            ),
            user_lookups: counted(
                meter,
                "idp_gateway.user_lookups",
                "Look-ups of user records by result",
                ["result"],
            ),
            management_calls: counter(
                meter,
                "idp_gateway.management_calls",
                "Management API calls by outcome",
            ),
            jwks_refresh: counter(
                meter,
                "idp_gateway.jwks_refresh",
                "Fetches of the signing keys by outcome",
            ),
        }
    }
}

/// The process itself.
pub(super) struct ProcessInstruments {
    pub(super) reloads: Counter<u64>,
    pub(super) tls_reloads: Counter<u64>,
    pub(super) secret_file_errors: Counter<u64>,
    pub(super) dropped: Counter<u64>,
}

impl ProcessInstruments {
    fn new(meter: &Meter) -> Self {
        Self {
            reloads: counter(meter, "idp_gateway.config_reloads", "Configuration loads by outcome"),
            tls_reloads: counter(meter, "idp_gateway.tls_reloads", "Certificate reloads by outcome"),
            secret_file_errors: counter(
                meter,
                "idp_gateway.secret_file_errors",
                "Secret files that could not be read",
            ),
            dropped: counter(
                meter,
                "idp_gateway.telemetry_dropped",
                "Telemetry dropped because its queue is full",
            ),
        }
    }
}

fn counter(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    meter.u64_counter(name).with_description(description).build()
}

/// A counter that every request adds to.
fn counted<const N: usize>(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    labels: [&'static str; N],
) -> Arc<Series<N>> {
    let series = Arc::new(Series::new(labels));
    let read = Arc::clone(&series);
    meter
        .u64_observable_counter(name)
        .with_description(description)
        .with_callback(move |counter| {
            read.each(|value, labels| counter.observe(u64::try_from(value).unwrap_or_default(), labels));
        })
        .build();
    series
}

/// The requests that are being answered.
fn active(meter: &Meter) -> Arc<Series<2>> {
    let series = Arc::new(Series::new(["http.request.method", "url.scheme"]));
    let read = Arc::clone(&series);
    meter
        .i64_observable_up_down_counter("http.server.active_requests")
        .with_unit("{request}")
        .with_description("Requests being answered")
        .with_callback(move |counter| read.each(|value, labels| counter.observe(value, labels)))
        .build();
    series
}

fn histogram(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(BOUNDS.to_vec())
        .build()
}
