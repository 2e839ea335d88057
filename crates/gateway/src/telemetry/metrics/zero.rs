//! Counters whose labels are known ahead start at zero.
//!
//! Prometheus' `increase` sees nothing in a series that starts at one, so the first leaked token or the first panic would
//! cause no alert.

use super::Metrics;
use crate::telemetry::labels::{
    FetchOutcome, KeeperName, ProviderLabel, RetryReason, ScrubPlace, Shed, Signal,
};
use opentelemetry::KeyValue;

/// What a (re)load of files came to.
const LOADED: [&str; 2] = ["ok", "failed"];

impl Metrics {
    /// Everything that does not depend on the configuration.
    pub(super) fn start_at_zero(&self) {
        let inner = &*self.0;
        inner.http.panics.add(0, &[]);
        inner.process.secret_file_errors.add(0, &[]);
        for reason in Shed::ALL {
            inner.http.shed.add(0, &[KeyValue::new("reason", reason.as_str())]);
        }
        for signal in Signal::ALL {
            inner.process.dropped.add(0, &[KeyValue::new("signal", signal.as_str())]);
        }
        for outcome in LOADED {
            inner.process.reloads.add(0, &[KeyValue::new("outcome", outcome)]);
            inner.process.tls_reloads.add(0, &[KeyValue::new("outcome", outcome)]);
        }
        for outcome in FetchOutcome::ALL {
            let outcome = KeyValue::new("outcome", outcome.as_str());
            inner.tenant.management_calls.add(0, std::slice::from_ref(&outcome));
            inner.tenant.jwks_refresh.add(0, std::slice::from_ref(&outcome));
            for keeper in KeeperName::ALL {
                let keeper = KeyValue::new("keeper", keeper.as_str());
                inner.tenant.token_loads.add(0, &[keeper, outcome.clone()]);
            }
        }
    }

    /// Makes a configured provider known.
    pub fn provider(&self, label: &ProviderLabel) {
        let calls = &self.0.calls;
        let provider = || KeyValue::new("provider", label.name().to_owned());
        calls.upstream_ratelimited.add(0, &[provider()]);
        calls.upstream_deprecated.add(0, &[provider()]);
        for place in ScrubPlace::ALL {
            calls.leak_scrubs.add(0, &[provider(), KeyValue::new("place", place.as_str())]);
        }
        for reason in RetryReason::ALL {
            calls.retries.add(0, &[provider(), KeyValue::new("reason", reason.as_str())]);
        }
    }
}
