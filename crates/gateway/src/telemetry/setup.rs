//! Builds the pipelines from the settings, once.

use super::{
    Audit, Metrics,
    access::ACCESS,
    labels::Signal,
    loads,
    log_format::LogLayer,
    metrics::MetricsError,
    otlp::{self, Flush, OtlpError},
    sink::{LineSink, Target},
};
use crate::{
    config::{AuditSettings, AuditSink, LogFormat, Settings, TelemetrySettings},
    request_id::RequestId,
};
use opentelemetry::{Key, KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::{io, io::IsTerminal as _, path::PathBuf, sync::Arc, sync::OnceLock};
use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// What signals are made from.
#[derive(Clone, Debug, Default)]
pub struct TelemetryOptions {
    /// `[telemetry]`.
    pub telemetry: TelemetrySettings,
    /// `[audit]`.
    pub audit: AuditSettings,
    /// Whether panics are logged by their place alone: a panic's message may hold anything. Tests want to see it.
    pub hide_panics: bool,
}

impl From<&Settings> for TelemetryOptions {
    fn from(settings: &Settings) -> Self {
        Self { telemetry: settings.telemetry.clone(), audit: settings.audit.clone(), hide_panics: true }
    }
}

/// Signals could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log_level` means nothing.
    #[error("telemetry.log_level {0:?} is not a level; use error, warn, info, debug or trace")]
    Level(String),
    /// The audit file or the writing thread cannot be had.
    #[error("audit.path {path} cannot be written: {source}; create its folder and let the process write there", path = path.display())]
    Audit {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The log's writing thread cannot be started.
    #[error("the log cannot be written: {0}")]
    Log(#[source] io::Error),
    /// See there.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// See there.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
}

/// All signals of the process. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    metrics: Metrics,
    audit: Audit,
    log: Option<LineSink>,
    traces: Option<(SdkTracerProvider, Option<Flush>)>,
}

/// Our crates: they may speak at any level, because they never log a value that came with a request.
const OWN: [&str; 7] =
    ["gateway", "caller_auth", "mgmt_auth", "user_store", "token_broker", "token_keeper", "idp_adapters"];
/// Crates whose debug output holds header values.
const LOUD: [&str; 11] = [
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "tokio_rustls",
    "hyper_rustls",
    "opentelemetry",
    "redis",
    "tokio_postgres",
    "tower",
];

impl Telemetry {
    /// Metrics and no logs, for tests and for commands that only compute.
    ///
    /// # Errors
    /// When the instruments cannot be registered.
    pub fn quiet() -> Result<Self, TelemetryError> {
        Ok(Self { metrics: Metrics::new()?, audit: Audit::default(), log: None, traces: None })
    }

    /// Metrics and the audit log alone: logs and spans go where the program around the gateway sends its own.
    ///
    /// # Errors
    /// When the audit file cannot be opened.
    pub fn embedded(options: &TelemetryOptions) -> Result<Self, TelemetryError> {
        let metrics = Metrics::new()?;
        Ok(Self { audit: audit(&options.audit, &metrics)?, metrics, log: None, traces: None })
    }

    /// Builds everything and makes it the process's own. Call once, inside the runtime.
    ///
    /// # Errors
    /// When the level is no level, a file cannot be opened or the collector's address cannot be used.
    pub fn install(options: &TelemetryOptions) -> Result<Self, TelemetryError> {
        let settings = &options.telemetry;
        let filter = filter(&settings.log_level)?;
        let resource = resource();
        let client = settings.otlp_endpoint.as_ref().map(|_| otlp::Client::new()).transpose()?;
        let push = settings.otlp_endpoint.as_ref().zip(client);
        let reader = push.clone().map(|(url, client)| otlp::metrics_reader(url, client)).transpose()?;
        let metrics = Metrics::with_reader(reader, resource.clone())?;
        let traces = match push {
            Some((url, client)) => {
                let sample = settings.trace_sample;
                let (provider, flush) = otlp::tracer(url, client, sample, resource, metrics.clone())?;
                Some((provider, Some(flush)))
            }
            None => settings.send_trace_context.then(|| (otlp::ids_only(), None)),
        };
        let log = LineSink::open(Target::Stderr, "log", dropped(&metrics, Signal::Logs))
            .map_err(TelemetryError::Log)?;
        let audit = audit(&options.audit, &metrics)?;
        let terminal = io::stderr().is_terminal();
        let json = is_json(settings.log_format, terminal);
        let color = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let lines = LogLayer { sink: log.clone(), json, terminal, color }.with_filter(filter);
        // A second installation in one process (tests) keeps the first one's logs.
        let installed = Registry::default()
            .with(spans(traces.as_ref().map(|(provider, _)| provider)))
            .with(loads::layer(metrics.clone()))
            .with(lines)
            .try_init();
        if installed.is_ok() && json && tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
            metrics.write_access_lines(log.clone());
        }
        if options.hide_panics {
            hide_panics();
        }
        Ok(Self { metrics, audit, log: Some(log), traces })
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Pushes to the collector what waits for it; bounded to a few seconds.
    pub async fn flush(&self) {
        if let Some((_, Some(flush))) = &self.traces {
            flush.now().await;
        }
        let metrics = self.metrics.clone();
        // The reader's thread is waited for, which must not stop the runtime that it sends on.
        let _ = tokio::task::spawn_blocking(move || metrics.flush()).await;
    }

    /// Writes the log lines that are pending; bounded to a second.
    pub fn flush_log(&self) {
        if let Some(log) = &self.log {
            log.flush();
        }
    }

    /// Sends and writes what is pending; bounded to a few seconds.
    pub async fn shutdown(&self) {
        if let Some((_, Some(flush))) = &self.traces {
            flush.now().await;
        }
        let this = self.clone();
        // The readers' threads are waited for, which must not stop the runtime they send on.
        let _ = tokio::task::spawn_blocking(move || {
            this.metrics.shutdown();
            this.audit.flush();
            this.flush_log();
        })
        .await;
    }
}

fn audit(settings: &AuditSettings, metrics: &Metrics) -> Result<Audit, TelemetryError> {
    let open = |target: Target, path: PathBuf| {
        LineSink::open(target, "audit", dropped(metrics, Signal::Audit))
            .map(Audit::to)
            .map_err(|source| TelemetryError::Audit { path, source })
    };
    match (settings.sink, &settings.path) {
        (AuditSink::Stdout, _) => open(Target::Stdout, PathBuf::from("-")),
        (AuditSink::File, Some(path)) => open(Target::File(path.clone()), path.clone()),
        (AuditSink::Off, _) | (AuditSink::File, None) => Ok(Audit::default()),
    }
}

fn dropped(metrics: &Metrics, signal: Signal) -> Arc<dyn Fn() + Send + Sync> {
    let metrics = metrics.clone();
    Arc::new(move || metrics.telemetry_dropped(signal, 1))
}

fn resource() -> Resource {
    // Replicas that push the same series would be taken for one that counts up and down.
    let instance = Key::from_static_str("service.instance.id");
    let told = Resource::builder().build().get(&instance);
    let instance = KeyValue::new(instance, told.unwrap_or_else(|| RequestId::random().to_string().into()));
    Resource::builder()
        .with_service_name("idp-gateway")
        .with_attribute(instance)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The layer that turns our spans into OpenTelemetry's; other crates' spans and all events stay out. Without a provider it
/// still has its filter: a layer without one would have every span kept, without a use.
fn spans<S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync>(
    provider: Option<&SdkTracerProvider>,
) -> impl Layer<S> {
    let on = provider.is_some();
    let ours = move |meta: &Metadata<'_>| {
        let name = meta.target().split("::").next().unwrap_or_default();
        on && meta.is_span() && *meta.level() <= tracing::Level::INFO && OWN.contains(&name)
    };
    let layer = provider.map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("idp-gateway"))
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
    });
    layer.with_filter(filter_fn(ours))
}

