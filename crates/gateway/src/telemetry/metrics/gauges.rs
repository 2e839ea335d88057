//! Gauges, read at each scrape.

use super::observed::{Observed, Observer};
use crate::{telemetry::sink::LineSink, time::unix_seconds as seconds};
use arc_swap::ArcSwapOption;
use opentelemetry::{KeyValue, metrics::Meter};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::Semaphore;

/// State behind the gauges.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) reload_ok: AtomicBool,
    pub(super) reloaded_at: AtomicU64,
    /// The places of running requests, and how many there are.
    pub(super) room: OnceLock<(Arc<Semaphore>, usize)>,
    /// Where access lines go without the detour over an event.
    pub(super) access_lines: OnceLock<LineSink>,
    pub(super) config_hash: ArcSwapOption<String>,
    pub(super) observer: ArcSwapOption<Arc<Observer>>,
}

impl Shared {
    fn observed(&self) -> Observed {
        self.observer.load().as_ref().map_or_else(Observed::default, |observer| observer())
    }

    fn in_flight(&self) -> u64 {
        self.room.get().map_or(0, |(room, places)| places.saturating_sub(room.available_permits()) as u64)
    }
}

pub(super) fn register(meter: &Meter, shared: &Arc<Shared>) {
    own(meter, shared);
    memory(meter, shared);
    tenant(meter, shared);
}

/// What the server itself knows.
fn own(meter: &Meter, shared: &Arc<Shared>) {
    let version = env!("CARGO_PKG_VERSION");
    let commit = crate::telemetry::process::COMMIT;
    meter
        .u64_observable_gauge("idp_gateway.build_info")
        .with_description("The running version; always 1")
        .with_callback(move |gauge| {
            gauge.observe(1, &[KeyValue::new("version", version), KeyValue::new("commit", commit)])
        })
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.config_reload_success")
        .with_description("1 when the last load of the configuration worked")
        .with_callback(move |gauge| gauge.observe(u64::from(state.reload_ok.load(Ordering::Relaxed)), &[]))
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.config_last_reload_timestamp")
        .with_unit("s")
        .with_description("When the configuration in use was loaded")
        .with_callback(move |gauge| gauge.observe(state.reloaded_at.load(Ordering::Relaxed), &[]))
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.config_hash")
        .with_description("Digest of the configuration in use; always 1")
        .with_callback(move |gauge| {
            if let Some(hash) = state.config_hash.load().as_ref() {
                gauge.observe(1, &[KeyValue::new("hash", hash.as_str().to_owned())]);
            }
        })
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.inflight")
        .with_description("Running work by stage")
        .with_callback(move |gauge| {
            gauge.observe(state.in_flight(), &[KeyValue::new("stage", "server")]);
            let upstream = state.observed().upstream_in_flight.iter().map(|(_, running)| running).sum();
            gauge.observe(upstream, &[KeyValue::new("stage", "upstream")]);
        })
        .build();
}

/// What the process may take.
fn memory(meter: &Meter, shared: &Arc<Shared>) {
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.memory_bound")
        .with_unit("By")
        .with_description("The most memory that each part takes; the sum is that of the process")
        .with_callback(move |gauge| {
            for (part, bytes) in state.observed().memory_bounds {
                gauge.observe(bytes, &[KeyValue::new("part", part)]);
            }
        })
        .build();
}

/// What the tenant's side looks like.
fn tenant(meter: &Meter, shared: &Arc<Shared>) {
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.token_expiry_timestamp")
        .with_unit("s")
        .with_description("When the management token ends")
        .with_callback(move |gauge| {
            if let Some(at) = state.observed().management_token_expiry {
                gauge.observe(seconds(at), &[KeyValue::new("source", "management")]);
            }
        })
        .build();
    let state = Arc::clone(shared);
    meter
        .f64_observable_gauge("idp_gateway.token_age")
        .with_unit("s")
        .with_description("Age of each kept value")
        .with_callback(move |gauge| {
            for (keeper, age) in state.observed().ages {
                gauge.observe(age.as_secs_f64(), &[KeyValue::new("keeper", keeper.as_str())]);
            }
        })
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.jwks_keys")
        .with_description("Usable signing keys of the tenant")
        .with_callback(move |gauge| gauge.observe(state.observed().keys, &[]))
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.jwks_last_success_timestamp")
        .with_description("When the signing keys were last fetched, in seconds since 1970")
        .with_callback(move |gauge| {
            if let Some(at) = state.observed().keys_last_success {
                gauge.observe(seconds(at), &[]);
            }
        })
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.auth0_ratelimit_remaining")
        .with_description("Calls the tenant still allows in this window")
        .with_callback(move |gauge| {
            for (api, remaining) in state.observed().ratelimit_remaining {
                gauge.observe(remaining, &[KeyValue::new("api", api)]);
            }
        })
        .build();
    let state = Arc::clone(shared);
    meter
        .u64_observable_gauge("idp_gateway.auth0_ratelimit_limit")
        .with_description("Calls the tenant allows in a window")
        .with_callback(move |gauge| {
            for (api, limit) in state.observed().ratelimit_limit {
                gauge.observe(limit, &[KeyValue::new("api", api)]);
            }
        })
        .build();
}
