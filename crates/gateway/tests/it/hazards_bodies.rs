//! Bodies that come slowly or are not read: what they hold, and for how long.

use std::time::Duration;

use reqwest::Method;
use sandbox::Sandbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::child::RunningGateway;
use crate::harness::{ANA, BEN, Rig};
use crate::hazards_floods::{more_files, resident};
use crate::raw_provider::RawProvider;

const LONG: Duration = Duration::from_secs(20);
const FORM: &str = "application/x-www-form-urlencoded";

/// Sends a request whose body ends after a byte, for now.
async fn begin(addr: std::net::SocketAddr, path: &str, fields: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nContent-Length: 50\r\n{fields}\r\na"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn status(mut stream: TcpStream) -> u16 {
    let mut answer = [0; 12];
    timeout(LONG, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer)[9..].parse().unwrap()
}

#[tokio::test]
async fn tm_f10_slow_logout_bodies_have_a_deadline_and_places_of_their_own() {
    let server = "limits = { in_flight = 32 }\ntimeouts = { header = \"2s\" }";
    let rig = Rig::over(Sandbox::builder(), server, "[logout]\nclient_ids = [\"spa\"]").await;
    let slow =
        futures_util::future::join_all((0..64).map(|_| begin(rig.addr, "/hooks/backchannel-logout", "")))
            .await;
    for _ in 0..8 {
        assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    }
    // A logout whose form comes with its head needs no place.
    let logout = rig.sandbox.mint().user(BEN).logout_token("spa").sign();
    let hook = rig.bare(Method::POST, "/hooks/backchannel-logout").form(&[("logout_token", &logout)]);
    assert!(matches!(rig.send(hook).await.status.as_u16(), 200 | 204 | 503));
    // The clients keep the gaps short; the whole is what counts.
    let ends = slow.into_iter().map(|mut stream| async move {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let _ = stream.write_all(b"b").await;
        }
        status(stream).await
    });
    let ends = timeout(LONG, futures_util::future::join_all(ends)).await.unwrap();
    assert_eq!(ends.iter().filter(|status| **status == 408).count(), 8, "{ends:?}");
    assert_eq!(ends.iter().filter(|status| **status == 503).count(), 56, "{ends:?}");
    rig.finish();
}

#[tokio::test]
async fn tm_a12_quota_and_place_are_decided_before_a_body_is_read() {
    let provider = RawProvider::start().await;
    let extra = format!(
        "access = \"full\"\nmax_in_flight = 1\n[providers.google]\naccess = \"full\"\nbase_url = \"http://{}\"\n\
         [quotas]\nper_caller = {{ per_second = 0.001, burst = 3 }}",
        provider.addr
    );
    let rig = Rig::over(Sandbox::builder(), "timeouts = { header = \"4s\" }", &extra).await;
    let fields = format!("Authorization: Bearer {}\r\n", rig.sandbox.caller_token(BEN));
    let first = begin(rig.addr, "/proxy/github/user/repos", &fields).await;
    let second = begin(rig.addr, "/proxy/github/user/repos", &fields).await;
    assert_eq!(
        rig.get("/proxy/google/drive/v3/files", BEN).await.status,
        200,
        "another provider has its own places"
    );
    // One of the forms holds the provider's only place until its deadline; the other one is refused unread.
    let mut ends = [status(first).await, status(second).await];
    ends.sort_unstable();
    assert_eq!(ends, [408, 503]);
    assert_eq!(status(begin(rig.addr, "/proxy/google/drive/v3/files", &fields).await).await, 429);
    rig.finish();
}

/// Whatever a user's requests wait for, requests of other users find places.
#[tokio::test]
async fn tm_a20_one_user_does_not_take_all_places_of_the_gateway() {
    let server =
        "public_url = \"https://gw.acme.test\"\nlimits = { in_flight = 32 }\ntimeouts = { header = \"4s\" }";
    let rig = Rig::over(Sandbox::builder(), server, "[mcp]\nenabled = true").await;
    let fields = format!("Authorization: Bearer {}\r\n", rig.sandbox.caller_token(BEN));
    let mut slow = Vec::new();
    for _ in 0..32 {
        slow.push(begin(rig.addr, "/mcp", &fields).await);
    }
    // Half of the places; the others were refused unread.
    let mut ends = Vec::new();
    for stream in slow.drain(16..) {
        ends.push(status(stream).await);
    }
    assert_eq!(ends.iter().filter(|status| **status == 429).count(), 16, "{ends:?}");
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 429);
    assert_eq!(rig.get("/v1/me", ANA).await.status, 200);
    rig.finish();
}

#[tokio::test]
async fn tm_f10_a_form_that_is_read_ahead_has_a_deadline_for_the_whole() {
    let rig = Rig::over(Sandbox::builder(), "timeouts = { header = \"2s\" }", "access = \"full\"").await;
    let fields = format!("Authorization: Bearer {}\r\n", rig.sandbox.caller_token(BEN));
    let stream = begin(rig.addr, "/proxy/github/user/repos", &fields).await;
    let (mut read, mut write) = stream.into_split();
    let mut answer = [0; 12];
    // A byte now and then: no gap is long, and the declared end is 25 seconds away.
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let _ = write.write_all(b"b").await;
        }
    };
    tokio::select! {
        read = read.read_exact(&mut answer) => drop(read.unwrap()),
        () = dripping => {}
        () = tokio::time::sleep(Duration::from_secs(12)) => panic!("no answer after six times the deadline"),
    }
    assert_eq!(&answer[9..], b"408");
    rig.finish();
}

/// A provider that answers without an end.
async fn endless() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head =
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
                let chunk = [b"8000\r\n".as_slice(), &[b'x'; 0x8000], b"\r\n"].concat();
                let mut sent = stream.write_all(head).await;
                while sent.is_ok() {
                    sent = stream.write_all(&chunk).await;
                }
            });
        }
    });
    addr
}

/// What a request holds whose answer is not read, in KiB: stated in the documentation, and what the chart's limit is made of.
const HELD: u64 = 192;

#[tokio::test(flavor = "multi_thread")]
async fn tm_a11_a_thousand_readers_that_stall_hold_what_the_documentation_says() {
    const READERS: u32 = 1000;
    more_files();
    let sandbox = Sandbox::builder().start().await.unwrap();
    let provider = endless().await;
    let extra = format!("[providers.google]\nmax_in_flight = 4000\nbase_url = \"http://{provider}\"");
    let serving = RunningGateway::start(&sandbox, &extra);
    let token = sandbox.caller_token(BEN);
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    let mut first = TcpStream::connect(serving.addr).await.unwrap();
    first.write_all(ask("/proxy/github/user").as_bytes()).await.unwrap();
    assert_eq!(status(first).await, 200);
    let before = resident(serving.id());
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut stream = TcpStream::connect(serving.addr).await.unwrap();
        stream.write_all(ask("/proxy/google/user").as_bytes()).await.unwrap();
        // One after the other: one user's requests wait at a part of the places only.
        let mut head = [0; 12];
        timeout(LONG, stream.read_exact(&mut head)).await.expect("an answer").unwrap();
        assert_eq!(&head[9..], b"200");
        readers.push(stream);
    }
    // Until nothing flows any more: the same size twice, half a second apart.
    let mut grown = 0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = resident(serving.id()).saturating_sub(before);
        if now <= grown + 512 {
            break;
        }
        grown = now;
    }
    let each = resident(serving.id()).saturating_sub(before) / u64::from(READERS);
    assert!(each <= HELD, "{each} KiB a reader");
    println!("{each} KiB a reader");
}
