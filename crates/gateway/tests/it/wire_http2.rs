//! HTTP/2: the same rules, floods, and TLS.

use crate::wire_support::{Running, Seen, start, start_with};
use gateway::outcome::Code;
use gateway::problem::{Problem, Rendering, Surface};
use gateway::server::{Options, TlsFiles};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

type Client = SendRequest<Empty<bytes::Bytes>>;

async fn client(server: &Running) -> Client {
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn status(client: &mut Client, request: http::request::Builder) -> StatusCode {
    client.send_request(request.body(Empty::new()).unwrap()).await.unwrap().status()
}

#[tokio::test]
async fn prior_knowledge_is_spoken_and_hosts_arrive_in_host() {
    let server = start(Options::default()).await;
    let mut client = client(&server).await;
    let request = Request::get("http://gw.example.com/x?y").body(Empty::new()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.headers()["x-request-id"].len(), 32);
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "GET /x?y gw.example.com []");
}

#[tokio::test]
async fn tm_f05_an_answers_trailers_are_dropped() {
    let server = start(Options::default()).await;
    let mut client = client(&server).await;
    let request = Request::get("http://a/trailers").body(Empty::new()).unwrap();
    let answer = client.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert!(answer.trailers().is_none(), "{:?}", answer.trailers());
    assert_eq!(answer.to_bytes(), "hi");
}

#[tokio::test]
async fn tm_f08_authority_and_host_agree() {
    let server = start(Options::default()).await;
    let mut client = client(&server).await;
    let get = || Request::get("http://a/");
    assert_eq!(status(&mut client, get().header("host", "A")).await, 200);
    assert_eq!(status(&mut client, get().header("host", "b")).await, 400);
    assert_eq!(status(&mut client, get().header("host", "a").header("host", "a")).await, 400);
}

#[tokio::test]
async fn tm_f04_f06_f11_the_same_rules_hold() {
    let server = start(Options::default()).await;
    let mut client = client(&server).await;
    let get = || Request::get("http://a/");
    assert_eq!(status(&mut client, get().header("x_y", "z")).await, 400);
    assert_eq!(status(&mut client, get().header("expect", "x")).await, 400);
    assert_eq!(
        status(&mut client, get().header("expect", "100-continue").header("expect", "100-continue")).await,
        400
    );
    assert_eq!(status(&mut client, get().header("x-y", "z ")).await, 400);
    assert_eq!(status(&mut client, get().header("content-length", "0")).await, 200);
    let method = "X".repeat(40);
    assert_eq!(status(&mut client, Request::builder().method(&*method).uri("http://a/")).await, 400);
    assert_eq!(status(&mut client, Request::builder().method("TRACE").uri("http://a/")).await, 405);
    assert_eq!(status(&mut client, Request::get(format!("http://a/{}", "x".repeat(9000)))).await, 414);
    let many = (0..101).fold(get(), |request, number| request.header(format!("x-{number}"), "y"));
    assert_eq!(status(&mut client, many).await, 431);
    assert!(server.seen.take().iter().all(|seen| seen == "GET / a []"));
}

/// Without a declared length only the stream's end tells whether there is a body.
#[tokio::test]
async fn tm_f01_a_get_has_no_body_on_http2_either() {
    let server = start(Options::default()).await;
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut ask = async |method: &str, parts: Vec<&'static str>| {
        let parts: Vec<_> = parts
            .into_iter()
            .map(|text| Ok::<_, std::io::Error>(http_body::Frame::data(bytes::Bytes::from(text))))
            .collect();
        // A stream does not know its end: it comes as a frame of its own.
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(parts));
        let request = Request::builder().method(method).uri("http://a/x").body(body).unwrap();
        client.send_request(request).await.unwrap().status()
    };
    for method in ["GET", "HEAD"] {
        assert_eq!(ask(method, vec!["x"]).await, 400, "{method}");
        assert_eq!(ask(method, vec!["", "x"]).await, 400, "{method}");
        assert_eq!(ask(method, vec![]).await, 200, "{method}");
    }
    assert_eq!(ask("POST", vec!["hi"]).await, 200);
    assert_eq!(server.seen.take(), ["GET /x a []", "HEAD /x a []", "POST /x a [hi]"]);
}

