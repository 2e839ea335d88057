//! What only GitHub does: conditional requests, a pinned version.

use idp_adapters::client::{Conditional, ETag, GitHub, github::NewIssue};

use crate::{
    server::{Server, reply},
    token,
};

#[tokio::test]
async fn an_unchanged_answer_is_no_answer() {
    let server = Server::start(|seen| match seen.header("if-none-match") {
        Some("W/\"v1\"") => reply(304, "").header("etag", "W/\"v1\""),
        _ if seen.path() == "/user" => reply(200, r#"{"id":7,"login":"ana"}"#).header("etag", "W/\"v1\""),
        _ => reply(200, "[]").header("etag", "W/\"v1\""),
    })
    .await;
    let github = GitHub::builder(token()).base_url(server.url.clone()).build().unwrap();

    let Conditional::Changed { value, etag, .. } = github.profile().if_changed(None).await.unwrap() else {
        panic!("nothing was known");
    };
    assert_eq!(value.sub, "7");
    let stored: ETag = etag.unwrap().as_str().parse().unwrap();
    assert_eq!(github.profile().if_changed(Some(&stored)).await.unwrap(), Conditional::Unchanged);
    let page = github.repositories().if_changed(Some(&stored)).await.unwrap();
    assert!(matches!(page, Conditional::Unchanged));
    let other: ETag = "\"v0\"".parse().unwrap();
    let page = github.repositories().if_changed(Some(&other)).await.unwrap();
    assert!(matches!(page, Conditional::Changed { value, .. } if value.items.is_empty()));
    assert!(server.seen().iter().all(|seen| seen.header("x-github-api-version") == Some("2022-11-28")));
    for text in ["v1", "\"a", "\"a\"b\"", "\"a\nb\"", ""] {
        assert!(text.parse::<ETag>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn an_unasked_304_is_an_error() {
    let server = Server::saying(reply(304, "")).await;
    let github = GitHub::builder(token()).base_url(server.url.clone()).build().unwrap();
    github.profile().await.unwrap_err();
}

#[tokio::test]
async fn no_content_is_an_empty_page() {
    let server = Server::saying(reply(204, "")).await;
    let github = GitHub::builder(token()).base_url(server.url.clone()).build().unwrap();
    assert!(github.issues("a", "b").page().await.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_issue_is_posted_as_json() {
    let server = Server::saying(reply(201, r#"{"id":1,"number":2,"title":"Found a bug"}"#)).await;
    let github = GitHub::builder(token()).base_url(server.url.clone()).build().unwrap();
    let issue =
        github.create_issue("ana", "atlas", &NewIssue::new("Found a bug").label("bug")).await.unwrap();
    assert_eq!((issue.number, issue.is_pull_request()), (2, false));
    let seen = server.only();
    assert_eq!((seen.method.as_str(), seen.header("content-type")), ("POST", Some("application/json")));
    assert_eq!(seen.body, r#"{"title":"Found a bug","labels":["bug"]}"#);
}
