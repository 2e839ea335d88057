//! Calls over HTTP/2 and TLS, to providers that refuse or limit streams.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::limits::{POOL_IDLE, READ_BUFFER, STREAM_WINDOW};
use super::*;

mod kept;
mod windows;

const LONG: Duration = Duration::from_secs(20);

/// A provider named `localhost` that speaks HTTP/2 alone, and a client that trusts it.
async fn provider<Conversation>(
    queued: Duration,
    exchange: impl Fn(TlsStream<TcpStream>) -> Conversation + Send + 'static,
) -> (UpstreamClient, SocketAddr)
where
    Conversation: Future<Output = ()> + Send + 'static,
{
    provider_of("h2", queued, exchange).await
}

/// The same for another protocol.
async fn provider_of<Conversation>(
    protocol: &str,
    queued: Duration,
    exchange: impl Fn(TlsStream<TcpStream>) -> Conversation + Send + 'static,
) -> (UpstreamClient, SocketAddr)
where
    Conversation: Future<Output = ()> + Send + 'static,
{
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&crypto))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut server =
        server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    server.alpn_protocols = vec![protocol.into()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(crypto).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(exchange(stream));
            }
        }
    });
    let timeouts = UpstreamTimeouts { connect: LONG, response: LONG, idle: LONG };
    let client = UpstreamClient::new(client, timeouts, 1000, false);
    (UpstreamClient { queued, ..client }, addr)
}

fn call(addr: SocketAddr, method: &str) -> Request<Body> {
    let uri = format!("https://localhost:{}/", addr.port());
    Request::builder().method(method).uri(uri).body(crate::body::empty()).unwrap()
}

/// Sends a call, and reads its answer to the end.
async fn answered(
    client: &UpstreamClient,
    request: Request<Body>,
    progress: &Progress,
) -> Result<Bytes, SendError> {
    let stream = client.stream(request.uri()).await.ok_or(SendError::NoStream)?;
    let answer = client.send(stream, request, progress).await?;
    Ok(answer.into_body().collect().await.unwrap().to_bytes())
}

/// A provider that allows this many streams on a connection and answers when `gate` lets a call through.
struct Limited {
    client: Arc<UpstreamClient>,
    addr: SocketAddr,
    /// What the next connections allow.
    streams: Arc<AtomicU32>,
    /// Ends the connections, after the calls that are under way.
    closing: Arc<Notify>,
    /// Breaks the connections.
    breaking: Arc<Notify>,
    connections: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    /// A permit for each call that has arrived.
    arrived: Arc<Semaphore>,
}

