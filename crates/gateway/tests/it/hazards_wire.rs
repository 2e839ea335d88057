//! The table of raw payloads through the whole gateway, alone and with HAProxy on either side: nobody ever reads two
//! requests where somebody else reads one. The two tests with HAProxy need its program in `HAPROXY`, which
//! `cargo xtask test` installs and names; without it they are skipped.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{BEN, Rig};
use crate::raw_provider::{RawProvider, RawRequest};
use crate::wire_table::{
    BODIES, CHUNKS, FRAMING, GOOD_TARGETS, HOSTS, LINES, NAMES, REQUEST_LINES, TARGETS, TUNNELS,
};

/// Short enough that a payload which leaves somebody waiting costs little.
const TIMEOUTS: &str = "timeouts = { header = \"1s\", body_idle = \"1s\", idle = \"2s\" }";

/// All payloads, with the caller's token and paths of the raw provider in them.
fn payloads(token: &str) -> Vec<Vec<u8>> {
    let auth = format!("Authorization: Bearer {token}\r\n");
    let mut plain = Vec::new();
    let host = format!("Host: a\r\n{auth}");
    for field in FRAMING {
        plain.push(format!(
            "POST /proxy/google/xN HTTP/1.1\r\n{host}{field}\r\n\r\n0\r\n\r\nGET /proxy/google/smuggledN HTTP/1.1\r\n{host}\r\n"
        ));
        // The same with the smuggled request where the length ends.
        plain.push(format!(
            "POST /proxy/google/xN HTTP/1.1\r\n{host}{field}\r\n\r\n1\r\nZ\r\nQ\r\n\r\nGET /proxy/google/smuggledN HTTP/1.1\r\n{host}\r\n"
        ));
    }
    for chunks in CHUNKS {
        plain.push(format!(
            "POST /proxy/google/xN HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n{chunks}GET /proxy/google/smuggledN HTTP/1.1\r\n{host}\r\n"
        ));
    }
    plain.extend(LINES.iter().map(|line| (*line).to_owned()));
    plain.extend(REQUEST_LINES.iter().map(|line| format!("{line}\r\nHost: a\r\n\r\n")));
    plain.extend(BODIES.iter().map(|(rest, _)| format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}")));
    plain.extend(NAMES.iter().map(|field| format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")));
    plain.extend(TUNNELS.iter().map(|(payload, _)| (*payload).to_owned()));
    plain.extend(HOSTS.iter().map(|fields| format!("GET / HTTP/1.1\r\n{fields}\r\n{auth}\r\n")));
    plain.extend(TARGETS.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")));
    plain.extend(GOOD_TARGETS.iter().map(|(target, _)| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")));
    let filled = plain.into_iter().enumerate().map(|(number, text)| {
        let with_auth = |text: String, end: &str| {
            let host = format!("Host: a{end}");
            if text.contains("Authorization") {
                text
            } else {
                text.replacen(&host, &format!("{host}{auth}"), 1)
            }
        };
        let text = with_auth(with_auth(text, "\r\n"), "\n");
        let text = text.replacen(" / HTTP", " /proxy/google/xN HTTP", 1);
        text.replace("xN ", &format!("x{number} "))
            .replace("smuggledN", &format!("smuggled{number}"))
            .into_bytes()
    });
    filled.collect()
}

/// What came back: the targets that the provider's answers name, in their order, and how many answers there were.
struct Conversation {
    number: usize,
    seen: Vec<String>,
    answers: usize,
}

/// Sends a payload and a canary behind it, and reads until the connection ends or nothing comes any more.
async fn exchange(at: SocketAddr, number: usize, payload: Vec<u8>, canary: String) -> Conversation {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let _ = stream.write_all(&payload).await;
    let _ = stream.write_all(canary.as_bytes()).await;
    let mut read = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(6), stream.read_to_end(&mut read)).await;
    let text = String::from_utf8_lossy(&read).into_owned();
    let seen = text.split("\"seen\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let finals =
        text.split("HTTP/1.").skip(1).filter(|rest| rest.get(2..3).is_some_and(|first| first >= "2"));
    Conversation { number, seen: seen.map(str::to_owned).collect(), answers: finals.count() }
}

/// Every payload in its own connection; what came of each, and what the provider saw of all.
async fn all(at: SocketAddr, token: &str, provider: &RawProvider) -> (Vec<Conversation>, Vec<RawRequest>) {
    let payloads = payloads(token);
    assert!(payloads.len() >= 120, "{} payloads", payloads.len());
    let conversations = payloads.into_iter().enumerate().map(|(number, payload)| {
        let canary = format!(
            "GET /proxy/google/canary{number} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        exchange(at, number, payload, canary)
    });
    let conversations = futures_util::stream::iter(conversations).buffer_unordered(24).collect().await;
    (conversations, provider.take())
}

/// Each answer belongs to its request: own number, own order, the canary last and once.
fn in_order(conversations: &[Conversation]) {
    for Conversation { number, seen, answers } in conversations {
        assert!(seen.len() <= *answers, "{number}: {seen:?} in {answers} answers");
        for (place, target) in seen.iter().enumerate() {
            let own = ["/x", "/smuggled", "/canary"].iter().any(|path| *target == format!("{path}{number}"));
            assert!(own, "{number} was given the answer of {target}");
            if target.starts_with("/canary") {
                assert_eq!(place + 1, seen.len(), "{number}: an answer after the canary's: {seen:?}");
            }
        }
    }
}

async fn rig(base: SocketAddr) -> (Rig, String) {
    let extra = format!("[providers.google]\nbase_url = \"http://{base}\"\naccess = \"full\"");
    let rig = Rig::callers(TIMEOUTS, "", &extra).await;
    assert_eq!(rig.get("/proxy/google/warm", BEN).await.status, 200);
    let token = rig.sandbox.caller_token(BEN);
    (rig, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f01_raw_payloads_are_one_request_or_none_at_the_provider() {
    let provider = RawProvider::start().await;
    let (rig, token) = rig(provider.addr).await;
    provider.take();
    let (conversations, requests) = all(rig.addr, &token, &provider).await;
    in_order(&conversations);
    let smuggled: Vec<_> = requests.iter().filter(|request| request.target().contains("smuggled")).collect();
    assert!(smuggled.is_empty(), "{smuggled:?}");
    let canaries = requests.iter().filter(|request| request.target().starts_with("/canary")).count();
    let answered = conversations.iter().filter(|one| one.seen.iter().any(|seen| seen.starts_with("/canary")));
    assert_eq!(canaries, answered.count(), "a canary's request and its answer come together");
    assert!(canaries >= BODIES.len(), "{canaries} canaries came through");
    assert!(memchr::memmem::find(&provider.torn(), b"smuggled").is_none());
    // Nobody's connection was spoilt for the next one.
    assert_eq!(rig.get("/proxy/google/after", BEN).await.json()["seen"], "/after");
    rig.finish();
}

/// An HAProxy of its own that marks every request it reads.
struct Haproxy {
    child: Child,
    at: SocketAddr,
    _folder: TempDir,
}

impl Haproxy {
    async fn start(target: SocketAddr, lenient: bool) -> Option<Self> {
        let program = crate::parts::part("HAPROXY", "HAProxy on either side")?;
        let folder = tempfile::tempdir().unwrap();
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::parts::free_port()));
        let lenient = if lenient { "option accept-invalid-http-request" } else { "" };
        let config = format!(
            "global\n  maxconn 500\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 3s\n  timeout server 5s\n  \
             timeout http-request 2s\n  timeout http-keep-alive 2s\n  http-reuse always\nfrontend front\n  bind {at}\n  {lenient}\n  \
             http-request del-header X-Hop\n  http-request set-header X-Hop %[uuid()]\n  default_backend back\n\
             backend back\n  option accept-invalid-http-response\n  server one {target}\n"
        );
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let child = Command::new(program)
            .args(["-db", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program that HAPROXY names can be started");
        let proxy = Self { child, at, _folder: folder };
        for _ in 0..200 {
            if TcpStream::connect(at).await.is_ok() {
                return Some(proxy);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("haproxy did not start");
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything at the provider was read as a request by HAProxy too: each carries a mark of its own, which no payload holds.
fn marked(requests: &[RawRequest]) {
    let mut marks: Vec<_> = requests.iter().flat_map(|request| request.fields("x-hop")).collect();
    for request in requests {
        assert_eq!(request.fields("x-hop").len(), 1, "not a request to HAProxy: {}", request.target());
    }
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), requests.len(), "two requests out of one");
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f01_haproxy_ahead_reads_what_the_gateway_reads() {
    for lenient in [false, true] {
        let provider = RawProvider::start().await;
        let (rig, token) = rig(provider.addr).await;
        provider.take();
        let Some(proxy) = Haproxy::start(rig.addr, lenient).await else { return rig.finish() };
        let (conversations, requests) = all(proxy.at, &token, &provider).await;
        in_order(&conversations);
        marked(&requests);
        let canaries = requests.iter().filter(|request| request.target().starts_with("/canary")).count();
        assert!(canaries >= BODIES.len(), "{canaries} canaries came through");
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f01_haproxy_behind_reads_what_the_gateway_sends() {
    let provider = RawProvider::start().await;
    let Some(proxy) = Haproxy::start(provider.addr, true).await else { return };
    let (rig, token) = rig(proxy.at).await;
    provider.take();
    let (conversations, requests) = all(rig.addr, &token, &provider).await;
    in_order(&conversations);
    marked(&requests);
    assert!(requests.iter().all(|request| !request.target().contains("smuggled")));
    let canaries = requests.iter().filter(|request| request.target().starts_with("/canary")).count();
    assert!(canaries >= BODIES.len(), "{canaries} canaries came through");
    rig.finish();
}
