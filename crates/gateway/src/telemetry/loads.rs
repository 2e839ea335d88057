//! Metrics of loads, read off the spans that the libraries open around them.
//!
//! The libraries choose no metrics backend. Each load of theirs is a span with an `outcome`; this layer measures those spans
//! and counts the warnings about secret files, so that nothing is reported twice.

use super::{
    Metrics,
    labels::{FetchOutcome, KeeperName, TokenSource},
};
use std::fmt;
use tokio::time::Instant;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, filter::filter_fn, layer::Context, registry::LookupSpan};

/// The layer, which sees nothing but what it counts.
pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync>(metrics: Metrics) -> impl Layer<S> {
    LoadMeter(metrics).with_filter(filter_fn(concerns))
}

fn concerns(meta: &Metadata<'_>) -> bool {
    let ours = ["token_keeper", "mgmt_auth", "user_store", "token_broker", "gateway"];
    let from = meta.target().split("::").next().unwrap_or_default();
    let named = if meta.is_span() { Load::named(meta.name()).is_some() } else { is_secret_warning(meta) };
    named && ours.contains(&from)
}

/// Events have no names of their own, so the field `path` beside `event` is what tells these apart before they are built.
fn is_secret_warning(meta: &Metadata<'_>) -> bool {
    *meta.level() == tracing::Level::WARN
        && ["event", "path"].iter().all(|name| meta.fields().field(name).is_some())
}

/// What a span loads.
#[derive(Clone, Copy)]
enum Load {
    Keeper(Option<KeeperName>),
    Management,
    Token(TokenSource),
}

impl Load {
    fn named(span: &str) -> Option<Self> {
        Some(match span {
            "keeper.load" => Self::Keeper(None),
            "management.get" => Self::Management,
            "user.load" => Self::Token(TokenSource::Identities),
            "vault.exchange" => Self::Token(TokenSource::Vault),
            "grant.refresh" => Self::Token(TokenSource::Refresh),
            _ => return None,
        })
    }
}

/// A load under way.
struct Running {
    load: Load,
    since: Instant,
    /// Until the span says otherwise: a load that was given up on.
    outcome: FetchOutcome,
}

impl Visit for Running {
    fn record_str(&mut self, field: &Field, value: &str) {
        match (field.name(), self.load) {
            ("outcome", _) => {
                let known = FetchOutcome::ALL.iter().find(|outcome| outcome.as_str() == value);
                self.outcome = known.copied().unwrap_or(FetchOutcome::Unavailable);
            }
            ("keeper", Load::Keeper(_)) => {
                self.load = Load::Keeper(match value {
                    "management_token" => Some(KeeperName::ManagementToken),
                    "signing_keys" => Some(KeeperName::Keys),
                    _ => None,
                });
            }
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

struct LoadMeter(Metrics);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LoadMeter {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Some(span), Some(load)) = (context.span(id), Load::named(attributes.metadata().name())) else {
            return;
        };
        let mut running = Running { load, since: Instant::now(), outcome: FetchOutcome::Unavailable };
        attributes.record(&mut running);
        span.extensions_mut().insert(running);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(running) = span.extensions_mut().get_mut::<Running>() {
            values.record(running);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut secret = SecretFile(false);
        event.record(&mut secret);
        if secret.0 {
            self.0.secret_file_error();
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(running) = span.extensions_mut().remove::<Running>() else { return };
        let (outcome, duration) = (running.outcome, running.since.elapsed());
        match running.load {
            Load::Keeper(None) => {}
            Load::Keeper(Some(keeper)) => {
                self.0.token_load(keeper, outcome);
                if keeper == KeeperName::ManagementToken {
                    self.0.token_fetch(TokenSource::Management, outcome, duration);
                }
            }
            Load::Management => self.0.management_call(outcome),
            Load::Token(source) => self.0.token_fetch(source, outcome, duration),
        }
    }
}

/// Whether an event says that a secret file cannot be read.
struct SecretFile(bool);

impl Visit for SecretFile {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 |= field.name() == "event" && value == "secret_file_unreadable";
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::{Registry, layer::SubscriberExt as _};

    #[tokio::test]
    async fn spans_and_warnings_of_the_libraries_become_metrics() {
        let metrics = Metrics::new().expect("instruments");
        let subscriber = Registry::default().with(layer(metrics.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let empty = tracing::field::Empty;
            let span = tracing::info_span!(target: "token_keeper", "keeper.load", keeper = "signing_keys", outcome = empty);
            span.record("outcome", "ok");
            drop(span);
            drop(
                tracing::info_span!(target: "token_keeper", "keeper.load", keeper = "management_token", outcome = empty),
            );
            let span = tracing::info_span!(target: "mgmt_auth", "management.get", outcome = empty);
            span.record("outcome", "rate_limited");
            drop(span);
            drop(tracing::info_span!(target: "somebody", "management.get", outcome = "ok"));
            tracing::warn!(target: "mgmt_auth::secret", event = "secret_file_unreadable", path = "x");
        });
        let text = metrics.render_prometheus();
        for line in [
            r#"idp_gateway_token_loads_total{keeper="keys",outcome="ok"} 1"#,
            r#"idp_gateway_jwks_refresh_total{outcome="ok"} 1"#,
            r#"idp_gateway_token_loads_total{keeper="management_token",outcome="unavailable"} 1"#,
            r#"idp_gateway_token_fetch_duration_seconds_count{outcome="unavailable",source="management"} 1"#,
            r#"idp_gateway_management_calls_total{outcome="rate_limited"} 1"#,
            "idp_gateway_secret_file_errors_total 1",
        ] {
            assert!(text.contains(line), "missing {line} in\n{text}");
        }
        assert!(text.contains(r#"management_calls_total{outcome="ok"} 0"#), "{text}");
    }
}
