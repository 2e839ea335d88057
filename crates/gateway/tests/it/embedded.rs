//! The gateway inside another server: `gateway::service`, with what the public listener enforces.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use axum::{Router, extract};
use bytes::Bytes;
use futures_util::stream;
use gateway::config::Settings;
use gateway::embed::ClientAddr;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Frame;
use sandbox::Sandbox;
use serde_json::Value;
use tower::{Service as _, ServiceExt as _};

use crate::harness::{BEN, configuration, speaking, trust};

type Never = std::convert::Infallible;

async fn embedded(server: &str) -> (Sandbox, gateway::embed::Service) {
    let sandbox = speaking(Sandbox::builder()).start().await.unwrap();
    trust(&sandbox);
    let settings = Settings::from_toml(&configuration(&sandbox, server, "", "")).unwrap();
    let service = gateway::service(&settings).await.unwrap();
    (sandbox, service)
}

/// A request as another server hands it over, from loopback.
fn request(method: &str, path: &str) -> http::request::Builder {
    let client = ClientAddr::new(SocketAddr::from(([127, 0, 0, 1], 9)));
    Request::builder().method(method).uri(path).header("host", "gw.example.com").extension(client)
}

fn outcome(response: &Response<gateway::body::Body>) -> (u16, &str) {
    let outcome = response.headers().get("idp-outcome").map_or("", |value| value.to_str().unwrap());
    (response.status().as_u16(), outcome)
}

/// As the documentation has it.
async fn tell_client(
    ConnectInfo(addr): ConnectInfo<SocketAddr>,
    mut request: extract::Request,
    next: Next,
) -> axum::response::Response {
    request.extensions_mut().insert(ClientAddr::new(addr));
    next.run(request).await
}

#[tokio::test]
async fn an_axum_server_answers_its_own_paths_and_the_gateway_all_others() {
    let (sandbox, service) = embedded("").await;
    let app = Router::new().route("/healthz", get(|| async { "fine" })).fallback_service(service.clone());
    let app = app.layer(from_fn(tell_client)).into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(http.get(format!("{at}/healthz")).send().await.unwrap().text().await.unwrap(), "fine");

    let call = http.get(format!("{at}/proxy/github/user")).bearer_auth(sandbox.caller_token(BEN));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().contains_key("x-request-id"));
    assert_eq!(answer.json::<Value>().await.unwrap()["login"], "ben");
    assert_eq!(http.get(format!("{at}/proxy/github/user")).send().await.unwrap().status(), 401);
    assert!(service.metrics().contains("http_server_request_duration_seconds"), "requests are counted");
}

#[tokio::test]
async fn the_limits_hold_for_an_embedder_too() {
    let limits = "allowed_hosts = [\"gw.example.com\"]\n[server.limits]\nbody = \"1KiB\"\nheaders = \"8KiB\"\nuri = \"1KiB\"";
    let (sandbox, service) = embedded(limits).await;
    let token = format!("Bearer {}", sandbox.caller_token(BEN));
    let empty = Empty::<Bytes>::new;
    let cases = [
        (request("GET", &format!("/{}", "a".repeat(1100))), 414, "uri-too-long"),
        (request("GET", "/v1/me").header("x-big", "a".repeat(9000)), 431, "headers-too-large"),
        (request("TRACE", "/v1/me"), 405, "method-not-allowed"),
        (request("GET", "/v1/me").header("host", "gw.example.com"), 400, "bad-request"),
        (request("GET", "/v1/me").header("x_under", "1"), 400, "bad-request"),
        (Request::get("/v1/me").header("host", "other.example.com"), 421, "misdirected"),
        (Request::get("/v1/me"), 400, "bad-request"),
    ];
    for (request, status, code) in cases {
        let request = request.body(empty()).unwrap();
        let said = format!("{request:?}");
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(outcome(&answer), (status, code), "{said}");
    }
    // By its declared length, and, where it has none, by what comes.
    let declared = request("POST", "/proxy/github/user/repos").header("authorization", &token);
    let answer = service.clone().oneshot(declared.body(Full::from(vec![b'a'; 2048])).unwrap()).await.unwrap();
    assert_eq!(outcome(&answer), (413, "body-too-large"));
    let frames = stream::iter((0..4).map(|_| Ok::<_, Never>(Frame::data(Bytes::from(vec![b'a'; 512])))));
    let streamed = request("POST", "/proxy/github/user/repos").header("authorization", &token);
    let answer = service.clone().oneshot(streamed.body(StreamBody::new(frames)).unwrap()).await.unwrap();
    assert!(answer.status().is_client_error(), "{answer:?}");
    let frames = stream::iter([Ok::<_, Never>(Frame::data(Bytes::from_static(b"a")))]);
    let with_body = request("GET", "/proxy/github/user").header("authorization", &token);
    let answer = service.clone().oneshot(with_body.body(StreamBody::new(frames)).unwrap()).await.unwrap();
    assert_eq!(outcome(&answer), (400, "bad-request"), "a GET has no body");
}

#[tokio::test]
async fn running_requests_are_limited_and_a_reload_replaces_the_rest() {
    let (sandbox, mut service) = embedded("[server.limits]\nin_flight = 1").await;
    let pending = stream::pending::<Result<Frame<Bytes>, Never>>();
    let first = request("POST", "/proxy/github/user/repos").body(StreamBody::new(pending)).unwrap();
    // A place is taken when the request comes, not when its answer is waited for.
    let first = service.call(first);
    let second = || request("GET", "/v1/me").body(Empty::<Bytes>::new()).unwrap();
    let answer = service.call(second()).await.unwrap();
    assert_eq!(outcome(&answer), (503, "overloaded"));
    drop(first);
    assert_eq!(service.call(second()).await.unwrap().status(), 401);

    let settings = configuration(&sandbox, "allowed_hosts = [\"new.example.com\"]", "", "");
    service.reload(&Settings::from_toml(&settings).unwrap()).await.unwrap();
    let answer = service.call(second()).await.unwrap();
    assert_eq!(answer.status(), 421, "the new settings hold");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(!body.is_empty());
    let checks = service.readiness();
    assert!(checks.checks.contains_key("keys"), "{checks:?}");
    assert!(service.operations().blocks().await.unwrap().is_empty());
    service.settled().await;
}
