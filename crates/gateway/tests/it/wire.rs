//! Raw payloads, each followed by a canary on the same connection: refused and closed, or read as exactly one request.

use crate::wire_support::{Running, exchange, start};
use crate::wire_table::{
    BODIES, CHUNKS, FRAMING, GOOD_TARGETS, HOSTS, IGNORED_UPGRADES, LINES, NAMES, REQUEST_LINES, TARGETS,
    TUNNELS,
};
use gateway::server::Options;

const CANARY: &str = "GET /canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const CANARY_SEEN: &str = "GET /canary a []";

/// The payload is refused with this status; the handler sees neither it nor the canary, and the connection is closed.
async fn refused(server: &Running, payload: &[u8], status: u16) {
    let shown = payload[..payload.len().min(200)].escape_ascii();
    let answers = exchange(server.addr, &[payload, CANARY.as_bytes()].concat()).await;
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
    let answers = exchange(server.addr, &[payload, CANARY.as_bytes()].concat()).await;
    assert_eq!(server.seen.take(), [seen, CANARY_SEEN], "{shown}");
    assert_eq!(answers.len(), 2, "{shown}");
    assert!(answers.iter().all(|answer| answer.status == 200), "{shown}: {answers:?}");
}

/// The request line and fields are fine, the body is not: an error for it and no canary.
async fn broken(server: &Running, payload: &[u8]) {
    let shown = payload.escape_ascii();
    let answers = exchange(server.addr, &[payload, CANARY.as_bytes()].concat()).await;
    assert!(answers.len() <= 1, "{shown}: {answers:?}");
    assert!(answers.iter().all(|answer| answer.status == 400), "{shown}: {answers:?}");
    assert_eq!(server.seen.take(), Vec::<String>::new(), "{shown}");
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn tm_f01_ambiguous_framing_is_refused() {
    let server = start(Options::default()).await;
    for field in FRAMING {
        let payload = format!("POST /x HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n0\r\n\r\n{SMUGGLED}");
        refused(&server, payload.as_bytes(), 400).await;
    }
}

#[tokio::test]
async fn tm_f01_lines_end_with_cr_lf_alone() {
    let server = start(Options::default()).await;
    for payload in LINES {
        refused(&server, payload.as_bytes(), 400).await;
    }
    passed(&server, b"\r\nGET /e HTTP/1.1\r\nHost: a\r\n\r\n", "GET /e a []").await;
}

#[tokio::test]
async fn tm_f01_request_lines_have_one_shape() {
    let server = start(Options::default()).await;
    for line in REQUEST_LINES {
        refused(&server, format!("{line}\r\nHost: a\r\n\r\n").as_bytes(), 400).await;
    }
    refused(&server, &[b"X".repeat(40).as_slice(), b" / HTTP/1.1\r\nHost: a\r\n\r\n"].concat(), 400).await;
    refused(&server, b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)
        .await;
    refused(&server, b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400).await;
    refused(&server, b"HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400).await;
}

#[tokio::test]
async fn tm_f01_a_get_has_no_body_and_an_empty_one_is_none() {
    let server = start(Options::default()).await;
    let chunked = |method: &str, body: &str| {
        format!("{method} /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    for method in ["GET", "HEAD"] {
        refused(&server, chunked(method, "1\r\nx\r\n0\r\n\r\n").as_bytes(), 400).await;
    }
    passed(&server, chunked("GET", "0\r\n\r\n").as_bytes(), "GET /x a []").await;
    // A body that never ends is a head that never ends.
    let timeouts =
        gateway::server::Timeouts { header: std::time::Duration::from_millis(200), ..Default::default() };
    let server = start(Options { timeouts, ..Options::default() }).await;
    let answers = exchange(server.addr, chunked("GET", "").as_bytes()).await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [408]);
    assert_eq!(server.seen.take(), Vec::<String>::new());
}

/// Open bodies take none of the places of running requests.
#[tokio::test]
async fn tm_f10_gets_whose_body_does_not_end_leave_room_for_others() {
    use tokio::io::AsyncWriteExt as _;
    let limits = gateway::server::Limits { in_flight: 4, ..Default::default() };
    let server = start(Options { limits, ..Options::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        slow.push(stream);
    }
    for _ in 0..10 {
        passed(&server, b"GET /y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /y a []").await;
    }
}

#[tokio::test]
async fn tm_f01_bodies_end_where_they_say_and_broken_ones_end_the_connection() {
    let server = start(Options::default()).await;
    let post = |rest: &str| format!("POST /p HTTP/1.1\r\nHost: a\r\n{rest}");
    for (rest, body) in BODIES {
        passed(&server, post(rest).as_bytes(), &format!("POST /p a [{body}]")).await;
    }
    for chunks in CHUNKS {
        broken(&server, post(&format!("Transfer-Encoding: chunked\r\n\r\n{chunks}")).as_bytes()).await;
    }
}

#[tokio::test]
async fn tm_f04_field_names_are_plain() {
    let server = start(Options::default()).await;
    for field in NAMES {
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
    for (payload, status) in TUNNELS {
        refused(&server, payload.as_bytes(), *status).await;
    }
    for fields in IGNORED_UPGRADES {
        let payload = format!("GET /u HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        passed(&server, payload.as_bytes(), "GET /u a []").await;
        let payload = format!("POST /u HTTP/1.1\r\nHost: a\r\n{fields}\r\nContent-Length: 2\r\n\r\nhi");
        passed(&server, payload.as_bytes(), "POST /u a [hi]").await;
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
    for fields in HOSTS {
        refused(&server, format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes(), 400).await;
    }
    refused(&server, b"GET / HTTP/1.0\r\n\r\n", 400).await;
}

#[tokio::test]
async fn tm_f08_targets_are_paths_of_the_host() {
    let server = start(Options::default()).await;
    for target in TARGETS {
        refused(&server, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), 400).await;
        refused(&server, format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), 400).await;
    }
    for (target, seen) in GOOD_TARGETS {
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
    let answers = exchange(server.addr, payload.as_bytes()).await;
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200, 400]);
    assert_eq!(answers[2].code(), "bad-request");
    assert_eq!(server.seen.take(), ["slow", "GET /two a []"]);
}

#[tokio::test]
async fn a_refused_head_request_has_no_body() {
    let server = start(Options::default()).await;
    let answers = exchange(server.addr, b"HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    // A body would show as bytes after the answer.
    assert_eq!((answers.len(), answers[0].status), (1, 400));
}
