//! Histograms that every request records into, each series bound once.
//!
//! The SDK hashes and compares all labels of an instrument at each call. A bound instrument has its series at hand. The key of a
//! series is small and made of closed sets, so finding it costs less than the labels would.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use foldhash::fast::RandomState;
use opentelemetry::{
    KeyValue,
    metrics::{BoundHistogram, Histogram},
};

/// Series that are kept bound. Statuses come from providers, so there may be more; those are recorded without being bound.
const BOUND: usize = 512;

/// One histogram of seconds, whose series are told apart by `K`.
pub(super) struct Durations<K> {
    histogram: Histogram<f64>,
    bound: RwLock<HashMap<K, BoundHistogram<f64>, RandomState>>,
}

impl<K: Clone + Eq + Hash> Durations<K> {
    /// No series yet.
    pub(super) fn new(histogram: Histogram<f64>) -> Self {
        Self { histogram, bound: RwLock::default() }
    }

    /// Records one duration. `labels` are those of `key`, and always the same for it.
    pub(super) fn record<const N: usize>(
        &self,
        key: &K,
        duration: Duration,
        labels: impl FnOnce() -> [Option<KeyValue>; N],
    ) {
        let seconds = duration.as_secs_f64();
        let bound = self.bound.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = bound.get(key) {
            return series.record(seconds);
        }
        let is_full = bound.len() >= BOUND;
        drop(bound);
        let labels: Vec<KeyValue> = labels().into_iter().flatten().collect();
        if is_full {
            return self.histogram.record(seconds, &labels);
        }
        let mut bound = self.bound.write().unwrap_or_else(PoisonError::into_inner);
        bound.entry(key.clone()).or_insert_with(|| self.histogram.bind(&labels)).record(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::metrics::SdkMeterProvider;

    #[test]
    fn each_series_counts_what_is_recorded_bound_or_not() {
        let registry = prometheus::Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_units()
            .build()
            .expect("an exporter");
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let durations = Durations::new(provider.meter("test").f64_histogram("waits").build());
        for round in 1..=2 {
            for status in 0..BOUND as i64 + 2 {
                let labels = || [Some(KeyValue::new("status", status)), None];
                durations.record(&status, Duration::from_secs(round), labels);
            }
        }
        assert_eq!(durations.bound.read().unwrap().len(), BOUND);
        let families = registry.gather();
        let waits = families.iter().find(|family| family.name() == "waits").expect("the histogram");
        assert_eq!(waits.get_metric().len(), BOUND + 2);
        for series in waits.get_metric() {
            let histogram = series.get_histogram();
            assert_eq!((histogram.get_sample_count(), histogram.get_sample_sum()), (2, 3.0));
        }
    }
}
