//! What all clients do alike: where the token may go, what is read, what is followed.

use std::time::Duration;

use futures_util::StreamExt;
use idp_adapters::{
    Outcome,
    client::{Cursor, Error, GitHub, HttpClient, github::Repository},
};
use url::Url;

use crate::{
    TOKEN,
    server::{Reply, Server, reply},
    token,
};

fn github(server: &Server) -> GitHub {
    GitHub::builder(token()).base_url(server.url.clone()).build().unwrap()
}

fn named(name: &str) -> String {
    format!(r#"{{"id":1,"name":"{name}","full_name":"ana/{name}"}}"#)
}

#[test]
fn a_base_url_that_is_not_safe_is_refused() {
    for url in [
        "http://api.github.com",
        "http://127.0.0.1.example.test",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://user@api.github.com",
        "https://api.github.com/?a=b",
        "https://api.github.com/#a",
        "data:text/plain,x",
    ] {
        let error = GitHub::builder(token()).base_url(Url::parse(url).unwrap()).build().unwrap_err();
        assert_eq!(error.outcome(), Outcome::Misconfigured, "{url}");
    }
    for url in ["http://localhost:1", "http://127.8.9.1", "http://[::1]/x"] {
        GitHub::builder(token()).base_url(Url::parse(url).unwrap()).build().unwrap();
    }
}

#[tokio::test]
async fn a_base_url_with_a_path_goes_before_every_path() {
    let server = Server::saying(reply(200, "[]")).await;
    let base = server.url.join("api/v3/").unwrap();
    let github = GitHub::builder(token()).base_url(base).build().unwrap();
    assert!(github.repositories().page().await.unwrap().items.is_empty());
    assert_eq!(server.only().target, "/api/v3/user/repos");
}

#[tokio::test]
async fn names_that_would_change_the_path_are_refused_unsent() {
    let server = Server::saying(reply(200, "{}")).await;
    for (owner, name) in [("..", "a"), ("a", "."), ("", "a"), ("a", "")] {
        let error = github(&server).repository(owner, name).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Rejected, "{owner}/{name}");
    }
    assert!(github(&server).contents("a", "b", "docs/../../x").await.is_err());
    assert!(server.seen().is_empty());
    github(&server).repository("a?b", "c%2e#d").await.unwrap_err();
    assert_eq!(server.only().target, "/repos/a%3Fb/c%252e%23d");
}

#[tokio::test]
async fn a_next_page_elsewhere_is_an_error_and_never_asked() {
    let foreign = Server::saying(reply(200, "[]")).await;
    for next in [
        foreign.url.as_str().to_owned(),
        "https://evil.test/user/repos".to_owned(),
        "//evil.test/".to_owned(),
        "javascript:1".to_owned(),
    ] {
        let link = format!("<{next}>; rel=\"next\"");
        let server = Server::saying(reply(200, "[]").header("link", link)).await;
        let error = github(&server).repositories().page().await.unwrap_err();
        assert_eq!((error.outcome(), error.is_transient()), (Outcome::Error, false), "{next}");
    }
    // The same through a cursor that somebody made up.
    let server = Server::saying(reply(200, "[]")).await;
    let user = server.url.as_str().replace("http://", "http://someone@");
    let denied = server.url.join("applications/x/token").unwrap().to_string();
    for cursor in [foreign.url.as_str(), user.as_str(), denied.as_str(), "https://evil.test", "http://%"] {
        let listing = github(&server).repositories().after(Cursor::new(cursor));
        assert!(listing.page().await.is_err(), "{cursor}");
    }
    assert!(foreign.seen().is_empty() && server.seen().is_empty());
}

#[tokio::test]
async fn a_next_page_outside_the_base_path_is_not_asked() {
    let server = Server::start(|seen| {
        let host = seen.header("host").unwrap();
        reply(200, "[]").header("link", format!("<http://{host}/admin>; rel=\"next\""))
    })
    .await;
    let base = server.url.join("api/v3").unwrap();
    let github = GitHub::builder(token()).base_url(base).build().unwrap();
    github.repositories().page().await.unwrap_err();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn redirects_are_followed_at_home_only() {
    let foreign = Server::saying(reply(200, named("stolen"))).await;
    let away = foreign.url.to_string();
    let server = Server::start(move |seen| match seen.path() {
        "/repos/ana/old" => reply(301, "").header("location", "/repositories/7"),
        "/repos/ana/away" => reply(302, "").header("location", away.clone()),
        "/repos/ana/loop" => reply(307, "").header("location", "/repos/ana/loop"),
        "/repos/ana/nowhere" => reply(302, ""),
        "/repositories/7" => reply(200, named("new")),
        _ => reply(307, "").header("location", "/repositories/7"),
    })
    .await;
    let github = github(&server);
    assert_eq!(github.repository("ana", "old").await.unwrap().name, "new");
    for name in ["away", "loop", "nowhere"] {
        let error = github.repository("ana", name).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Error, "{name}");
    }
    let post = github.create_issue("ana", "x", &idp_adapters::client::github::NewIssue::new("t"));
    assert!(post.await.is_err(), "a POST is not repeated elsewhere");
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn answers_beyond_the_limit_are_errors() {
    let body = format!("[{}]", vec![named("a"); 100].join(","));
    let server = Server::saying(reply(200, body.clone())).await;
    let call = |max| {
        let http = HttpClient::builder().max_body(max).build();
        GitHub::builder(token()).base_url(server.url.clone()).http(http).build().unwrap().repositories()
    };
    assert_eq!(call(body.len()).page().await.unwrap().items.len(), 100);
    let error = call(body.len() - 1).page().await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("max_body"), "{error}");
    // An error is classified by its first 64 KiB, however much there is.
    let long = Server::saying(reply(500, vec![b' '; 1 << 20])).await;
    assert_eq!(github(&long).profile().await.unwrap_err().status().unwrap(), 500);
}

