//! Calls beside the typed ones, where the token comes from, and what errors tell.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Method;
use idp_adapters::{
    BearerToken, Outcome,
    client::{Facebook, GitHub, HttpClient, Items, Microsoft, Multipart, TokenSource, github::Repository},
};
use serde_json::{Value, json};

use crate::{
    TOKEN,
    server::{Server, reply},
    token,
};

fn github(server: &Server) -> GitHub {
    GitHub::builder(token()).base_url(server.url.clone()).build().unwrap()
}

#[tokio::test]
async fn a_raw_call_says_all_that_http_can_say() {
    let server = Server::saying(reply(201, r#"{"number":7}"#).header("x-github-request-id", "A:1")).await;
    let github =
        GitHub::builder(token()).base_url(server.url.clone()).user_agent("acme-sync/3").build().unwrap();
    let call = github
        .request(Method::PATCH, "/repos/acme/a%2Fb/issues/7")
        .query("label", "a b")
        .query("label", "c&d")
        .header("Prefer", "return=minimal")
        .header("Accept", "application/vnd.github.raw+json")
        .json(&json!({ "state": "closed" }));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["x-github-request-id"], "A:1");
    assert_eq!(answer.json::<Value>().await.unwrap()["number"], 7);
    let seen = server.only();
    assert_eq!(seen.method, Method::PATCH);
    assert_eq!(seen.target, "/repos/acme/a%2Fb/issues/7?label=a%20b&label=c%26d");
    for (name, value) in [
        ("prefer", "return=minimal"),
        ("accept", "application/vnd.github.raw+json"),
        ("user-agent", "acme-sync/3"),
        ("x-github-api-version", "2022-11-28"),
        ("content-type", "application/json"),
        ("authorization", &format!("Bearer {TOKEN}")),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!(&seen.body[..], br#"{"state":"closed"}"#);
}

#[tokio::test]
async fn a_caller_cannot_replace_the_token_by_a_header() {
    let server = Server::saying(reply(200, "{}")).await;
    github(&server)
        .request(Method::GET, "/user")
        .header("Authorization", "Bearer other")
        .send()
        .await
        .unwrap();
    assert_eq!(server.only().header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let server = Server::saying(reply(200, "0123456789".repeat(1000))).await;
    let pieces = [Bytes::from_static(b"abc"), Bytes::from_static(b"def")];
    let body = stream::iter(pieces.map(Ok::<_, std::io::Error>));
    let upload = github(&server).request(Method::POST, "/upload").stream("application/zip", Some(6), body);
    let mut answer = upload.send().await.unwrap();
    let mut read = 0;
    while let Some(piece) = answer.chunk().await.unwrap() {
        read += piece.len();
    }
    assert_eq!(read, 10_000);
    let seen = server.only();
    assert_eq!((&seen.body[..], seen.header("content-length")), (&b"abcdef"[..], Some("6")));
    let answer = github(&server).request(Method::GET, "/download").send().await.unwrap();
    let whole: Vec<Bytes> = answer.into_stream().try_collect().await.unwrap();
    assert_eq!(whole.concat().len(), 10_000);
}

#[tokio::test]
async fn a_photo_is_uploaded_as_a_form() {
    let server = Server::saying(reply(200, r#"{"id":"9"}"#)).await;
    let facebook = Facebook::builder(token()).base_url(server.url.clone()).build().unwrap();
    let form =
        Multipart::form_data().text("caption", "Sea").file("source", "a.png", "image/png", &b"\x89PNG"[..]);
    facebook.request(Method::POST, "/v22.0/me/photos").multipart(form).send().await.unwrap();
    let seen = server.only();
    assert!(seen.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    assert!(seen.body.windows(4).any(|window| window == b"\x89PNG"));
}

#[tokio::test]
async fn an_answer_over_the_limit_is_an_error_whole_and_none_in_pieces() {
    let server = Server::saying(reply(200, "x".repeat(100))).await;
    let http = HttpClient::builder().max_body(10).build();
    let github = GitHub::builder(token()).base_url(server.url.clone()).http(http).build().unwrap();
    let ask = || github.request(Method::GET, "/big").send();
    assert!(!ask().await.unwrap().bytes().await.unwrap_err().is_transient());
    let pieces: Vec<_> = ask().await.unwrap().into_stream().collect().await;
    assert!(pieces.iter().all(Result::is_ok));
}

#[tokio::test]
async fn paths_that_are_not_paths_are_refused_unsent() {
    let server = Server::saying(reply(200, "{}")).await;
    for path in ["user", "/user?a=1", "/user#a", "/a/../b", "/a/%2e%2E/b", "/a/.", "/a\\b", ""] {
        let error = github(&server).request(Method::GET, path).send().await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Rejected, "{path}");
    }
    let error = github(&server).request(Method::GET, "/user").host("evil.test").send().await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Rejected);
    let error = github(&server).request(Method::GET, "/user").header("a b", "c").send().await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_raw_call_is_classified_by_its_own_provider() {
    let limit = reply(403, r#"{"message":"You have exceeded a secondary rate limit."}"#);
    let server = Server::saying(limit.header("x-ratelimit-remaining", "4000")).await;
    let error = github(&server).request(Method::GET, "/search/code").send().await.unwrap_err();
    assert!(error.is_rate_limited(), "{error}");
    let graph =
        reply(401, r#"{"error":{"code":"InvalidAuthenticationToken","message":"Invalid audience."}}"#);
    let server = Server::saying(graph).await;
    let microsoft = Microsoft::builder(token()).base_url(server.url.clone()).build().unwrap();
    let error = microsoft.request(Method::GET, "/v1.0/me").send().await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Misconfigured);
}

#[tokio::test]
async fn errors_carry_headers_and_details_but_no_secret() {
    let body = r#"{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"},{"message":"prose only"},"text"]}"#;
    let answer = reply(422, body)
        .header("x-github-request-id", "A:1")
        .header("x-ratelimit-remaining", "17")
        .header("x-echo", format!("seen {TOKEN}"))
        .header("set-cookie", "session=1");
    let server = Server::saying(answer).await;
    let error =
        github(&server).request(Method::POST, "/repos/a/b/issues").json(&json!({})).send().await.unwrap_err();
    let headers = error.headers().unwrap();
    assert_eq!(headers["x-github-request-id"], "A:1");
    assert_eq!(headers["x-ratelimit-remaining"], "17");
    assert!(!headers.contains_key("x-echo") && !headers.contains_key("set-cookie"));
    let [field] = error.fields() else { panic!("{:?}", error.fields()) };
    assert_eq!(
        (field.resource.as_deref(), field.field.as_deref(), field.code.as_deref()),
        (Some("Issue"), Some("title"), Some("missing_field"))
    );
    assert_eq!(error.sso_url(), None);

    let sso = "required; url=https://github.com/orgs/acme/sso?authorization_request=A1";
    let server = Server::saying(
        reply(403, r#"{"message":"Resource protected by organization SAML enforcement."}"#)
            .header("x-github-sso", sso),
    )
    .await;
    let error = github(&server).repository("acme", "atlas").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied);
    assert_eq!(error.sso_url(), Some("https://github.com/orgs/acme/sso?authorization_request=A1"));
    assert!(!format!("{error:?} {error}").contains("authorization_request"));
}

#[tokio::test]
async fn a_token_source_is_asked_before_each_call() {
    let server = Server::saying(reply(200, r#"{"id":1,"login":"ana"}"#)).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let source = TokenSource::from_fn(move || {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        async move { BearerToken::new(format!("token-{number}")) }
    });
    let github = GitHub::builder(source).base_url(server.url.clone()).build().unwrap();
    github.profile().await.unwrap();
    github.request(Method::GET, "/user").send().await.unwrap();
    let sent: Vec<_> =
        server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Bearer token-0", "Bearer token-1"]);
    assert!(!format!("{github:?}").contains("token-0"));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_a_stream_is_not_repeated() {
    let number = AtomicUsize::new(0);
    let server = Server::start(move |_| match number.fetch_add(1, Ordering::Relaxed) {
        1 => reply(200, r#"{"id":1,"login":"ana"}"#),
        _ => reply(401, r#"{"message":"Bad credentials"}"#),
    })
    .await;
    let refused = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&refused);
    let source = TokenSource::from_fn(|| async { BearerToken::new("old") }).on_refusal(move |token| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { BearerToken::new(format!("new-after-{}", token.expose())) }
    });
    let github = GitHub::builder(source).base_url(server.url.clone()).build().unwrap();
    let sent = || -> Vec<_> {
        server.seen().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect()
    };
    let call = github.request(Method::POST, "/user/repos").json(&json!({ "name": "a" }));
    call.send().await.unwrap();
    assert_eq!(sent(), ["Bearer old", "Bearer new-after-old"]);
    assert!(
        server.seen().iter().all(|seen| &seen.body[..] == br#"{"name":"a"}"#),
        "the body goes along again"
    );

    let error = github.profile().await.unwrap_err();
    assert!(error.is_token_dead(), "the second refusal stays");
    assert_eq!((sent().len(), refused.load(Ordering::Relaxed)), (4, 2));

    let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"a"))]);
    let call = github.request(Method::POST, "/upload").stream("text/plain", Some(1), body);
    assert!(call.send().await.unwrap_err().is_token_dead());
    assert_eq!(
        (sent().len(), refused.load(Ordering::Relaxed)),
        (5, 3),
        "the source is told, nothing is repeated"
    );
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_is_kept() {
    let server = Server::saying(reply(200, "{}")).await;
    let source = TokenSource::from_fn(|| async {
        Err::<BearerToken, _>(std::io::Error::other("the vault is closed"))
    });
    let github = GitHub::builder(source).base_url(server.url.clone()).build().unwrap();
    let error = github.profile().await.unwrap_err();
    assert!(error.is_token_unavailable() && !error.is_token_dead());
    assert_eq!(error.source().unwrap().to_string(), "the vault is closed");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn what_lies_behind_an_error_can_be_asked_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let github = GitHub::builder(token()).base_url(url).build().unwrap();
    assert!(github.profile().await.unwrap_err().source().is_some());
    let server = Server::saying(reply(200, format!(r#"{{"id":"{TOKEN}"}}"#))).await;
    let error = self::github(&server).repository("a", "b").await.unwrap_err();
    let source = error.source().unwrap().to_string();
    assert!(source.contains("line 1") && !source.contains(TOKEN), "{source}");
}

#[tokio::test]
async fn a_client_that_is_handed_in_is_used_as_it_is() {
    let server = Server::saying(reply(200, r#"{"id":1,"login":"ana"}"#)).await;
    let mut headers = http::HeaderMap::new();
    headers.insert("x-own", "1".parse().unwrap());
    let own = reqwest::Client::builder().default_headers(headers).redirect(reqwest::redirect::Policy::none());
    let http = HttpClient::from(own.build().unwrap());
    GitHub::builder(token())
        .base_url(server.url.clone())
        .http(http)
        .build()
        .unwrap()
        .profile()
        .await
        .unwrap();
    assert_eq!(server.only().header("x-own"), Some("1"));
}

#[tokio::test]
async fn the_api_version_is_the_builders() {
    let server = Server::saying(reply(200, r#"{"id":1,"login":"ana"}"#)).await;
    for version in ["2026-03-10", ""] {
        let builder = GitHub::builder(token()).base_url(server.url.clone()).api_version(version);
        builder.build().unwrap().profile().await.unwrap();
    }
    let enterprise = server.url.join("api/v3/").unwrap();
    let github = GitHub::builder(token()).base_url(enterprise).build().unwrap();
    github.profile().await.unwrap();
    github
        .request(Method::POST, "/graphql")
        .json(&json!({ "query": "{viewer{login}}" }))
        .send()
        .await
        .unwrap();
    let seen = server.seen();
    let versions: Vec<_> = seen.iter().map(|seen| seen.header("x-github-api-version")).collect();
    assert_eq!(versions, [Some("2026-03-10"), None, None, None]);
    assert_eq!((seen[2].path(), seen[3].path()), ("/api/v3/user", "/api/graphql"));
}

#[test]
fn streams_of_items_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Items<Repository>>();
    shared::<GitHub>();
}
