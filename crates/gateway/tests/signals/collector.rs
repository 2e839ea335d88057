//! A collector that remembers what it was sent, and can stop answering.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

/// The collector.
pub(crate) struct Collector {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    pushed: Mutex<Vec<(String, Vec<u8>)>>,
    hangs: AtomicBool,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                let service = service_fn(move |request| receive(Arc::clone(&state), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, state }
    }

    /// From now on nothing is answered.
    pub(crate) fn hang(&self) {
        self.state.hangs.store(true, Ordering::SeqCst);
    }

    pub(crate) fn holds(&self, needle: &[u8]) -> bool {
        let pushed = self.state.pushed.lock().unwrap();
        pushed.iter().any(|(_, body)| memchr::memmem::find(body, needle).is_some())
    }

    /// All metrics of the last push.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let pushed = self.state.pushed.lock().unwrap();
        let last = pushed.iter().rfind(|(path, _)| path == "/v1/metrics");
        let request = last.map(|(_, body)| ExportMetricsServiceRequest::decode(&body[..]).unwrap());
        let resources = request.into_iter().flat_map(|request| request.resource_metrics);
        resources.flat_map(|resource| resource.scope_metrics).flat_map(|scope| scope.metrics).collect()
    }

    /// All spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let pushed = self.state.pushed.lock().unwrap();
        let bodies = pushed.iter().filter(|(path, _)| path == "/v1/traces").map(|(_, body)| body);
        bodies
            .flat_map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap().resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

/// A span's kind in OpenTelemetry's word.
pub(crate) fn table_kind(span: &Span) -> &'static str {
    match span.kind {
        2 => "server",
        3 => "client",
        _ => "internal",
    }
}

async fn receive(
    state: Arc<State>,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<String>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes().to_vec();
    if state.hangs.load(Ordering::SeqCst) {
        return std::future::pending().await;
    }
    state.pushed.lock().unwrap().push((path, body));
    Ok(http::Response::new(String::new()))
}