/// A proxy in front sends the requests of many users on one connection.
#[tokio::test]
async fn tm_a22_bodies_that_are_not_read_hold_up_no_other_stream() {
    let server = start(Options::default()).await;
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let post = |path: &str| {
        let body = http_body_util::Full::new(bytes::Bytes::from(vec![b'x'; 64 * 1024]));
        client.clone().send_request(Request::post(format!("http://a{path}")).body(body).unwrap())
    };
    let held: Vec<_> = (0..16).map(|_| tokio::spawn(post("/hold"))).collect();
    tokio::task::yield_now().await;
    let other = timeout(Duration::from_secs(20), post("/read")).await.expect("an answer").unwrap();
    assert_eq!(other.status(), 200);
    held.iter().for_each(tokio::task::JoinHandle::abort);
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Indexed fields: GET, http, /, and a literal `:authority: a`.
const HEADERS: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

/// Sends a flood, round by round, and reads until the server closes or `patience` is over; gives the error code of its
/// GOAWAY.
pub(crate) async fn flood(
    addr: SocketAddr,
    round: impl Fn(u32) -> Vec<u8> + Send + 'static,
    patience: Duration,
) -> Option<u8> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let writer = tokio::spawn(async move {
        let _ = write.write_all(PREFACE).await;
        for number in 0..200 {
            if write.write_all(&round(number)).await.is_err() {
                break;
            }
        }
        // Not closed by us: the server has to.
        write
    });
    let mut bytes = Vec::new();
    let _ = timeout(patience, read.read_to_end(&mut bytes)).await;
    writer.abort();
    let mut rest = &bytes[..];
    let mut goaway = None;
    while let [a, b, c, kind, _, _, _, _, _, payload @ ..] = rest {
        let len = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        if *kind == 7 {
            goaway = payload.get(7).copied();
        }
        rest = payload.get(len..).unwrap_or_default();
    }
    goaway
}

/// What RFC 9113 calls ENHANCE_YOUR_CALM.
const CALM: u8 = 11;

/// A hundred new streams a round, each with what `then` says about it.
fn streams(round: u32, then: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let ids = (0..100).map(|number| (round * 100 + number) * 2 + 1);
    ids.flat_map(|id| [frame(1, 5, id, HEADERS), then(id)].concat()).collect()
}

/// The frames of a round.
type Round = Box<dyn Fn(u32) -> Vec<u8> + Send>;

/// Every flood there is: its name, its frames by round.
pub(crate) fn floods() -> Vec<(&'static str, Round)> {
    let fixed = |frames: Vec<u8>| Box::new(move |_| frames.clone()) as Round;
    vec![
        ("ping", fixed(frame(6, 0, 0, &[0; 8]).repeat(100))),
        ("settings", fixed(frame(4, 0, 0, &[]).repeat(100))),
        ("empty data", fixed([frame(1, 4, 1, HEADERS), frame(0, 0, 1, &[]).repeat(100)].concat())),
        ("priority", fixed(frame(2, 0, 1, &[0, 0, 0, 0, 1]).repeat(100))),
        ("continuation", fixed([frame(1, 1, 1, HEADERS), frame(9, 0, 1, &[0x82]).repeat(100)].concat())),
        ("window", fixed(frame(8, 0, 0, &[0, 0, 0, 1]).repeat(200))),
        ("references", fixed(frame(1, 5, 1, &[HEADERS, &[0x90; 16_000]].concat()))),
        ("rapid reset", Box::new(|round| streams(round, |id| frame(3, 0, id, &[0, 0, 0, 8])))),
        // The client makes the server reset: a window beyond what a window can be.
        ("made you reset", Box::new(|round| streams(round, |id| frame(8, 0, id, &[0x7f, 0xff, 0xff, 0xff])))),
    ]
}

#[tokio::test]
async fn tm_f09_floods_end_in_goaway() {
    let server = start(Options::default()).await;
    for (name, round) in floods() {
        let code = flood(server.addr, round, Duration::from_secs(20)).await;
        assert!(code.is_some(), "{name}: no GOAWAY");
        assert!(!name.contains("reset") || code == Some(CALM), "{name}: {code:?}");
    }
    // And the server still serves.
    let mut client = client(&server).await;
    assert_eq!(status(&mut client, Request::get("http://a/")).await, 200);
}

/// As for a caller without a token: the wire and the layers have let the request in.
async fn refused(
    _: Request<gateway::body::RequestBody>,
    _: gateway::server::RequestInfo,
) -> http::Response<gateway::body::Body> {
    let rendering = Rendering { request_id: "r", surface: Surface::Own, request_headers: None };
    Problem::new(Code::CallerTokenMissing).respond(rendering)
}