/// A plain level goes for our crates; others never get below `info`.
fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = || TelemetryError::Level(level.to_owned());
    let mut directives = match level.trim().parse::<LevelFilter>() {
        Ok(plain) => {
            let base = plain.min(LevelFilter::INFO);
            OWN.iter().fold(base.to_string(), |text, name| format!("{text},{name}={plain}"))
        }
        Err(_) => level.trim().to_owned(),
    };
    // A bare word would be taken for a module's name, and a misspelt level would go unnoticed.
    let known =
        |part: &str| part.rsplit('=').next().unwrap_or_default().trim().parse::<LevelFilter>().is_ok();
    if !directives.split(',').all(known) {
        return Err(wrong());
    }
    for name in LOUD {
        // Not even warnings: a hostile peer can cause them at will.
        directives.push_str(&format!(",{name}=error"));
    }
    directives.push_str(",gateway::spans=off,gateway::always=info");
    EnvFilter::try_new(directives).map_err(|_| wrong())
}

fn is_json(format: LogFormat, terminal: bool) -> bool {
    match format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    }
}

/// A panic's message may hold anything; its place is enough to find it.
fn hide_panics() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic
                .location()
                .map(|place| format!("{}:{}", place.file(), place.line()))
                .unwrap_or_default();
            tracing::error!(target: super::ALWAYS, event = "panic", place, "a bug: please report this place");
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_collector_no_span_of_a_request_is_kept() {
        use tracing_subscriber::layer::SubscriberExt as _;
        let enabled = |provider: Option<&SdkTracerProvider>| {
            let lines =
                tracing_subscriber::layer::Identity::new().with_filter(filter("info").expect("a level"));
            let loads = loads::layer(Metrics::new().expect("instruments"));
            let subscriber = Registry::default().with(spans(provider)).with(loads).with(lines);
            tracing::subscriber::with_default(subscriber, || {
                let request = tracing::info_span!(target: super::super::SPANS, "request");
                let load = tracing::info_span!(target: "user_store", "user.load", outcome = "ok");
                (!request.is_disabled(), !load.is_disabled())
            })
        };
        assert_eq!(enabled(None), (false, true));
        assert_eq!(enabled(Some(&otlp::ids_only())), (true, true));
    }

    #[test]
    fn tm_s02_foreign_crates_stay_quiet_at_every_level() {
        for level in ["trace", "debug", "gateway=trace,trace"] {
            let text = filter(level).expect("a level").to_string();
            assert!(text.contains("h2=error") && text.contains("hyper=error"), "{text}");
        }
        assert!(filter("trace").expect("a level").to_string().contains("gateway=trace"));
        assert!(matches!(filter("loud, please!"), Err(TelemetryError::Level(_))));
    }
}
