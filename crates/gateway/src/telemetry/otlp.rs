//! Push to a collector by OTLP over HTTP.
//!
//! Spans wait in a bounded queue; when the collector is slow they are dropped with a counter, and no request waits. Metrics are
//! pushed by the SDK's periodic reader from a thread of its own.

use super::{Metrics, labels::Signal};
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, Status, TraceContextExt as _, TraceId, TraceState},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::PeriodicReader,
    trace::{
        Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample, Span, SpanData,
        SpanExporter as _, SpanProcessor,
    },
};
use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use url::Url;

/// Spans waiting for the collector.
const QUEUE: usize = 4096;
const BATCH: usize = 512;
/// A batch that is not full is sent this often.
const EVERY: Duration = Duration::from_secs(2);
/// One push may take this long.
const PUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// The exporter could not be built.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp_endpoint: {0}")]
pub struct OtlpError(String);

/// Sends on the runtime, whatever thread asks.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl Client {
    /// Must be called inside the runtime.
    pub(super) fn new() -> Result<Self, OtlpError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(2))
            .timeout(PUSH_TIMEOUT)
            .build()
            .map_err(|error| OtlpError(error.to_string()))?;
        let runtime = Handle::try_current().map_err(|error| OtlpError(error.to_string()))?;
        Ok(Self { http, runtime })
    }
}

impl HttpClient for Client {
    fn send_bytes<'a, 'answer>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'a: 'answer,
        Self: 'answer,
    {
        let http = self.http.clone();
        let sending = self.runtime.spawn(async move {
            let answer = http
                .execute(reqwest::Request::try_from(request)?)
                .await
                .map_err(reqwest::Error::without_url)?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            // The body of a partial success is of no use to us, and a broken collector may send any amount.
            Ok::<_, HttpError>(response)
        });
        Box::pin(async move { sending.await? })
    }
}

fn endpoint(base: &Url, path: &str) -> String {
    format!("{}{path}", base.as_str().trim_end_matches('/'))
}

/// Pushes metrics every fifteen seconds, and at the end.
pub(super) fn metrics_reader(
    base: &Url,
    client: Client,
) -> Result<PeriodicReader<MetricExporter>, OtlpError> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint(base, "/v1/metrics"))
        .with_timeout(PUSH_TIMEOUT)
        .build()
        .map_err(|error| OtlpError(error.to_string()))?;
    Ok(PeriodicReader::builder(exporter).with_interval(Duration::from_secs(15)).build())
}

/// Spans by way of the bounded queue.
pub(super) fn tracer(
    base: &Url,
    client: Client,
    sample: f64,
    resource: Resource,
    metrics: Metrics,
) -> Result<(SdkTracerProvider, Flush), OtlpError> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client.clone())
        .with_endpoint(endpoint(base, "/v1/traces"))
        .with_timeout(PUSH_TIMEOUT)
        .build()
        .map_err(|error| OtlpError(error.to_string()))?;
    exporter.set_resource(&resource);
    let (spans, waiting) = mpsc::channel(QUEUE);
    let (flush, flushes) = mpsc::channel(1);
    let full = Arc::new(Notify::new());
    client.runtime.spawn(export(exporter, waiting, flushes, Arc::clone(&full), metrics.clone()));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Queue { spans, full, metrics })
        .with_sampler(ErrorsToo(sample))
        .with_resource(resource)
        .build();
    Ok((provider, Flush(flush)))
}

/// Spans that have ids and are recorded nowhere.
pub(super) fn ids_only() -> SdkTracerProvider {
    SdkTracerProvider::builder().with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build()
}

/// Asks for everything that waits to be sent now.
#[derive(Clone, Debug)]
pub(super) struct Flush(mpsc::Sender<oneshot::Sender<()>>);

impl Flush {
    pub(super) async fn now(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.send(done).await.is_ok() {
            let _ = timeout(Duration::from_secs(3), wait).await;
        }
    }
}

async fn export(
    exporter: SpanExporter,
    mut waiting: mpsc::Receiver<SpanData>,
    mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
    full: Arc<Notify>,
    metrics: Metrics,
) {
    let mut tick = tokio::time::interval(EVERY);
    // A collector that refuses is asked again at the next tick only, however much comes in.
    let mut takes = true;
    loop {
        let done = tokio::select! {
            _ = tick.tick() => None,
            () = full.notified(), if takes => None,
            flush = flushes.recv() => match flush {
                Some(done) => Some(done),
                None => return,
            },
        };
        // What comes in meanwhile waits for the next round: a flush has to end.
        let mut left = waiting.len();
        while left > 0 {
            let mut batch = Vec::with_capacity(BATCH.min(left));
            waiting.recv_many(&mut batch, BATCH.min(left)).await;
            left -= batch.len();
            let count = batch.len() as u64;
            if !matches!(timeout(PUSH_TIMEOUT, exporter.export(batch)).await, Ok(Ok(()))) {
                metrics.telemetry_dropped(Signal::Traces, count);
                takes = false;
                break;
            }
            takes = true;
        }
        if let Some(done) = done {
            let _ = done.send(());
        }
    }
}

/// Takes ended spans and never waits.
#[derive(Debug)]
struct Queue {
    spans: mpsc::Sender<SpanData>,
    /// A batch is together.
    full: Arc<Notify>,
    metrics: Metrics,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        let wanted = span.span_context.is_sampled() || matches!(span.status, Status::Error { .. });
        if !wanted {
            return;
        }
        if self.spans.try_send(span).is_err() {
            self.metrics.telemetry_dropped(Signal::Traces, 1);
        }
        if self.spans.max_capacity() - self.spans.capacity() >= BATCH {
            self.full.notify_one();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Follows the parent's decision, else samples by ratio; what is not sampled is still recorded, so that error spans can be sent.
#[derive(Clone, Debug)]
struct ErrorsToo(f64);

impl ShouldSample for ErrorsToo {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        static NONE: OnceLock<TraceState> = OnceLock::new();
        let parent = parent.filter(|context| context.has_active_span());
        let (sampled, trace_state) = match parent {
            Some(context) => {
                let reference = context.span();
                let ids = reference.span_context();
                (ids.is_sampled(), ids.trace_state().clone())
            }
            None => {
                let low = u64::from_be_bytes(trace_id.to_bytes()[8..].try_into().unwrap_or_default()) >> 1;
                let share = self.0.clamp(0.0, 1.0);
                (
                    share >= 1.0 || (low as f64) < share * (1_u64 << 63) as f64,
                    NONE.get_or_init(TraceState::default).clone(),
                )
            }
        };
        let decision = if sampled { SamplingDecision::RecordAndSample } else { SamplingDecision::RecordOnly };
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

#[cfg(test)]
mod tests;
