//! Sizes, numbers, hosts, panics and the drain.

use crate::wire_support::{Running, exchange, start};
use gateway::server::{AllowedHost, Drain, Limits, Options, Stage};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

async fn one(server: &Running, payload: &str) -> (u16, String) {
    let answers = exchange(server.addr, payload.as_bytes()).await;
    assert_eq!(answers.len(), 1, "{payload:?}: {answers:?}");
    (answers[0].status, answers[0].code())
}

fn small() -> Options {
    Options {
        limits: Limits { body: 10, in_flight: 2, connections: 8, ..Limits::default() },
        ..Options::default()
    }
}

#[tokio::test]
async fn tm_f11_bombs_have_their_own_statuses() {
    let server = start(small()).await;
    let long = "x".repeat(9000);
    let huge = "x".repeat(40_000);
    let many = "A: b\r\n".repeat(101);
    for (payload, expected) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), (414, "uri-too-long")),
        (format!("GET /{huge}"), (414, "uri-too-long")),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {huge}\r\n\r\n"), (431, "headers-too-large")),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), (431, "headers-too-large")),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world".to_owned(),
            (413, "body-too-large"),
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n".to_owned(),
            (413, "body-too-large"),
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"
                .to_owned(),
            (413, "body-too-large"),
        ),
    ] {
        let (status, code) = one(&server, &payload).await;
        assert_eq!((status, code.as_str()), expected, "{}", &payload[..40]);
    }
    assert!(server.seen.take().is_empty());
}

/// A client that is not told sends its next request on a connection that is about to end.
#[tokio::test]
async fn an_answer_before_the_end_of_the_body_says_that_the_connection_closes() {
    let hosts = vec![AllowedHost::parse("a")];
    let server = start(Options { allowed_hosts: hosts, ..Options::default() }).await;
    for (path, host, body, closes) in [
        ("/unread", "a", "Content-Length: 5\r\n\r\nhello", true),
        ("/unread", "a", "Content-Length: 100000\r\n\r\nhello", true),
        ("/unread", "a", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true),
        ("/unread", "a", "Content-Length: 0\r\n\r\n", false),
        ("/read", "a", "Content-Length: 5\r\n\r\nhello", false),
        ("/read", "a", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false),
        ("/read", "elsewhere", "Content-Length: 5\r\n\r\nhello", true),
        ("/read", "elsewhere", "Content-Length: 0\r\n\r\n", false),
    ] {
        let next = "GET /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let payload = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{body}{next}");
        let answers = exchange(server.addr, payload.as_bytes()).await;
        assert_eq!(answers.len(), if closes { 1 } else { 2 }, "{payload:?}: {answers:?}");
        assert_eq!(answers[0].header("connection"), closes.then_some("close"), "{payload:?}");
    }
}

#[tokio::test]
async fn tm_f11_the_limits_themselves_pass() {
    let server = start(small()).await;
    let target = format!("/{}", "x".repeat(8191));
    let many = "A: b\r\n".repeat(98);
    let payload = format!("POST {target} HTTP/1.1\r\nHost: a\r\n{many}Content-Length: 10\r\n\r\n0123456789");
    let payload = payload.replace("\r\nA: b\r\nContent", "\r\nConnection: close\r\nContent");
    assert_eq!(one(&server, &payload).await.0, 200);
}

#[tokio::test]
async fn tm_f08_foreign_hosts_are_misdirected() {
    let options = Options {
        allowed_hosts: vec![AllowedHost::parse("gw.example.com")],
        virtual_hosts: vec!["people.gw.example.com".to_owned()],
        ..Options::default()
    };
    let server = start(options).await;
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(one(&server, &get("evil.example.com")).await, (421, "misdirected".to_owned()));
    assert_eq!(one(&server, &get("GW.example.com:81")).await.0, 200);
    assert_eq!(one(&server, &get("people.gw.example.com")).await.0, 200);
    // 421 comes ahead of 413, 400 ahead of both.
    let post = "POST / HTTP/1.1\r\nHost: evil\r\nContent-Length: 999999999999\r\nConnection: close\r\n\r\n";
    assert_eq!(one(&server, post).await.0, 421);
    assert_eq!(one(&server, &post.replace(": 9", ": 09")).await.0, 400);
}

