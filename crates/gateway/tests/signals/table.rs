//! Scrapes and spans as sorted lines, without what differs from run to run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};

use crate::collector::table_kind;

/// Waits until the lines are those of `tests/signals/NAME`, and says what differs when they never are; `BLESS=1` writes them.
pub(crate) async fn agrees(name: &str, lines: impl Fn() -> BTreeSet<String>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signals").join(name);
    let bless = std::env::var_os("BLESS").is_some();
    let table = std::fs::read_to_string(&file).unwrap_or_default();
    let wanted: BTreeSet<_> = table.lines().map(str::to_owned).collect();
    let mut found = lines();
    for _ in 0..100 {
        if found == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = lines();
    }
    if bless {
        std::fs::write(&file, found.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
    let gone: Vec<_> = wanted.difference(&found).collect();
    let new: Vec<_> = found.difference(&wanted).collect();
    assert!(bless, "{name}: missing {gone:#?}, unexpected {new:#?}");
}

/// Counters with their values; of histograms the number of samples; of gauges the name and labels.
pub(crate) fn scrape(text: &str) -> BTreeSet<String> {
    let kinds: BTreeMap<_, _> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let name = series.split('{').next()?;
            let base = name.strip_suffix("_count").filter(|base| kinds.get(base) == Some(&"histogram"));
            let kind = base.or(Some(name)).and_then(|name| kinds.get(name).copied());
            let steady = series
                .split_inclusive([',', '{', '}'])
                .map(|part| match part.split_once("=\"") {
                    Some((label @ ("server_port" | "commit" | "version" | "hash"), rest)) => {
                        format!("{label}=\"…\"{}", rest.rsplit('"').next().unwrap_or_default())
                    }
                    _ => part.to_owned(),
                })
                .collect::<String>();
            match kind? {
                "counter" if name == "process_cpu_seconds_total" => Some(steady),
                "counter" => Some(format!("{steady} {value}")),
                "histogram" => Some(format!("{steady} {value}")),
                _ => Some(steady),
            }
        })
        .collect()
}

/// The value of one series.
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}

/// `name [unit] kind: attribute …`, each set of attributes once.
pub(crate) fn metrics(metrics: &[Metric]) -> BTreeSet<String> {
    let keys = |attributes: &[KeyValue]| {
        let keys: BTreeSet<_> = attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        keys.into_iter().collect::<Vec<_>>().join(" ")
    };
    let shapes = |metric: &Metric| -> (&'static str, BTreeSet<String>) {
        match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => {
                ("gauge", gauge.data_points.iter().map(|point| keys(&point.attributes)).collect())
            }
            Data::Sum(sum) => (
                if sum.is_monotonic { "counter" } else { "up-down counter" },
                sum.data_points.iter().map(|point| keys(&point.attributes)).collect(),
            ),
            Data::Histogram(histogram) => {
                ("histogram", histogram.data_points.iter().map(|point| keys(&point.attributes)).collect())
            }
            _ => ("other", BTreeSet::new()),
        }
    };
    let lines = metrics.iter().flat_map(|metric| {
        let (kind, shapes) = shapes(metric);
        let head = format!("{} [{}] {kind}:", metric.name, metric.unit);
        shapes.into_iter().map(move |shape| format!("{head} {shape}").trim_end().to_owned())
    });
    lines.collect()
}

/// An attribute's name, and that it is a number where it is one.
fn typed(attribute: &KeyValue) -> String {
    let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
    let kind = if matches!(value, Some(Value::IntValue(_))) { ":int" } else { "" };
    format!("{}{kind}", attribute.key)
}

/// `parent > name (kind) attribute[:int] …; error; linked`, each shape once.
pub(crate) fn spans(spans: &[Span]) -> BTreeSet<String> {
    let names: BTreeMap<_, _> = spans.iter().map(|span| (&span.span_id[..], span.name.as_str())).collect();
    spans
        .iter()
        .map(|span| {
            let parent = match span.parent_span_id.is_empty() {
                true => "",
                false => names.get(&span.parent_span_id[..]).copied().unwrap_or("?"),
            };
            let attributes: BTreeSet<_> = span.attributes.iter().map(typed).collect();
            let error = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
            let error = if error { "; error" } else { "" };
            let linked = if span.links.is_empty() { "" } else { "; linked" };
            let attributes = attributes.into_iter().collect::<Vec<_>>().join(" ");
            format!("{parent} > {} ({}) {attributes}{error}{linked}", span.name, table_kind(span))
                .trim()
                .to_owned()
        })
        .collect()
}