/// A refusal that the client does not read takes none of the places of running requests.
#[tokio::test]
async fn tm_f13_refusals_that_nobody_reads_leave_room_for_others() {
    let limits = gateway::server::Limits { in_flight: 4, ..Default::default() };
    let server = start_with(Options { limits, ..Options::default() }, Seen::default(), refused).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0: no byte of a body may be sent.
    let settings = [&PREFACE[..24], &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])[..]].concat();
    stream.write_all(&settings).await.unwrap();
    // GET, http, `/`, and the authority `a`.
    let get = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    let streams: Vec<u8> = (0..50).flat_map(|number| frame(1, 5, number * 2 + 1, &get)).collect();
    stream.write_all(&streams).await.unwrap();
    let mut bytes = Vec::new();
    let answered = timeout(Duration::from_secs(20), async {
        // A head of an answer is a frame of kind 1; all of them come, and no body does.
        while heads(&bytes) < 50 {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "closed");
        }
    });
    answered.await.expect("fifty heads");
    let mut client = client(&server).await;
    assert_eq!(status(&mut client, Request::get("http://a/")).await, 401, "not 503");
}

/// Hundreds of streams whose answers are not read fill half of the room; their connections are cut, and others are answered.
#[tokio::test]
async fn tm_a15_connections_that_read_no_answers_are_cut_while_room_is_short() {
    let server = start_with(Options::default(), Seen::default(), refused).await;
    let settings = [&PREFACE[..24], &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])[..]].concat();
    let get = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    let streams: Vec<u8> = (0..100).flat_map(|number| frame(1, 5, number * 2 + 1, &get)).collect();
    let mut silent = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(&[&settings[..], &streams].concat()).await.unwrap();
        silent.spawn(async move {
            let mut read = Vec::new();
            // A connection that is cut may end with a reset.
            let _ = stream.read_to_end(&mut read).await;
            heads(&read)
        });
    }
    // 1 200 answers take three quarters of the room: it takes four connections less until half of it is free.
    for _ in 0..4 {
        let ended = timeout(Duration::from_secs(20), silent.join_next()).await;
        let heads = ended.expect("cut long before `write_idle`").unwrap().unwrap();
        assert_eq!(heads, 100, "the answers' heads had come");
    }
    let mut client = client(&server).await;
    assert_eq!(status(&mut client, Request::get("http://a/")).await, 401);
}

/// How many HEADERS frames these bytes hold.
fn heads(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let [a, b, c, kind, _, _, _, _, _, payload @ ..] = bytes {
        let len = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let Some(rest) = payload.get(len..) else { break };
        count += usize::from(*kind == 1);
        bytes = rest;
    }
    count
}

/// A self-signed pair in PEM, and the certificate for the client's trust.
fn pair(name: &str) -> (String, String, rustls::pki_types::CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem(), made.cert.der().clone())
}

async fn tls_get(
    server: &Running,
    trusted: &rustls::pki_types::CertificateDer<'static>,
    name: &str,
) -> Option<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name.to_owned().try_into().unwrap(), stream).await.ok()?;
    stream
        .write_all(format!("GET /x HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    Some(text)
}

#[tokio::test]
async fn tls_is_served_and_follows_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles { cert_file: dir.path().join("cert.pem"), key_file: dir.path().join("key.pem") };
    let (cert, key, old) = pair("gw.example.com");
    std::fs::write(&files.cert_file, cert).unwrap();
    std::fs::write(&files.key_file, key).unwrap();
    let server = start(Options { tls: Some(files.clone()), ..Options::default() }).await;
    let text = tls_get(&server, &old, "gw.example.com").await.expect("a handshake");
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("GET /x gw.example.com []"), "{text}");

    // Half a change is no change: key and certificate do not fit.
    let (cert, key, new) = pair("gw.example.com");
    std::fs::write(&files.cert_file, cert).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(tls_get(&server, &old, "gw.example.com").await.is_some(), "the old pair stays in use");
    std::fs::write(&files.key_file, key).unwrap();
    let changed = timeout(Duration::from_secs(10), async {
        while tls_get(&server, &new, "gw.example.com").await.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    changed.await.expect("the new certificate is served");
    assert!(server.metrics.render_prometheus().contains("idp_gateway_tls_reloads_total{outcome=\"failed\"}"));
}