impl Limited {
    async fn start(streams: u32, queued: Duration) -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (counted, open, seen) = (Arc::clone(&connections), Arc::clone(&gate), Arc::clone(&arrived));
        let (streams, closing) = (Arc::new(AtomicU32::new(streams)), Arc::new(Notify::new()));
        let (allowed, end) = (Arc::clone(&streams), Arc::clone(&closing));
        let breaking = Arc::new(Notify::new());
        let broken = Arc::clone(&breaking);
        let (client, addr) = provider(queued, move |stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
            let service = service_fn(move |_| {
                let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
                async move {
                    seen.add_permits(1);
                    open.acquire().await.unwrap().forget();
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"answer"))))
                }
            });
            let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.max_concurrent_streams(allowed.load(Ordering::Relaxed));
            let (end, broken) = (Arc::clone(&end), Arc::clone(&broken));
            async move {
                let mut serving = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
                tokio::select! {
                    // The client closes it when the test ends.
                    _ = serving.as_mut() => return,
                    () = broken.notified() => return,
                    () = end.notified() => serving.as_mut().graceful_shutdown(),
                }
                let _ = serving.await;
            }
        })
        .await;
        Self { client: Arc::new(client), addr, streams, closing, breaking, connections, gate, arrived }
    }

    fn call(&self) -> tokio::task::JoinHandle<Result<Bytes, SendError>> {
        let (client, request) = (Arc::clone(&self.client), call(self.addr, "GET"));
        tokio::spawn(async move { answered(&client, request, &Progress::new()).await })
    }

    /// Waits until this many more calls have arrived.
    async fn arrived(&self, calls: u32) {
        self.arrived.acquire_many(calls).await.unwrap().forget();
    }

    /// Waits until the client knows of a connection that allows more than one call, or of none.
    async fn allows_many(&self, wanted: bool) {
        let request = call(self.addr, "GET");
        while self.client.cores.iter().any(|core| core.hosts.get(request.uri()).allows_many()) != wanted {
            tokio::task::yield_now().await;
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn calls_beyond_the_stream_limit_of_a_connection_go_over_another_one() {
    let provider = Limited::start(2, LONG).await;
    let calls: Vec<_> = (0..10).map(|_| provider.call()).collect();
    // Two streams a connection: ten calls at once are five connections at least.
    provider.arrived(10).await;
    assert!((5..=CONNECTIONS).contains(&provider.connections()), "{}", provider.connections());
    provider.gate.add_permits(10);
    for call in calls {
        assert_eq!(call.await.unwrap().as_deref(), Ok(&b"answer"[..]));
    }
    // What is open carries the next calls.
    let before = provider.connections();
    let calls: Vec<_> = (0..10).map(|_| provider.call()).collect();
    provider.arrived(10).await;
    assert_eq!(provider.connections(), before);
    provider.gate.add_permits(10);
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn one_connection_carries_what_its_peer_allows() {
    let provider = Limited::start(120, LONG).await;
    provider.gate.add_permits(1);
    assert!(provider.call().await.unwrap().is_ok());
    provider.arrived(1).await;
    let calls: Vec<_> = (0..120).map(|_| provider.call()).collect();
    provider.arrived(120).await;
    assert_eq!(provider.connections(), 1);
    provider.gate.add_permits(120);
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
}

/// One more answer that is not read would take the last of the window, and every other answer of the connection would stop.
#[tokio::test]
async fn tm_a21_a_connection_carries_no_more_calls_than_its_window_has_room_for() {
    let provider = Limited::start(1000, LONG).await;
    provider.gate.add_permits(1);
    assert!(provider.call().await.unwrap().is_ok());
    provider.arrived(1).await;
    // One of `CONNECTIONS`, for the 1,000 places of the client.
    let calls: Vec<_> = (0..126).map(|_| provider.call()).collect();
    provider.arrived(126).await;
    assert_eq!(provider.connections(), 2);
    provider.gate.add_permits(126);
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
}

/// Calls that the new limit does not allow would be refused, or wait inside of the client as if for their answers.
#[tokio::test]
async fn a_connection_that_follows_another_one_carries_what_its_own_peer_allows() {
    let provider = Limited::start(250, LONG).await;
    provider.gate.add_permits(1);
    assert!(provider.call().await.unwrap().is_ok());
    provider.arrived(1).await;
    tokio::time::timeout(LONG, provider.allows_many(true)).await.unwrap();
    let held: Vec<_> = (0..3).map(|_| provider.call()).collect();
    provider.arrived(3).await;
    assert_eq!(provider.connections(), 1);
    provider.streams.store(2, Ordering::Relaxed);
    provider.closing.notify_waiters();
    // Calls in flight go on at the connection that the provider leaves.
    tokio::time::timeout(LONG, provider.allows_many(false)).await.unwrap();
    let more: Vec<_> = (0..10).map(|_| provider.call()).collect();
    provider.arrived(10).await;
    assert!(provider.connections() > 5, "{}", provider.connections());
    provider.gate.add_permits(13);
    for call in held.into_iter().chain(more) {
        assert_eq!(call.await.unwrap().as_deref(), Ok(&b"answer"[..]));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_no_limit_behind() {
    let provider = Limited::start(250, LONG).await;
    provider.gate.add_permits(1);
    assert!(provider.call().await.unwrap().is_ok());
    provider.arrived(1).await;
    tokio::time::timeout(LONG, provider.allows_many(true)).await.unwrap();
    provider.streams.store(2, Ordering::Relaxed);
    provider.breaking.notify_waiters();
    tokio::time::timeout(LONG, provider.allows_many(false)).await.unwrap();
    let calls: Vec<_> = (0..10).map(|_| provider.call()).collect();
    provider.arrived(10).await;
    assert!(provider.connections() > 5, "{}", provider.connections());
    provider.gate.add_permits(10);
    for call in calls {
        assert_eq!(call.await.unwrap().as_deref(), Ok(&b"answer"[..]));
    }
}

#[tokio::test]
async fn at_the_limit_of_all_connections_a_call_waits_for_a_stream_that_ends() {
    let provider = Limited::start(2, LONG).await;
    let held: Vec<_> = (0..2 * CONNECTIONS).map(|_| provider.call()).collect();
    provider.arrived(16).await;
    let waiting = provider.call();
    provider.gate.add_permits(1);
    provider.arrived(1).await;
    assert_eq!(provider.connections(), CONNECTIONS);
    provider.gate.add_permits(16);
    for call in held.into_iter().chain([waiting]) {
        assert!(call.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_call_that_gets_no_stream_in_time_is_not_sent() {
    let provider = Limited::start(0, Duration::from_millis(50)).await;
    let held: Vec<_> = (0..CONNECTIONS).map(|_| provider.call()).collect();
    assert_eq!(provider.call().await.unwrap(), Err(SendError::NoStream));
    held.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn the_provider_has_its_whole_time_from_when_the_call_is_sent() {
    let provider = Limited::start(2, LONG).await;
    provider.gate.add_permits(1);
    let origin = Instant::now().checked_sub(10 * LONG).unwrap();
    let long_ago = Progress { origin, shared: Arc::default() };
    assert!(answered(&provider.client, call(provider.addr, "GET"), &long_ago).await.is_ok());
}

fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    flagged(kind, 0, stream, payload)
}

fn flagged(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// Speaks HTTP/2 as far as to answer each connection's first request with these frames.
async fn answer_with(mut stream: TlsStream<TcpStream>, frames: Vec<u8>) {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, &[])).await.unwrap();
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return;
        }
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            stream.write_all(&frames).await.unwrap();
        }
    }
}

#[tokio::test]
async fn only_what_the_provider_has_not_looked_at_may_be_sent_again_whatever_it_is() {
    const RST_STREAM: u8 = 3;
    const GOAWAY: u8 = 7;
    let refused_stream = frame(RST_STREAM, 1, &7_u32.to_be_bytes());
    let cancelled = frame(RST_STREAM, 1, &8_u32.to_be_bytes());
    let last_and_reason = |last: u32| [last.to_be_bytes(), 0_u32.to_be_bytes()].concat();
    let below = frame(GOAWAY, 0, &last_and_reason(0));
    let processed = [frame(GOAWAY, 0, &last_and_reason(1)), cancelled.clone()].concat();
    for (name, frames, retry) in [
        ("REFUSED_STREAM", refused_stream, Retry::Any),
        ("GOAWAY below the stream", below, Retry::Any),
        ("CANCEL", cancelled, Retry::Idempotent),
        ("GOAWAY at the stream", processed, Retry::Idempotent),
    ] {
        let (client, addr) = provider(LONG, move |stream| answer_with(stream, frames.clone())).await;
        let failure = answered(&client, call(addr, "POST"), &Progress::new()).await;
        assert_eq!(failure, Err(SendError::Unreachable { retry, refused: None }), "{name}");
    }
}

#[tokio::test]
async fn tm_f14_a_stream_that_is_reset_in_the_middle_is_no_whole_answer() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const OK: u8 = 0x88;
    const BAD_REQUEST: u8 = 0x8c;
    for (name, method, status, last, whole) in [
        ("half", "GET", OK, 0, false),
        ("half of an error", "GET", BAD_REQUEST, 0, false),
        ("half, to a body", "POST", OK, 0, false),
        ("whole", "GET", OK, 1, true),
        // The rest of the body is not wanted: RFC 9113, section 8.1.
        ("an early refusal", "POST", BAD_REQUEST, 1, true),
    ] {
        let head = flagged(HEADERS, 4, 1, &[status]);
        let body = flagged(DATA, last, 1, b"[{\"a\":1},");
        let frames = [head, body, frame(RST_STREAM, 1, &[0; 4])].concat();
        let (client, addr) = provider(LONG, move |stream| answer_with(stream, frames.clone())).await;
        let mut request = call(addr, method);
        if method == "POST" {
            *request.body_mut() = crate::body::full("[]");
        }
        let stream = client.stream(request.uri()).await.unwrap();
        let answer = client.send(stream, request, &Progress::new()).await.unwrap();
        assert_eq!(answer.into_body().collect().await.is_ok(), whole, "{name}");
    }
}
