//! Headers, encodings, TLS and HTTP/2.

use reqwest::{Certificate, Version};
use sandbox::{Alpn, Ended, Fault, ProviderKind, Quirk, Sandbox, Server};

use crate::helpers::{BEN, get, start};

const GITHUB: ProviderKind = ProviderKind::GitHub;

#[tokio::test]
async fn headers_may_hold_bytes_that_are_no_text() {
    let sandbox = start().await;
    let fault =
        Fault::on(Server::GitHub).header_bytes("location", b"https://api.github.com/caf\xe9").times(1);
    sandbox.faults().add(fault);
    let answer = get(&sandbox, GITHUB, BEN, "github", "user").send().await.expect("an answer");
    assert!(answer.headers()["location"].as_bytes().ends_with(b"caf\xe9"));
    let path = "sandbox/raw-header/link?hex=3c68747470733a2f2f7ff03e";
    assert!(
        get(&sandbox, GITHUB, BEN, "github", path)
            .send()
            .await
            .expect("an answer")
            .headers()
            .get("link")
            .is_none()
    );
    let path = "sandbox/raw-header/link?hex=3c68747470733a2f2ff03e";
    let answer = get(&sandbox, GITHUB, BEN, "github", path).send().await.expect("an answer");
    assert_eq!(answer.headers()["link"].as_bytes(), b"<https://\xf0>");
}

#[tokio::test]
async fn answers_may_be_compressed_although_nobody_asked() {
    let sandbox = start().await;
    let plain = get(&sandbox, GITHUB, BEN, "github", "user").send().await.expect("an answer");
    let plain = plain.bytes().await.expect("bytes");
    sandbox.quirks().turn_on(Quirk::AlwaysGzip(GITHUB));
    let ask = get(&sandbox, GITHUB, BEN, "github", "user").header("accept-encoding", "identity");
    let answer = ask.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-encoding"].as_bytes(), b"gzip");
    let packed = answer.bytes().await.expect("bytes");
    let deflated = packed.get(10..packed.len() - 8).expect("a member");
    assert_eq!(miniz_oxide::inflate::decompress_to_vec(deflated).expect("deflate"), plain);
}

fn trusting(sandbox: &Sandbox) -> reqwest::Client {
    let pem = sandbox.authority_pem().expect("an authority");
    let authority = Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    reqwest::Client::builder().user_agent("t").tls_certs_only([authority]).build().expect("a client")
}

async fn user(client: &reqwest::Client, sandbox: &Sandbox) -> reqwest::Result<reqwest::Response> {
    let url = sandbox.provider_url(GITHUB).join("user").expect("a path");
    client.get(url).bearer_auth(sandbox.world().access_token(BEN, "github").expect("a token")).send().await
}

#[tokio::test]
async fn providers_speak_tls_and_the_version_that_was_agreed() {
    for (alpn, version) in
        [(Alpn::Both, Version::HTTP_2), (Alpn::Http2, Version::HTTP_2), (Alpn::Http1, Version::HTTP_11)]
    {
        let sandbox = Sandbox::builder().tls(alpn).start().await.expect("the sandbox starts");
        assert_eq!(sandbox.provider_url(GITHUB).scheme(), "https");
        assert_eq!(sandbox.tenant_url().scheme(), "http");
        let answer = user(&trusting(&sandbox), &sandbox).await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        let body: serde_json::Value = answer.json().await.expect("JSON");
        assert!(body["url"].as_str().expect("text").starts_with("https://127.0.0.1:"));
        let stranger = crate::helpers::client();
        assert!(user(&stranger, &sandbox).await.is_err(), "nobody else trusts the authority");
    }
}

#[tokio::test]
async fn a_stream_may_be_refused_and_a_connection_go_away() {
    let sandbox = Sandbox::builder().tls(Alpn::Http2).start().await.expect("the sandbox starts");
    let http1 = Sandbox::builder().tls(Alpn::Http1).start().await.expect("the sandbox starts");
    // No retries of the client's own hide what happens.
    let client = |sandbox: &Sandbox| {
        let pem = sandbox.authority_pem().expect("an authority");
        let authority = Certificate::from_pem(pem.as_bytes()).expect("a certificate");
        let builder = reqwest::Client::builder().user_agent("t").retry(reqwest::retry::never());
        builder.tls_certs_only([authority]).build().expect("a client")
    };
    for (sandbox, words) in [(&sandbox, "REFUSED_STREAM"), (&http1, "")] {
        sandbox.faults().add(Fault::on(Server::GitHub).refuse_stream().times(1));
        let error = format!("{:?}", user(&client(sandbox), sandbox).await.expect_err("a refusal"));
        assert!(error.contains(words), "{error}");
        let seen = sandbox.journal().last(Server::GitHub).expect("a request");
        assert_eq!(sandbox.journal().ended(&seen).await.expect("an end"), Ended::Dropped);
        assert_eq!(user(&client(sandbox), sandbox).await.expect("an answer").status(), 200);
    }
    let before = sandbox.journal().count_of(Server::GitHub, "/user");
    sandbox.faults().go_away(Server::GitHub, 1);
    assert!(user(&client(&sandbox), &sandbox).await.is_err());
    assert_eq!(sandbox.journal().count_of(Server::GitHub, "/user"), before, "the request was not acted upon");
    assert_eq!(user(&client(&sandbox), &sandbox).await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_connection_has_only_so_many_streams() {
    let sandbox =
        Sandbox::builder().tls(Alpn::Http2).max_streams(1).start().await.expect("the sandbox starts");
    let client = trusting(&sandbox);
    assert_eq!(user(&client, &sandbox).await.expect("an answer").status(), 200);
    let hold = sandbox.hold("streams");
    let slow = sandbox.provider_url(GITHUB).join("sandbox/held/streams").expect("a path");
    let token = sandbox.world().access_token(BEN, "github").expect("a token");
    let held = client.get(slow).bearer_auth(token).send().await.expect("a head");
    // The only stream is taken: the second request waits until the first is over.
    let second = user(&client, &sandbox);
    tokio::pin!(second);
    let first = async {
        hold.release();
        held.bytes().await.expect("bytes")
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.as_ref(), second.expect("an answer").status().as_u16()), (&b"firstsecond"[..], 200));
}
