//! Gauges, read at each scrape.

use super::observed::{Observed, Observer};
use crate::{telemetry::sink::LineSink, time::unix_seconds as seconds};
use arc_swap::ArcSwapOption;
use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};
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

/// Tells a gauge each value with its labels.
type Read = fn(&Shared, &dyn AsyncInstrument<u64>);

/// Name, unit, description, and what is read. No unit: a number.
const GAUGES: [(&str, &str, &str, Read); 11] = [
    ("idp_gateway.build_info", "", "The running version; always 1", |_, gauge| {
        let commit = crate::telemetry::process::COMMIT;
        let version = env!("CARGO_PKG_VERSION");
        gauge.observe(1, &[KeyValue::new("version", version), KeyValue::new("commit", commit)]);
    }),
    (
        "idp_gateway.config_reload_success",
        "",
        "1 when the last load of the configuration worked",
        |state, gauge| gauge.observe(state.reload_ok.load(Ordering::Relaxed).into(), &[]),
    ),
    (
        "idp_gateway.config_last_reload_timestamp",
        "s",
        "When the configuration in use was loaded",
        |state, gauge| gauge.observe(state.reloaded_at.load(Ordering::Relaxed), &[]),
    ),
    ("idp_gateway.config_hash", "", "Digest of the configuration in use; always 1", |state, gauge| {
        if let Some(hash) = state.config_hash.load().as_ref() {
            gauge.observe(1, &[KeyValue::new("hash", hash.as_str().to_owned())]);
        }
    }),
    ("idp_gateway.inflight", "", "Running work by stage", |state, gauge| {
        gauge.observe(state.in_flight(), &[KeyValue::new("stage", "server")]);
        let upstream = state.observed().upstream_in_flight.iter().map(|(_, running)| running).sum();
        gauge.observe(upstream, &[KeyValue::new("stage", "upstream")]);
    }),
    (
        "idp_gateway.memory_bound",
        "By",
        "The most memory that each part takes; the sum is that of the process",
        |state, gauge| each(gauge, "part", state.observed().memory_bounds),
    ),
    ("idp_gateway.token_expiry_timestamp", "s", "When the management token ends", |state, gauge| {
        if let Some(at) = state.observed().management_token_expiry {
            gauge.observe(seconds(at), &[KeyValue::new("source", "management")]);
        }
    }),
    ("idp_gateway.jwks_keys", "", "Usable signing keys of the tenant", |state, gauge| {
        gauge.observe(state.observed().keys, &[]);
    }),
    (
        "idp_gateway.jwks_last_success_timestamp",
        "",
        "When the signing keys were last fetched, in seconds since 1970",
        |state, gauge| {
            if let Some(at) = state.observed().keys_last_success {
                gauge.observe(seconds(at), &[]);
            }
        },
    ),
    (
        "idp_gateway.auth0_ratelimit_remaining",
        "",
        "Calls the tenant still allows in this window",
        |state, gauge| each(gauge, "api", state.observed().ratelimit_remaining),
    ),
    ("idp_gateway.auth0_ratelimit_limit", "", "Calls the tenant allows in a window", |state, gauge| {
        each(gauge, "api", state.observed().ratelimit_limit)
    }),
];

fn each(gauge: &dyn AsyncInstrument<u64>, label: &'static str, values: Vec<(&'static str, u64)>) {
    for (name, value) in values {
        gauge.observe(value, &[KeyValue::new(label, name)]);
    }
}

pub(super) fn register(meter: &Meter, shared: &Arc<Shared>) {
    for (name, unit, description, read) in GAUGES {
        let state = Arc::clone(shared);
        meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |gauge| read(&state, gauge))
            .build();
    }
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
}
