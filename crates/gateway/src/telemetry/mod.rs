//! Signals: logs, traces, metrics and the audit log.
//!
//! [`Telemetry::install`] builds the pipelines once, in the binary; everything else in the crate gets a cloneable
//! [`Metrics`] and an [`Audit`] handle and emits `tracing` events. Labels come from closed sets: the methods of
//! [`Metrics`] take enums, `'static` words or [`ProviderLabel`]s made from the configuration, never a caller's text.
//!
//! Nothing here waits for a reader: log lines, audit lines and spans go through bounded queues that drop with a counter
//! (`idp_gateway_telemetry_dropped_total`) when the other side is slow.

mod access;
pub mod audit;
pub(crate) mod current;
mod json;
pub mod labels;
mod loads;
mod log_format;
pub mod metrics;
mod otlp;
mod process;
mod setup;
mod sink;
pub mod summary;
pub(crate) mod trace_context;

pub(crate) use access::AccessLine;
pub use audit::Audit;
pub use labels::{
    CacheResult, FetchOutcome, KeeperName, ProviderLabel, RetryReason, ScrubPlace, Shed, Signal, TokenSource,
    UpstreamFault,
};
pub use metrics::{Metrics, Observed, ServerRequest, UpstreamRequest};
pub use process::COMMIT;
pub(crate) use process::max_fds;
pub use setup::{Telemetry, TelemetryError, TelemetryOptions};
pub use summary::Summary;

/// Target of a request's spans, which are for the collector alone: without one they do not exist.
pub(crate) const SPANS: &str = "gateway::spans";

/// Target of the few log lines that are written whatever the level is.
pub const ALWAYS: &str = "gateway::always";
