//! What is pushed to a collector. Its own binary: a process has one tracing subscriber, and the other tests capture logs.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests assert by unwrapping")]

#[path = "it/wire_support.rs"]
#[expect(dead_code, reason = "shared with the large test binary")]
mod wire_support;

use gateway::{
    config::{LogFormat, TelemetrySettings},
    server::Options,
    telemetry::{Shed, Telemetry, TelemetryOptions},
};
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use wire_support::{exchange, start};

type Pushed = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector that remembers what it was sent. Not one of our servers: its own spans would be pushed to it without end.
async fn collector() -> (url::Url, Pushed) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let got = Pushed::default();
    let sent = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sent = Arc::clone(&sent);
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let sent = Arc::clone(&sent);
                async move {
                    let path = request.uri().path().to_owned();
                    let body = request.into_body().collect().await?.to_bytes().to_vec();
                    sent.lock().unwrap().push((path, body));
                    Ok::<_, hyper::Error>(http::Response::new(String::new()))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (url, got)
}

#[tokio::test]
async fn spans_and_metrics_are_pushed_to_the_collector() {
    let (url, got) = collector().await;
    let options = TelemetryOptions {
        telemetry: TelemetrySettings {
            otlp_endpoint: Some(url),
            trace_sample: 1.0,
            log_format: LogFormat::Json,
            log_level: "warn".to_owned(),
            ..TelemetrySettings::default()
        },
        ..TelemetryOptions::default()
    };
    let telemetry = Telemetry::install(&options).unwrap();
    let server = start(Options::default()).await;
    exchange(server.addr, b"GET /x?s3ntinel HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    telemetry.metrics().shed(Shed::InFlight);
    telemetry.shutdown().await;
    let got = got.lock().unwrap();
    let holds = |path: &str, text: &str| {
        got.iter()
            .any(|(to, body)| to == path && body.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(holds("/v1/traces", "GET unmatched"), "{} pushes", got.len());
    assert!(holds("/v1/traces", "http.response.status_code") && holds("/v1/traces", "idp-gateway"));
    assert!(holds("/v1/metrics", "idp_gateway.shed"));
    assert!(!holds("/v1/traces", "s3ntinel") && !holds("/v1/metrics", "s3ntinel"));
}