#[tokio::test]
async fn known_scopes_are_checked_before_sending() {
    let server = Server::saying(reply(200, "{}")).await;
    let held = ["gist", "user:email"];
    let github = GitHub::builder(token()).base_url(server.url.clone()).granted_scopes(held).build().unwrap();
    let issue = idp_adapters::client::github::NewIssue::new("t");
    let error = github.create_issue("ana", "atlas", &issue).await.unwrap_err();
    assert!(error.is_scope_missing());
    assert_eq!(error.connection_scope(), Some("gist,user:email,public_repo"));
    assert_eq!(error.status(), None);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn nobody_there_and_nobody_answering() {
    let server = Server::saying(reply(200, "[]")).await;
    let url = server.url.clone();
    drop(server);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = Url::parse(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
    let http = HttpClient::builder().timeout(Duration::from_millis(50)).build();
    let call = |url| GitHub::builder(token()).base_url(url).http(http.clone()).build().unwrap().profile();
    let error = call(silent_url).await.unwrap_err();
    assert!(error.is_timeout() && error.is_transient(), "{error}");
    // The port may be taken again by then; either way there is no profile.
    assert!(call(url).await.is_err());
}

/// Three pages, the second one empty.
async fn pages() -> Server {
    Server::start(|seen| {
        let host = seen.header("host").unwrap().to_owned();
        let next = |page: u32| format!("<http://{host}/repositories/1/x?page={page}>; rel=\"next\"");
        match seen.param("page").as_deref() {
            None => reply(200, format!("[{},null,{}]", named("a"), named("b"))).header("link", next(2)),
            Some("2") => reply(200, "[]").header("link", next(3)),
            _ => reply(200, format!("[{}]", named("c"))),
        }
    })
    .await
}

fn names(all: &[Repository]) -> Vec<&str> {
    all.iter().map(|repository| repository.name.as_str()).collect()
}

#[tokio::test]
async fn a_listing_is_a_stream_over_its_pages() {
    let server = pages().await;
    let github = github(&server);
    let all: Vec<Result<Repository, Error>> = github.repositories().items().collect().await;
    let all: Vec<Repository> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(names(&all), ["a", "b", "c"]);
    assert_eq!(server.seen().len(), 3);
    assert!(server.seen().iter().all(|seen| seen.headers.contains_key("authorization")));

    assert_eq!(names(&github.repositories().all(2).await.unwrap()), ["a", "b"]);
    assert_eq!(server.seen().len(), 4, "no page beyond the limit is asked for");

    let first = github.repositories().page().await.unwrap();
    let cursor = Cursor::new(first.next.unwrap().as_str());
    let second = github.repositories().after(cursor).page().await.unwrap();
    assert!(second.items.is_empty() && second.next.is_some());
}

#[tokio::test]
async fn a_stream_ends_with_the_first_error_and_knows_where() {
    let server = Server::start(|seen| {
        let next = format!("<http://{}/user/repos?page=2>; rel=\"next\"", seen.header("host").unwrap());
        match seen.param("page") {
            None => reply(200, format!("[{}]", named("a"))).header("link", next),
            Some(_) => reply(429, "{}").header("retry-after", "7"),
        }
    })
    .await;
    let mut items = github(&server).repositories().items();
    assert_eq!(items.try_next().await.unwrap().unwrap().name, "a");
    let error = items.try_next().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(items.try_next().await.unwrap().is_none());
    assert!(items.position().unwrap().as_str().ends_with("page=2"));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn pages_in_circles_end() {
    let circle = |body: &'static str, moving: bool| {
        Server::start(move |seen| -> Reply {
            let page: u32 = seen.param("page").map_or(0, |page| page.parse().unwrap());
            let page = if moving { page + 1 } else { 1 };
            let host = seen.header("host").unwrap();
            reply(200, body).header("link", format!("<http://{host}/user/repos?page={page}>; rel=\"next\""))
        })
    };
    let (still, moving) = (circle("[]", false).await, circle("[]", true).await);
    for (server, most) in [(still, 2), (moving, 101)] {
        let error = github(&server).repositories().items().try_next().await.unwrap_err();
        assert!(error.is_malformed());
        assert_eq!(server.seen().len(), most);
    }
}

#[tokio::test]
async fn no_debug_shows_the_token() {
    let server = Server::saying(reply(500, TOKEN)).await;
    let builder = GitHub::builder(token()).base_url(server.url.clone());
    let mut shown = format!("{builder:?}");
    let github = builder.build().unwrap();
    let error = github.profile().await.unwrap_err();
    let (call, listing, items) = (github.profile(), github.repositories(), github.repositories().items());
    shown.push_str(&format!("{github:?} {call:?} {listing:?} {items:?} {error:?} {error}"));
    assert!(!shown.contains(TOKEN), "{shown}");
}
