//! `[telemetry]`: logs, traces, metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::unit::{self, UrlText};

/// Where signals go.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// URL of an OTLP collector over HTTP, for example `http://127.0.0.1:4318`. Unset: nothing is sent.
    #[serde(deserialize_with = "unit::optional_url")]
    #[schemars(with = "Option<UrlText>")]
    pub otlp_endpoint: Option<Url>,
    /// Format of log lines. `auto` is text on a terminal and JSON elsewhere.
    pub log_format: LogFormat,
    /// A level (`info`) or a filter (`info,gateway=debug`).
    pub log_level: String,
    /// Share of requests whose trace is recorded, from 0 to 1. Traces of errors are always recorded.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub trace_sample: f64,
    /// Whether `traceparent` and `tracestate` are sent to providers, with or without a collector.
    pub send_trace_context: bool,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            log_format: LogFormat::Auto,
            log_level: "info".to_owned(),
            trace_sample: 0.01,
            send_trace_context: false,
        }
    }
}

/// `telemetry.log_format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
