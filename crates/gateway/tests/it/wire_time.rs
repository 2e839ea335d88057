//! Clocks of the wire, over in-memory pipes with a paused clock.

use crate::wire_support::{Seen, answers, echo};
use gateway::{
    server::{Lifecycle, Options, Server, Timeouts},
    telemetry::Metrics,
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::{Instant, sleep, timeout},
};

const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(10),
    body_idle: Duration::from_secs(15),
    write_idle: Duration::from_secs(30),
    idle: Duration::from_secs(60),
};

/// A pipe to a server whose buffer holds `room` bytes.
async fn pipe(room: usize) -> DuplexStream {
    let seen = Seen::default();
    let handler = move |request, peer| echo(seen.clone(), request, peer);
    let options = Options { timeouts: TIMEOUTS, ..Options::default() };
    let server = Server::bind(options, handler, Metrics::new().unwrap(), Lifecycle::default()).await.unwrap();
    let (ours, theirs) = duplex(room);
    tokio::spawn(server.serve_stream(theirs, ([127, 0, 0, 1], 1).into()));
    ours
}

/// Reads to the end; says what came and after how many seconds the end was.
async fn to_end(mut stream: DuplexStream, since: Instant) -> (Vec<u8>, u64) {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(600), stream.read_to_end(&mut bytes))
        .await
        .expect("the server did not close")
        .unwrap();
    (bytes, since.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn tm_f10_a_slow_head_is_answered_with_408() {
    let mut stream = pipe(4096).await;
    let start = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    // A byte every second does not extend the deadline.
    let drip = tokio::spawn(async move {
        while write.write_all(b"X").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let mut bytes = Vec::new();
    read.read_to_end(&mut bytes).await.unwrap();
    let answers = answers(&bytes);
    assert_eq!((answers[0].status, answers[0].code().as_str()), (408, "request-timeout"));
    assert_eq!(start.elapsed().as_secs(), 10);
    drip.abort();
}

#[tokio::test(start_paused = true)]
async fn tm_f10_silence_before_and_between_requests_ends_the_connection() {
    let start = Instant::now();
    let (bytes, after) = to_end(pipe(4096).await, start).await;
    assert_eq!((bytes.len(), after), (0, 10));

    let mut stream = pipe(4096).await;
    let start = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let (bytes, after) = to_end(stream, start).await;
    assert_eq!((answers(&bytes).len(), after), (1, 60));
}

#[tokio::test(start_paused = true)]
async fn tm_f10_a_long_answer_is_no_idle_connection() {
    let mut stream = pipe(4096).await;
    stream.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(
        timeout(Duration::from_secs(3600), stream.read(&mut byte)).await.is_err(),
        "the connection ended under a running request"
    );
}

#[tokio::test(start_paused = true)]
async fn tm_f10_a_body_that_pauses_is_answered_with_408() {
    let mut stream = pipe(4096).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab").await.unwrap();
    sleep(Duration::from_secs(14)).await;
    stream.write_all(b"c").await.unwrap();
    let start = Instant::now();
    let (bytes, after) = to_end(stream, start).await;
    let answers = answers(&bytes);
    assert_eq!((answers[0].status, answers[0].code().as_str()), (408, "request-timeout"));
    assert!((15..=17).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn tm_f10_a_reader_that_stalls_is_cut_off() {
    let mut stream = pipe(1024).await;
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut some = [0; 512];
    stream.read_exact(&mut some).await.unwrap();
    sleep(Duration::from_secs(29)).await;
    stream.read_exact(&mut some).await.unwrap();
    sleep(Duration::from_secs(32)).await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() <= 2048, "{} bytes after the stall", rest.len());
}

#[tokio::test(start_paused = true)]
async fn tm_f10_an_idle_http2_connection_gets_goaway() {
    let mut stream = pipe(65_536).await;
    let start = Instant::now();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let (bytes, after) = to_end(stream, start).await;
    assert!(bytes.windows(2).any(|pair| pair == [7, 0]), "no GOAWAY in {}", bytes.escape_ascii());
    assert!((60..=120).contains(&after), "{after}");
}

const SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(start_paused = true)]
async fn tm_f10_an_http2_reader_that_stalls_is_cut_off() {
    let mut stream = pipe(1024 * 1024).await;
    let start = Instant::now();
    stream.write_all(SETTINGS).await.unwrap();
    // GET, http, a literal `:path: /big`, `:authority: a`; the window is never opened beyond its first 64 KiB.
    stream.write_all(b"\0\0\x0b\x01\x05\0\0\0\x01\x82\x86\x04\x04/big\x41\x01a").await.unwrap();
    let (bytes, after) = to_end(stream, start).await;
    assert!((60_000..200_000).contains(&bytes.len()), "{} bytes", bytes.len());
    assert!((30..=60).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn tm_f10_an_http2_header_block_must_end() {
    let mut stream = pipe(65_536).await;
    let start = Instant::now();
    stream.write_all(SETTINGS).await.unwrap();
    // HEADERS without END_HEADERS. A CONTINUATION now and then does not extend the deadline; many would be a flood.
    stream.write_all(b"\0\0\x01\x01\x01\0\0\0\x01\x82").await.unwrap();
    for _ in 0..2 {
        sleep(Duration::from_secs(4)).await;
        stream.write_all(b"\0\0\x01\x09\0\0\0\0\x01\x86").await.unwrap();
    }
    let (_, after) = to_end(stream, start).await;
    assert!((10..=12).contains(&after), "{after}");
}
