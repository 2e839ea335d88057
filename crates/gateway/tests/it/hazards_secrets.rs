//! Secrets on ways that are no token's usual one: in targets and headers, in answers after a refresh, in members of bodies.

use reqwest::Method;
use sandbox::{Answer, Fault, ProviderKind, Sandbox, Server};
use serde_json::json;

use crate::harness::{BEN, Rig};
use crate::raw_provider::{RawProvider, json_answer, with_body};

#[tokio::test(flavor = "multi_thread")]
async fn tm_o14_answers_of_a_request_that_refreshed_hold_none_of_its_secrets() {
    let rig = Rig::with(Sandbox::builder(), |sandbox| {
        let (client, secret) = sandbox.provider_client(ProviderKind::Google);
        format!(
            "[providers.google]\nbase_url = \"{}\"\ntoken_url = \"{}\"\nclient_id = \"{client}\"\n\
             client_secret = \"{secret}\"\naccess = \"full\"",
            sandbox.provider_url(ProviderKind::Google),
            sandbox.provider_token_url(ProviderKind::Google),
        )
    })
    .await;
    let secret = rig.sandbox.provider_client(ProviderKind::Google).1;
    let refresh = rig.sandbox.world().refresh_token(BEN, "google-oauth2").unwrap();
    for mode in ["passthrough", "problem"] {
        rig.sandbox.world().expire(BEN, "google-oauth2");
        let echo = json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT", "message": format!("{secret} {refresh}") } });
        let fault = Fault::on(Server::Google).path("/drive/v3/about").skip(1).times(1);
        rig.sandbox.faults().add(fault.answer(Answer::json(400, &echo)).header("x-echo", &refresh));
        let request =
            rig.request(Method::GET, "/proxy/google/drive/v3/about", BEN).header("idp-errors", mode);
        let answer = rig.send(request).await;
        assert_eq!(answer.status, 400, "{mode}: {:?}", answer.json());
        let all = format!("{:?}{}", answer.headers, String::from_utf8_lossy(&answer.body));
        for held in [&secret, &refresh] {
            assert!(!all.contains(held.as_str()), "{mode}: {held} came back: {all}");
        }
        assert!(all.contains("****"), "{mode}: {all}");
    }
    assert_eq!(rig.sandbox.world().refreshes(BEN, "google-oauth2"), 2);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o15_capability_links_are_taken_out_of_every_answer() {
    let microsoft = RawProvider::start().await;
    let at = microsoft.addr;
    let extra = format!("[providers.microsoft]\nbase_url = \"http://{at}\"\ncapability_urls = \"drop\"");
    let rig = Rig::start(&extra).await;
    let link = "https://acme.sharepoint.com/download?tempauth=CAPABILITY99";
    let body = json!({ "id": "1", "uploadUrl": link, "@content.downloadUrl": [link] }).to_string();
    for (number, (status, fields)) in [
        ("200 OK", "Content-Type: application/json"),
        ("200 OK", "X-No-Type: 1"),
        ("200 OK", "Content-Type: application/x-ndjson"),
        ("300 Multiple Choices", "Content-Type: application/json"),
        ("404 Not Found", "Content-Type: application/json"),
        ("409 Conflict", "X-No-Type: 1"),
        ("503 Service Unavailable", "Content-Type: application/json"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/v1.0/{number}");
        let fields = format!("{fields}\r\nContent-Location: {link}");
        microsoft.answer(&path, with_body(status, &fields, body.as_bytes()));
        let answer = rig.get(&format!("/proxy/microsoft{path}"), BEN).await;
        let all = format!("{:?}{}", answer.headers, String::from_utf8_lossy(&answer.body));
        assert!(!all.contains("CAPABILITY99"), "{status} {fields}: {all}");
        assert!(all.contains("\"id\":\"1\""), "{status} {fields}: {all}");
    }
    let own = format!("Content-Type: application/json\r\nContent-Location: http://{at}/v1.0/me");
    microsoft.answer("/v1.0/own", with_body("200 OK", &own, b"{}"));
    let answer = rig.get("/proxy/microsoft/v1.0/own", BEN).await;
    assert!(answer.header("content-location").ends_with("/proxy/microsoft/v1.0/me"), "{:?}", answer.headers);
    rig.finish();
}

/// Each reason to look into an answer is enough to refuse one that is coded.
#[tokio::test(flavor = "multi_thread")]
async fn tm_o09_a_coded_answer_is_refused_where_it_would_be_searched_for_anything() {
    let provider = RawProvider::start().await;
    let at = provider.addr;
    let coded = |status: &str, kind: &str| {
        with_body(status, &format!("Content-Type: {kind}\r\nContent-Encoding: gzip"), b"\x1f\x8b")
    };
    provider.answer("/members", coded("404 Not Found", "application/json"));
    provider.answer("/links", coded("200 OK", "application/json"));
    provider.answer("/echo", coded("200 OK", "image/png"));
    for (urls, path, status) in [
        ("drop", "/microsoft/members", 502),
        ("pass", "/microsoft/links", 502),
        ("pass", "/facebook/echo", 502),
        ("pass", "/microsoft/echo", 200),
    ] {
        let extra = format!(
            "[providers.microsoft]\nbase_url = \"http://{at}\"\ncapability_urls = \"{urls}\"\n\
             [providers.facebook]\nbase_url = \"http://{at}\""
        );
        let rig = Rig::start(&extra).await;
        let answer = rig.get(&format!("/proxy{path}"), BEN).await;
        assert_eq!(answer.status, status, "{path}: {:?}", answer.outcome());
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r17_the_caller_token_reaches_a_provider_in_no_part_of_a_request() {
    let provider = RawProvider::start().await;
    let extra = format!("[providers.google]\nbase_url = \"http://{}\"\naccess = \"full\"", provider.addr);
    let rig = Rig::start(&extra).await;
    let token = rig.sandbox.caller_token(BEN);
    let ask = |path: String| rig.bare(Method::GET, &path).header("authorization", format!("Bearer {token}"));
    for path in [
        format!("/proxy/google/list?token={token}"),
        format!("/proxy/google/list?user%5Baccess_token%5D={}", token.replace('.', "%2E")),
        format!("/proxy/google/list/{token}"),
    ] {
        let answer = rig.send(ask(path.clone())).await;
        assert_eq!(answer.outcome(), (400, "caller-token-in-query".into()), "{path}");
    }
    for name in ["x-auth-token", "private-token", "authentication-info", "set-cookie"] {
        let request = ask("/proxy/google/list".to_owned()).header(name, format!("t={token}"));
        let answer = rig.send(request).await;
        assert_eq!(answer.outcome(), (400, "caller-token-in-body".into()), "{name}");
    }
    assert!(provider.take().is_empty());
    provider.answer("/list", json_answer("{}"));
    assert_eq!(rig.send(ask("/proxy/google/list".to_owned())).await.status, 200);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r15_a_method_in_a_body_never_reaches_facebook() {
    let provider = RawProvider::start().await;
    let extra = format!("[providers.facebook]\nbase_url = \"http://{}\"\naccess = \"full\"", provider.addr);
    let rig = Rig::start(&extra).await;
    provider.answer("/v22.0/1", json_answer("{}"));
    let post = |kind: &'static str, body: String| {
        let request = rig.request(Method::POST, "/proxy/facebook/v22.0/1", BEN);
        rig.send(request.header("content-type", kind).body(body))
    };
    let form = "application/x-www-form-urlencoded";
    let part = "--b\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\ndelete\r\n--b--\r\n";
    for (kind, body) in [
        (form, "message=x&method=delete"),
        ("application/json", "{\"method\":\"delete\"}"),
        ("multipart/form-data; boundary=b", part),
    ] {
        let answer = post(kind, body.to_owned()).await;
        assert_eq!(answer.outcome(), (400, "bad-request".into()), "{kind}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("method"), "{:?}", answer.json());
    }
    assert!(provider.take().is_empty());
    // A long body ends before the member is whole; the provider never gets the end of it.
    let long = format!("message={}&method=delete&x={}", "x".repeat(300_000), "y".repeat(100_000));
    let answer = post(form, long).await;
    assert_eq!(answer.outcome(), (400, "bad-request".into()));
    assert!(
        provider.take().iter().all(|sent| !String::from_utf8_lossy(&sent.body).contains("method=delete&"))
    );
    assert_eq!(post(form, "message=x&method=POST".to_owned()).await.status, 200);
    rig.finish();
}

/// What a provider of this name got whole, for bodies of these types.
async fn sent_to_facebook(bodies: &[(&'static str, Vec<u8>)], outcome: &str) {
    let provider = RawProvider::start().await;
    let extra = format!("[providers.facebook]\nbase_url = \"http://{}\"\naccess = \"full\"", provider.addr);
    let rig = Rig::start(&extra).await;
    provider.answer("/v22.0/1", json_answer("{}"));
    for (kind, body) in bodies {
        let request = rig.request(Method::POST, "/proxy/facebook/v22.0/1", BEN);
        let request = if kind.is_empty() { request } else { request.header("content-type", *kind) };
        let answer = rig.send(request.body(body.clone())).await;
        let shown = String::from_utf8_lossy(body.get(..80).unwrap_or(body)).into_owned();
        assert_eq!(
            answer.outcome(),
            (if outcome == "ok" { 200 } else { 400 }, outcome.into()),
            "{kind} {shown}"
        );
    }
    let got = provider.take();
    let expected = if outcome == "ok" { bodies.len() } else { 0 };
    assert_eq!(got.len(), expected);
    for (sent, (kind, body)) in got.iter().zip(bodies) {
        assert_eq!(sent.body, *body, "{kind}");
    }
    rig.finish();
}

const MULTIPART: &str = "multipart/form-data; boundary=0a1b2c3d4e5f";

fn parts(head: &str, content: &[u8]) -> Vec<u8> {
    let first = "--0a1b2c3d4e5f\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nA photo\r\n";
    let second = format!("--0a1b2c3d4e5f\r\n{head}\r\n\r\n");
    [first.as_bytes(), second.as_bytes(), content, b"\r\n--0a1b2c3d4e5f--\r\n"].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r18_no_ambiguous_body_reaches_facebook() {
    let head = "Content-Disposition: form-data; name=\"source\"; filename=\"a.jpg\"";
    let bodies = [
        ("text/plain", b"x".to_vec()),
        ("m; boundary=0a1b2c3d4e5f", parts(head, b"x")),
        ("multipart/form-data; boundary=b", parts(head, b"x")),
        (MULTIPART, parts("no colon", b"x")),
        (MULTIPART, parts(&head.replace("; name", ";\r\n name"), b"x")),
        (MULTIPART, parts(head, b"x\r\n--0a1b2c3d4e5fx\r\n")),
        ("application/json", b"{\"message\":1,\"message\":2}".to_vec()),
        ("application/json", b"{\"a\":\"x&method=delete&\"}".to_vec()),
        ("application/json", b"{\"a\":NaN}".to_vec()),
        ("", b"{\"a\":1} x".to_vec()),
        ("application/octet-stream", b"x&batch=1".to_vec()),
        ("image/png", [&b"%20".repeat(2000)[..], b"method=delete"].concat()),
        ("application/x-www-form-urlencoded", b"a=1&suppress[http_code=1".to_vec()),
    ];
    sent_to_facebook(&bodies, "bad-request").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r19_a_token_in_a_body_never_reaches_facebook() {
    let bodies = [
        ("application/x-www-form-urlencoded", b"message=x&access_token=EAAB".to_vec()),
        ("application/json", b"{\"access_token\":\"EAAB\"}".to_vec()),
        (MULTIPART, parts("Content-Disposition: form-data; name=\"access_token\"", b"EAAB")),
        ("", b"&access[token=EAAB".to_vec()),
    ];
    sent_to_facebook(&bodies, "caller-token-in-body").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_known_clients_reach_facebook() {
    let file: Vec<u8> = (0..200_000_u32).map(|at| (at * 7 % 251) as u8).collect();
    let photo =
        "Content-Disposition: form-data; name=\"source\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg";
    let bodies = [
        (
            "application/x-www-form-urlencoded",
            b"message=x&link=https%3A%2F%2Fx%2F%3Fmethod%3Ddelete".to_vec(),
        ),
        ("application/json", b"{\"message\":\"x\",\"privacy\":{\"value\":\"SELF\"}}".to_vec()),
        (MULTIPART, parts(photo, &file)),
        // Resumable uploads of curl and others.
        ("application/x-www-form-urlencoded", file.clone()),
        ("application/octet-stream", file.clone()),
        ("", file),
    ];
    sent_to_facebook(&bodies, "ok").await;
}
