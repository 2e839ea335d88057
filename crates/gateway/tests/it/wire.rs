//! Raw payloads, each followed by a canary on the same connection: refused and closed, or read as exactly one request.

use crate::wire_support::{Running, converse, start};
use gateway::server::Options;

const CANARY: &str = "GET /canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const CANARY_SEEN: &str = "GET /canary a []";

/// The payload is refused with this status; the handler sees neither it nor the canary, and the connection is closed.
async fn refused(server: &Running, payload: &[u8], status: u16) {
    let shown = payload[..payload.len().min(200)].escape_ascii();
    let answers = converse(server.addr, &[payload, CANARY.as_bytes()].concat()).await;
    assert_eq!(answers.len(), 1, "one answer for {shown}: {answers:?}");
    let answer = &answers[0];
    assert_eq!(answer.status, status, "{shown}: {answer:?}");
    assert_eq!(answer.header("connection"), Some("close"), "{shown}");
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32), "{shown}");
    assert_eq!(server.seen.take(), Vec::<String>::new(), "{shown}");
}

/// The payload is one request that reads like `seen`; the canary after it is answered rightly.
async fn passed(server: &Running, payload: &[u8], seen: &str) {
    let shown = payload.escape_ascii();
    let answers = converse(server.addr, &[payload, CANARY.as_bytes()].concat()).await;
    assert_eq!(server.seen.take(), [seen, CANARY_SEEN], "{shown}");
    assert_eq!(answers.len(), 2, "{shown}");
    assert!(answers.iter().all(|answer| answer.status == 200), "{shown}: {answers:?}");
}

