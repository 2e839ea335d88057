//! Calls over HTTP/2 and TLS, to providers that refuse streams.

use std::net::SocketAddr;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// A provider named `localhost` that speaks HTTP/2 alone, and a client that trusts it.
async fn provider<Conversation>(
    max_in_flight: usize,
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
    server.alpn_protocols = vec![b"h2".to_vec()];
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
    (UpstreamClient::new(client, timeouts, max_in_flight, false), addr)
}

fn call(addr: SocketAddr, method: &str) -> Request<Body> {
    let uri = format!("https://localhost:{}/", addr.port());
    Request::builder().method(method).uri(uri).body(crate::body::empty()).unwrap()
}

fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, 0], &stream.to_be_bytes()[..], payload].concat()
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
        let (client, addr) = provider(4, move |stream| answer_with(stream, frames.clone())).await;
        let failure = client.send(call(addr, "POST"), &Progress::new()).await.map(|answer| answer.status());
        assert_eq!(failure, Err(SendError::Unreachable { retry, refused: None }), "{name}");
    }
}
