//! Bodies: streamed both ways, at once, flat, and never longer than somebody listens.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::Method;
use sandbox::{Ended, Fault, Hold, Sandbox, Server};

use crate::harness::{BEN, Rig, speaks_http2};

const FULL: &str = "access = \"full\"";
const FIFTY_MB: u64 = 50_000_000;

/// Resident memory in MiB.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096 / (1024 * 1024)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_stream_each_way_with_flat_memory() {
    let rig = Rig::start(FULL).await;
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    let before = resident();
    let download = rig.request(Method::GET, &format!("/proxy/github/sandbox/download?bytes={FIFTY_MB}"), BEN);
    let answer = download.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.content_length(), Some(FIFTY_MB));
    let (mut received, mut peak) = (0, 0);
    let mut stream = answer.bytes_stream();
    while let Some(chunk) = stream.next().await {
        received += chunk.unwrap().len() as u64;
        peak = peak.max(resident());
    }
    assert_eq!(received, FIFTY_MB);
    let block = Bytes::from(vec![7_u8; 100_000]);
    let blocks = futures_util::stream::iter((0..500).map(move |_| Ok::<_, std::io::Error>(block.clone())));
    let upload = rig
        .request(Method::PUT, "/proxy/github/sandbox/upload", BEN)
        .header("content-type", "application/octet-stream")
        .body(reqwest::Body::wrap_stream(blocks));
    let answer = rig.send(upload).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["received"], FIFTY_MB);
    peak = peak.max(resident());
    // Tests run side by side in this process; a buffered body would show as 50 MB and more.
    assert!(peak < before + 40, "grew from {before} to {peak} MiB");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_byte_is_not_held_back() {
    let rig = Rig::start("").await;
    let answer = rig.request(Method::GET, "/proxy/github/sandbox/held/one", BEN).send().await.unwrap();
    let mut stream = answer.bytes_stream();
    let first = tokio::time::timeout(Duration::from_secs(5), stream.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(&first[..], b"first", "while the provider still holds the second chunk");
    rig.sandbox.hold("one").release();
    // The last byte may wait for the end: it could begin a spelling of the token.
    let mut rest = Vec::new();
    while let Some(chunk) = stream.next().await {
        rest.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(rest, b"second");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_a06_a_client_that_leaves_cancels_the_provider_call() {
    let rig = Rig::start("").await;
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    // In the middle of a body.
    let answer = rig.request(Method::GET, "/proxy/github/sandbox/held/two", BEN).send().await.unwrap();
    let mut stream = answer.bytes_stream();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let journal = rig.sandbox.journal();
    let call = journal.last(Server::GitHub).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), journal.ended(&call)).await.unwrap().unwrap();
    assert_ne!(ended, Ended::Answered, "{ended:?}");
    // Before the head.
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").hang());
    let request = rig.request(Method::GET, "/proxy/github/user", BEN).timeout(Duration::from_millis(300));
    assert!(request.send().await.is_err());
    let call = journal.last(Server::GitHub).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), journal.ended(&call)).await.unwrap().unwrap();
    assert_ne!(ended, Ended::Answered, "{ended:?}");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_token_in_a_form_never_reaches_the_provider() {
    let rig = Rig::start(FULL).await;
    let token = rig.sandbox.caller_token(BEN);
    let form = rig
        .bare(Method::POST, "/proxy/github/sandbox/upload")
        .bearer_auth(&token)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("a=b&access_token={token}"));
    assert_eq!(rig.send(form).await.outcome(), (400, "caller-token-in-body".into()));
    let long = format!("{}{token}", "x".repeat(3_000_000));
    let batch = rig
        .bare(Method::POST, "/proxy/github/sandbox/upload")
        .bearer_auth(&token)
        .header("content-type", "multipart/mixed; boundary=b")
        .body(long);
    assert_eq!(rig.send(batch).await.outcome(), (400, "caller-token-in-body".into()));
    for call in rig.sandbox.journal().of(Server::GitHub) {
        assert!(memchr::memmem::find(call.body(), token.as_bytes()).is_none());
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_need_the_body_and_unsafe_methods_are_never_sent_twice() {
    let rig = Rig::start(FULL).await;
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    let world = rig.sandbox.world();
    // A short body is sent again with the new token.
    world.revoke(BEN, "github");
    world.sign_in_again(BEN, "github");
    let short = rig
        .request(Method::POST, "/proxy/github/sandbox/upload", BEN)
        .header("content-type", "text/markdown")
        .header("cookie", "session=1")
        .body("hello");
    let answer = rig.send(short).await;
    assert_eq!((answer.status.as_u16(), answer.json()["received"].as_u64()), (200, Some(5)));
    // With the headers of the first call, and no others.
    let seen = rig.sandbox.journal().last(Server::GitHub).unwrap();
    assert_eq!(
        (seen.header("content-type"), seen.header("content-length")),
        (Some("text/markdown"), Some("5"))
    );
    assert_eq!(seen.headers().get_all("authorization").iter().count(), 1);
    assert_eq!(seen.bearer(), world.access_token(BEN, "github").as_deref());
    assert!(!seen.headers().contains_key("cookie"));
    // A long one cannot be, but the fresh token is ready.
    world.revoke(BEN, "github");
    world.sign_in_again(BEN, "github");
    let long = || rig.request(Method::POST, "/proxy/github/sandbox/upload", BEN).body(vec![1_u8; 100_000]);
    let answer = rig.send(long()).await;
    assert_eq!(answer.outcome(), (503, "provider-error".into()));
    assert_eq!(answer.header("retry-after"), "0");
    assert_eq!(rig.send(long()).await.status, 200);
    // A connection that breaks before any answer: GET again, POST not.
    let journal = rig.sandbox.journal();
    journal.clear();
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").times(1).disconnect());
    let kept = rig.request(Method::GET, "/proxy/github/user", BEN).header("x-kept", "yes");
    assert_eq!(rig.send(kept).await.status, 200);
    assert_eq!(journal.count_of(Server::GitHub, "/user"), 2);
    let seen = journal.last(Server::GitHub).unwrap();
    assert_eq!(seen.header("x-kept"), Some("yes"));
    assert_eq!(seen.bearer(), world.access_token(BEN, "github").as_deref());
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/sandbox/upload").times(1).disconnect());
    let answer = rig.send(rig.request(Method::POST, "/proxy/github/sandbox/upload", BEN).body("once")).await;
    assert_eq!(answer.outcome(), (502, "provider-unreachable".into()));
    assert_eq!(journal.count_of(Server::GitHub, "/sandbox/upload"), 1);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o01_echoed_tokens_are_overwritten_in_headers_and_bodies() {
    let rig = Rig::start("").await;
    for form in ["raw", "percent", "base64", "json"] {
        for split in [0, 3, 17] {
            let path = format!("/proxy/github/sandbox/leak?as={form}&split={split}");
            let answer = rig.get(&path, BEN).await;
            assert_eq!(answer.status, 200, "{path}");
        }
    }
    assert_eq!(rig.get("/proxy/github/sandbox/echo", BEN).await.status, 200);
    assert!(rig.metrics.render_prometheus().contains("idp_gateway_leak_scrubs"));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o06_a_detail_that_is_cut_holds_no_beginning_of_a_token() {
    let rig = Rig::start("").await;
    let idp_token = rig.sandbox.world().access_token(BEN, "github").unwrap();
    for before in [1000, 1015, 1023] {
        let message = format!("{}{idp_token} is not good enough", "x".repeat(before));
        let answer = sandbox::Answer::json(403, &serde_json::json!({ "message": message }));
        rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").times(1).answer(answer));
        let request = rig.request(Method::GET, "/proxy/github/user", BEN).header("idp-errors", "problem");
        let answer = rig.send(request).await;
        assert_eq!(answer.outcome(), (403, "provider-denied".into()));
        let detail = answer.json()["provider_detail"].as_str().unwrap().to_owned();
        assert_eq!(detail, format!("{}{}", "x".repeat(before), "*".repeat(1024 - before)));
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_that_was_refused_is_guarded_beside_its_successor() {
    let rig = Rig::start("").await;
    let old = rig.sandbox.world().access_token(BEN, "github").unwrap();
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    rig.sandbox.world().revoke(BEN, "github");
    rig.sandbox.world().sign_in_again(BEN, "github");
    let answer = sandbox::Answer::json(200, &serde_json::json!({ "before": old }));
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").skip(1).times(1).answer(answer));
    let answer = rig.get("/proxy/github/user", BEN).await;
    assert_eq!(answer.json()["before"], "*".repeat(old.len()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r04_foreign_redirects_never_carry_the_token() {
    let rig = Rig::over(Sandbox::builder(), "", "").await;
    let elsewhere = rig.sandbox.tenant_url().join("/stolen").unwrap();
    let answer = rig.get(&format!("/proxy/github/sandbox/redirect?to={elsewhere}"), BEN).await;
    assert_eq!(answer.outcome(), (502, "redirect-blocked".into()));
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, "/stolen"), 0);
    for to in
        ["https://evil.example/x", "//evil.example/x", "http://127.0.0.1:9/x", "https://169.254.169.254/"]
    {
        let answer = rig.get(&format!("/proxy/github/sandbox/redirect?to={to}"), BEN).await;
        assert_eq!(answer.outcome(), (502, "redirect-blocked".into()), "{to}");
    }
    let own = rig.sandbox.provider_url(sandbox::ProviderKind::GitHub).join("/user").unwrap();
    let answer = rig.get(&format!("/proxy/github/sandbox/redirect?status=301&to={own}"), BEN).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (301, "/proxy/github/user"));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_from_declared_hosts_are_fetched_without_credentials() {
    let rig = Rig::with(Sandbox::builder(), |sandbox| {
        let downloads = sandbox.url(Server::Downloads);
        format!("[providers.github.upstreams]\n\"codeload.github.com\" = \"{downloads}\"")
    })
    .await;
    let repos = rig.get("/proxy/github/user/repos?per_page=1", BEN).await.json();
    let name = repos[0]["full_name"].as_str().unwrap().to_owned();
    let answer = rig.get(&format!("/proxy/github/repos/{name}/tarball"), BEN).await;
    assert_eq!(answer.outcome(), (200, "ok".into()), "{:?}", answer.json());
    assert!(answer.body.starts_with(b"the bytes behind"));
    let seen = rig.sandbox.journal().last(Server::Downloads).unwrap();
    assert!(seen.headers().get("authorization").is_none() && seen.headers().get("cookie").is_none());
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_free_stream_is_overload_and_no_delay_of_the_provider() {
    let rig = Rig::over(Sandbox::builder().max_streams(1), "", "").await;
    let journal = rig.sandbox.journal();
    let hold = Hold::new();
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").hold(&hold));
    let held = (0..8).map(|_| tokio::spawn(rig.request(Method::GET, "/proxy/github/user", BEN).send()));
    let held: Vec<_> = held.collect();
    journal.wait_for(|entry| entry.server() == Server::GitHub, 8).await.unwrap();
    let ninth = rig.get("/proxy/github/rate_limit", BEN).await;
    let calls = journal.count_of(Server::GitHub, "/rate_limit");
    if speaks_http2() {
        assert_eq!((ninth.outcome(), calls), ((503, "overloaded".into()), 0), "{:?}", ninth.json());
        assert_eq!(ninth.header("retry-after"), "1");
    } else {
        assert_eq!((ninth.outcome(), calls), ((200, "ok".into()), 1));
    }
    hold.release();
    for answer in held {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    rig.finish();
}