/// The request line and fields are fine, the body is not: an error for it and no canary.
async fn broken(server: &Running, payload: &[u8]) {
    let shown = payload.escape_ascii();
    let answers = converse(server.addr, &[payload, CANARY.as_bytes()].concat()).await;
    assert!(answers.len() <= 1, "{shown}: {answers:?}");
    assert!(answers.iter().all(|answer| answer.status == 400), "{shown}: {answers:?}");
    assert_eq!(server.seen.take(), Vec::<String>::new(), "{shown}");
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn tm_f01_ambiguous_framing_is_refused() {
    let server = start(Options::default()).await;
    let fields = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunke",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: \x0bchunked",
        "Content-Length: 003",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5, 5",
        "Content-Length: 5,6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length:",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5.0",
        "Content-Length: 1e1",
        "Content-Length: five",
        "Content-Length: 00",
        "Content-Length: 99999999999999999999",
        "Content-Length: 18446744073709551621",
        "Content-Length: 5;",
        "Content-Length: \u{0665}",
    ];
    for field in fields {
        let payload = format!("POST /x HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n0\r\n\r\n{SMUGGLED}");
        refused(&server, payload.as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn tm_f01_lines_end_with_cr_lf_alone() {
    let server = start(Options::default()).await;
    for payload in [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: w\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 5\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
    ] {
        refused(&server, payload.as_bytes(), 400).await;
    }
    passed(&server, b"\r\nGET /e HTTP/1.1\r\nHost: a\r\n\r\n", "GET /e a []").await;
}

#[tokio::test]
async fn tm_f01_request_lines_have_one_shape() {
    let server = start(Options::default()).await;
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / HTTP/0.9",
        "GET / HTTP/11",
        "GET / HTTP/1.10",
        "GET / HTTP/1.1x",
        "GET / ",
        "GE(T / HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET / FTP/1.1",
        "/ HTTP/1.1",
        "GET / x HTTP/1.1",
    ] {
        refused(&server, format!("{line}\r\nHost: a\r\n\r\n").as_bytes(), 400).await;
    }
    refused(&server, &[b"X".repeat(40).as_slice(), b" / HTTP/1.1\r\nHost: a\r\n\r\n"].concat(), 400).await;
    refused(&server, b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
        .await;
    refused(&server, b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400).await;
    refused(&server, b"GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400).await;
    refused(&server, b"HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400).await;
}

#[tokio::test]
async fn tm_f01_bodies_end_where_they_say_and_broken_ones_end_the_connection() {
    let server = start(Options::default()).await;
    let post = |rest: &str| format!("POST /p HTTP/1.1\r\nHost: a\r\n{rest}");
    for (rest, body) in [
        ("Content-Length: 5\r\n\r\nhello", "hello"),
        ("Content-Length: 0\r\n\r\n", ""),
        ("\r\n", ""),
        ("Content-length:\t5 \r\n\r\nhello", "hello"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("transfer-encoding:CHUNKED\r\n\r\n0\r\n\r\n", ""),
        ("Transfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;x\r\n\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "hello"),
    ] {
        passed(&server, post(rest).as_bytes(), &format!("POST /p a [{body}]")).await;
    }
    for chunks in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        "zz\r\nhello\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "5;x\ny\r\nhello\r\n0\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\n",
        "5\r\rhello\r\n0\r\n\r\n",
    ] {
        broken(&server, post(&format!("Transfer-Encoding: chunked\r\n\r\n{chunks}")).as_bytes()).await;
    }
}

#[tokio::test]
async fn tm_f04_field_names_are_plain() {
    let server = start(Options::default()).await;
    for field in [
        "X_Forwarded_For: 1.2.3.4",
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
        "_: x",
        "x-forwarded-for : 1.2.3.4",
        "Content-Length : 5",
        "Transfer-Encoding : chunked",
        "Host : b",
        "X\tY: z",
        "X Y: z",
        "X(: z",
        "X\u{e9}: z",
        "\"X\": z",
        "X\0: z",
        "Transfer-Encoding\x0b: chunked",
    ] {
        refused(&server, format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n").as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn tm_f05_trailers_are_dropped() {
    let server = start(Options::default()).await;
    for trailer in ["Authorization: Bearer x", "Content-Length: 3", "Host: evil", "Cookie: a=b"] {
        let payload = format!(
            "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{trailer}\r\n\r\n"
        );
        // The handler asserts that none arrive.
        passed(&server, payload.as_bytes(), "POST /p a [hi]").await;
    }
}

#[tokio::test]
async fn tm_f06_no_tunnel_of_any_kind() {
    let server = start(Options::default()).await;
    for (payload, status) in [
        ("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 501),
        ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 501),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
            501,
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nupgrade: TLS/1.0\r\n\r\n", 501),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("TRACK / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n", 400),
    ] {
        refused(&server, payload.as_bytes(), status).await;
    }
    passed(
        &server,
        b"POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\nhi",
        "POST /p a [hi]",
    )
    .await;
}

#[tokio::test]
async fn tm_f08_exactly_one_valid_host() {
    let server = start(Options::default()).await;
    for fields in [
        "X: y",
        "Host:",
        "Host: a\r\nHost: a",
        "Host: a\r\nHost: b",
        "Host: a b",
        "Host: a,b",
        "Host: a/b",
        "Host: u@a",
        "Host: a:",
        "Host: a:b",
        "Host: a:99999",
        "Host: http://a",
        "Host: [::1",
        "Host: a?x",
        "Host: a#x",
        "Host: a%2eb",
        "Host: \u{e9}",
        "Host: a\\b",
        "Host: .a",
        "Host: a;b",
        "Host: a:80:80",
    ] {
        refused(&server, format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes(), 400).await;
    }
    refused(&server, b"GET / HTTP/1.0\r\n\r\n", 400).await;
}

#[tokio::test]
async fn tm_f08_targets_are_paths_of_the_host() {
    let server = start(Options::default()).await;
    for target in [
        "*",
        "a",
        "a:80",
        "http:/a",
        "http://b/",
        "https://b/x",
        "http://u@a/",
        "http://a:81/",
        "http://a@b/",
        "http://",
        "http:///x",
        "http://a?x",
        "http://a#x",
        "ftp://a/",
        "?x",
        "#x",
        "x/y",
        "http://a b/",
        "//a",
        "/x#y",
        "/\u{e9}",
        "/?\u{e9}",
        "/\x01",
        "/a\x7f",
        "/a\tb",
        "/<",
        "/>",
        "/`",
        "/?\"",
        "/?<",
        "/\u{a0}",
    ] {
        if target == "//a" {
            continue; // a path of two slashes: the domain refuses its empty first segment
        }
        refused(&server, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), 400).await;
        refused(&server, format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), 400).await;
    }
    for (target, seen) in [
        ("http://a/x?y", "/x?y"),
        ("HTTP://A/x", "/x"),
        ("http://a", "/"),
        ("/a%2Fb/%2e%2e?q=%00", "/a%2Fb/%2e%2e?q=%00"),
        ("/a//b;c=d,e", "/a//b;c=d,e"),
        ("/{a}|b^c\"", "/{a}|b^c\""),
        ("/?a=b?c", "/?a=b?c"),
        ("/:@!$&'()*+,;=~", "/:@!$&'()*+,;=~"),
        ("//a", "//a"),
    ] {
        passed(
            &server,
            format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(),
            &format!("GET {seen} a []"),
        )
        .await;
    }
}

#[tokio::test]
async fn tm_f01_a_refusal_waits_for_its_turn() {
    let server = start(Options::default()).await;
    let payload = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\n";
    let answers = converse(server.addr, payload.as_bytes()).await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 400]);
    assert_eq!(answers[2].code(), "bad-request");
    assert_eq!(server.seen.take(), ["slow", "GET /two a []"]);
}

#[tokio::test]
async fn a_refused_head_request_has_no_body() {
    let server = start(Options::default()).await;
    let answers = converse(server.addr, b"HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    // A body would show as bytes after the answer.
    assert_eq!((answers.len(), answers[0].status), (1, 400));
}
