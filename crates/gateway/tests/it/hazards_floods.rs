//! A gateway of its own under floods and slow peers: it stays small, and honest callers notice nothing.

use std::time::Duration;

use sandbox::Sandbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::child::RunningGateway;
use crate::harness::BEN;
use crate::wire_http2::{flood, floods};

/// How long to wait for the end of a flood.
const FLOOD_TIMEOUT: Duration = Duration::from_secs(3);

const USER: &str = "/proxy/github/user";

/// Resident KiB of a process.
pub(crate) fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Lets this process and its children open as many files as they may.
pub(crate) fn more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
}

async fn honest(serving: &RunningGateway, token: &str) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let answer = client.get(serving.url(USER)).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f09_floods_cost_no_memory() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let serving = RunningGateway::start(&sandbox, "");
    let token = sandbox.caller_token(BEN);
    honest(&serving, &token).await;
    // The first of each kind pays for what is allocated once.
    for (_, round) in floods() {
        flood(serving.addr, round, FLOOD_TIMEOUT).await;
    }
    let before = resident(serving.id());
    for _ in 0..3 {
        for (_, round) in floods() {
            // That each ends in GOAWAY is shown elsewhere; here a slow machine may send some of them too slowly to be one.
            flood(serving.addr, round, FLOOD_TIMEOUT).await;
            honest(&serving, &token).await;
        }
    }
    let grown = resident(serving.id()).saturating_sub(before);
    assert!(grown <= 10 * 1024, "{grown} KiB more than before");
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_f10_two_thousand_slow_connections_bother_nobody_and_are_gone_in_time() {
    more_files();
    let sandbox = Sandbox::builder().start().await.unwrap();
    let serving = RunningGateway::over(&sandbox, "timeouts = { header = \"3s\", body_idle = \"3s\" }", "");
    let token = sandbox.caller_token(BEN);
    honest(&serving, &token).await;
    let mut slow = Vec::new();
    for number in 0..2000 {
        let mut stream = TcpStream::connect(serving.addr).await.unwrap();
        let begun = match number % 3 {
            0 => "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_owned(),
            1 => format!("POST {USER} HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\na"),
            _ => String::new(),
        };
        stream.write_all(begun.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let opened = Instant::now();
    for _ in 0..20 {
        let asked = Instant::now();
        honest(&serving, &token).await;
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    let ended = slow.into_iter().map(|mut stream| async move {
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await.is_ok()
    });
    let ended = futures_util::future::join_all(ended).await;
    assert!(ended.iter().all(|ended| *ended), "some are still there after {:?}", opened.elapsed());
    honest(&serving, &token).await;
}
