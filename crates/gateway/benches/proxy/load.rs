//! The load generator: kept connections, one request at a time on each; as fast as it can, or at a fixed rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What to do, as a file of JSON.
#[derive(Deserialize)]
struct Settings {
    address: String,
    path: String,
    tokens: Vec<String>,
    connections: usize,
    /// Requests in all.
    requests: usize,
    /// The status that is expected; 200 if nothing is said.
    #[serde(default = "ok")]
    status: u16,
    /// A header besides.
    #[serde(default)]
    header: Option<(String, String)>,
    /// A JSON body: then it is sent with POST.
    #[serde(default)]
    json: Option<String>,
    /// Requests a second over all connections; 0 is as fast as it goes.
    rate: f64,
}

fn ok() -> u16 {
    200
}

/// Sends, and says how long it took.
pub(super) async fn run(file: &str) -> Value {
    let settings: Settings = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (settings, next) = (Arc::new(settings), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..settings.connections {
        workers.push(tokio::spawn(worker(Arc::clone(&settings), Arc::clone(&next), start)));
    }
    let (mut times, mut errors, mut bytes) = (Vec::new(), 0, 0);
    for worker in workers {
        let part = worker.await.unwrap();
        times.extend(part.times);
        errors += part.errors;
        bytes += part.bytes;
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0, Duration::as_micros);
    json!({ "requests": times.len(), "errors": errors, "bytes": bytes, "seconds": seconds, "p50": at(0.5), "p99": at(0.99) })
}

#[derive(Default)]
struct Part {
    times: Vec<Duration>,
    errors: usize,
    bytes: usize,
}

async fn worker(settings: Arc<Settings>, next: Arc<AtomicUsize>, start: Instant) -> Part {
    let stream = TcpStream::connect(&settings.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut part = Part::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= settings.requests {
            return part;
        }
        let mut due = Instant::now();
        if settings.rate > 0.0 {
            // Counted from when it should have been sent: a stall is not hidden by the requests it delayed.
            due = start + Duration::from_secs_f64(number as f64 / settings.rate);
            tokio::time::sleep_until(due).await;
        }
        let token = &settings.tokens[number % settings.tokens.len()];
        let mut request = http::Request::builder()
            .method(if settings.json.is_some() { "POST" } else { "GET" })
            .uri(&settings.path)
            .header("host", &settings.address)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "application/json")
            .body(Full::new(Bytes::from(settings.json.clone().unwrap_or_default())))
            .unwrap();
        if settings.json.is_some() {
            request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
        }
        if let Some((name, value)) = &settings.header {
            request.headers_mut().insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        part.errors += usize::from(answer.status() != settings.status);
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            part.bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
        }
        part.times.push(due.elapsed());
    }
}
