//! Cross-origin headers on every answer to an allowed origin: those of the wire, the limits and panics included.

use crate::harness::{BEN, Rig};
use crate::wire_support::Running;
use crate::wire_support::exchange;
use gateway::config::Settings;
use gateway::server::Options;
use http::{Request, Response, request::Builder};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::Duration;

const PAGE: &str = "https://app.example.com";

/// Options of a gateway whose answers one page may read.
fn options(server: &str) -> Options {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n{server}\n\
         [tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"g\"\nclient_secret = \"s\"\n\
         [callers]\naudience = [\"https://api.acme.com\"]\n[cors]\norigins = [\"{PAGE}\"]\n[providers.github]\n"
    );
    let settings = Settings::from_toml(&text).unwrap_or_else(|problems| panic!("{problems}"));
    Options { listen: ([127, 0, 0, 1], 0).into(), ..Options::from(&settings) }
}

/// The payload from the page and from a foreign one: the first may read the answer, the second may not.
async fn assert_readable(options: Options, payload: &str, status: u16) {
    let server = crate::wire_support::start(options).await;
    for (origin, allowed) in [(PAGE, Some(PAGE)), ("https://evil.example", None)] {
        let answers = exchange(server.addr, payload.replace("ORIGIN", origin).as_bytes()).await;
        let answer = answers.last().unwrap_or_else(|| panic!("{status}: no answer"));
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{status} for {origin}");
        assert_eq!(answer.header("access-control-expose-headers").is_some(), allowed.is_some(), "{status}");
        assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")), "{status}");
    }
}

#[tokio::test]
async fn refused_heads_are_readable() {
    let last = "Connection: close\r\n\r\n";
    let framing = format!("GET / HTTP/1.1\r\nHost: a\r\nOrigin: ORIGIN\r\nTransfer-Encoding: gzip\r\n{last}");
    assert_readable(options(""), &framing, 400).await;
    let uri = format!("GET /{} HTTP/1.1\r\nHost: a\r\nOrigin: ORIGIN\r\n{last}", "x".repeat(9000));
    assert_readable(options(""), &uri, 414).await;
    let fields =
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\nOrigin: ORIGIN\r\n{last}", "x".repeat(40_000));
    assert_readable(options(""), &fields, 431).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_readable() {
    let mut slow = options("");
    slow.timeouts.header = Duration::from_millis(50);
    assert_readable(slow, "GET / HTTP/1.1\r\nHost: a\r\nOrigin: ORIGIN\r\nX: y", 408).await;
}

#[tokio::test]
async fn refusals_of_the_layers_are_readable() {
    let last = "Origin: ORIGIN\r\nConnection: close\r\n\r\n";
    let hosts = options("allowed_hosts = [\"gw.example.com\"]");
    assert_readable(hosts, &format!("GET / HTTP/1.1\r\nHost: a\r\n{last}"), 421).await;
    let mut small = options("");
    small.limits.body = 10;
    let body = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n{last}");
    assert_readable(small, &body, 413).await;
    let mut full = options("");
    full.limits.in_flight = 0;
    assert_readable(full, &format!("GET / HTTP/1.1\r\nHost: a\r\n{last}"), 503).await;
    assert_readable(options(""), &format!("GET /panic HTTP/1.1\r\nHost: a\r\n{last}"), 500).await;
}

/// Sends one request over HTTP/2.
async fn http2(server: &Running, request: Builder, body: &'static str) -> Response<hyper::body::Incoming> {
    let stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
        .send_request(request.body(Full::new(bytes::Bytes::from_static(body.as_bytes()))).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn refusals_over_http2_are_readable() {
    let mut small = options("allowed_hosts = [\"a\"]");
    small.limits.body = 10;
    let server = crate::wire_support::start(small).await;
    let mut full = options("");
    full.limits.in_flight = 0;
    let full = crate::wire_support::start(full).await;
    let get = || Request::get("http://a/");
    let many = (0..101).fold(get(), |request, number| request.header(format!("x-{number}"), "y"));
    let cases = [
        (&server, get().header("host", "b"), "", 400),
        (&server, get().header("x_y", "z"), "", 400),
        (&server, Request::builder().method("TRACE").uri("http://a/"), "", 405),
        (&server, Request::post("http://a/"), "more than ten", 413),
        (&server, Request::get(format!("http://a/{}", "x".repeat(9000))), "", 414),
        (&server, Request::get("http://b/"), "", 421),
        (&server, many, "", 431),
        (&server, Request::get("http://a/panic"), "", 500),
        (&full, get(), "", 503),
    ];
    for (server, request, body, status) in cases {
        let answer = http2(server, request.header("origin", PAGE), body).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["access-control-allow-origin"], PAGE, "{status}");
        assert!(answer.headers().contains_key("access-control-expose-headers"), "{status}");
    }
    // Refused by the HTTP/2 library, before there is a request: the one refusal that a page cannot read.
    let large = get().header("x", "y".repeat(40_000)).header("origin", PAGE);
    let large = http2(&server, large, "").await;
    assert_eq!(large.status(), 431);
    assert!(!large.headers().contains_key("access-control-allow-origin"));
    let foreign = http2(&full, get().header("origin", "https://evil.example"), "").await;
    assert_eq!(foreign.status(), 503);
    assert!(!foreign.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_preflight_is_answered_and_an_answer_names_what_is_exposed() {
    let rig = Rig::start("").await;
    let preflight = rig
        .bare(http::Method::OPTIONS, "/proxy/github/user")
        .header("origin", PAGE)
        .header("access-control-request-method", "GET");
    let answer = rig.send(preflight).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, PAGE));
    assert_eq!(answer.header("access-control-expose-headers"), "");
    let call = rig.request(http::Method::GET, "/proxy/github/user", BEN).header("origin", PAGE);
    let exposed = rig.send(call).await.header("access-control-expose-headers").to_ascii_lowercase();
    for name in ["retry-after", "content-range", "content-disposition", "dpop-nonce", "x-github-request-id"] {
        assert!(exposed.split(", ").any(|one| one == name), "{name} in {exposed}");
    }
    rig.finish();
}