#[tokio::test]
async fn tm_a04_overload_is_shed_early_and_room_comes_back() {
    let server = start(small()).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        held.push(stream);
    }
    let probe = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    until(|| {
        server
            .metrics
            .render_prometheus()
            .contains("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"} 2")
    })
    .await;
    let answers = exchange(server.addr, probe.as_bytes()).await;
    assert_eq!((answers[0].status, answers[0].code().as_str()), (503, "overloaded"));
    assert_eq!(answers[0].header("retry-after"), Some("1"));
    assert!(server.metrics.render_prometheus().contains("idp_gateway_shed_total{reason=\"in_flight\"} 1"));
    // A client that leaves gives its place back: the handler's future is dropped with it.
    drop(held);
    until(|| {
        server
            .metrics
            .render_prometheus()
            .contains("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"} 0")
    })
    .await;
    assert_eq!(one(&server, probe).await.0, 200);
}

#[tokio::test]
async fn tm_a04_connections_over_the_limit_are_told_so() {
    let server = start(small()).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(TcpStream::connect(server.addr).await.unwrap());
    }
    until(|| server.metrics.render_prometheus().contains("idp_gateway_connections 8")).await;
    let answers = exchange(server.addr, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((answers[0].status, answers[0].code().as_str()), (503, "overloaded"));
    open.clear();
    until(|| server.metrics.render_prometheus().contains("idp_gateway_connections 0")).await;
    assert_eq!(one(&server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.0, 200);
}

/// Waits for something that happens in another task.
async fn until(what: impl Fn() -> bool) {
    timeout(Duration::from_secs(10), async {
        while !what() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it did not happen");
}

#[tokio::test]
async fn tm_a06_a_thousand_aborts_leave_nothing_behind() {
    let server = start(Options::default()).await;
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    }
    until(|| {
        let text = server.metrics.render_prometheus();
        text.contains("idp_gateway_connections 0") && !text.contains("url_scheme=\"http\"} 1\n")
    })
    .await;
    assert!(one(&server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.0 == 200);
}

#[tokio::test]
async fn tm_a07_a_panic_is_that_requests_500() {
    let server = start(Options::default()).await;
    let payload = "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(one(&server, payload).await, (500, "internal-error".to_owned()));
    assert_eq!(one(&server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.0, 200);
    assert!(server.metrics.render_prometheus().contains("idp_gateway_panics_total 1"));
}

#[tokio::test]
async fn the_request_id_is_always_ours() {
    let server = start(Options::default()).await;
    let payload = "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n";
    let (one, two) =
        (exchange(server.addr, payload.as_bytes()).await, exchange(server.addr, payload.as_bytes()).await);
    let ids = [one[0].header("x-request-id").unwrap(), two[0].header("x-request-id").unwrap()];
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

#[tokio::test]
async fn tm_l01_requests_in_flight_end_and_new_ones_are_not_taken() {
    let mut server = start(Options {
        drain: Drain { delay: Duration::ZERO, timeout: Duration::from_secs(5) },
        ..Options::default()
    })
    .await;
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(|| {
        server
            .metrics
            .render_prometheus()
            .contains("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"} 1")
    })
    .await;
    server.lifecycle.advance(Stage::Closing);
    let mut bytes = Vec::new();
    slow.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.starts_with("HTTP/1.1 200") && text.ends_with("slow") && text.contains("connection: close"),
        "{text}"
    );
    timeout(Duration::from_secs(5), &mut server.task).await.expect("the server ends").unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err());
}

#[tokio::test]
async fn tm_l01_an_abort_cuts_off_what_is_left() {
    let mut server = start(Options::default()).await;
    let mut held = TcpStream::connect(server.addr).await.unwrap();
    held.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(|| server.metrics.render_prometheus().contains("idp_gateway_connections 1")).await;
    let start = Instant::now();
    server.lifecycle.advance(Stage::Aborted);
    timeout(Duration::from_secs(5), &mut server.task).await.expect("the server ends").unwrap();
    assert!(start.elapsed() < Duration::from_secs(3));
}
