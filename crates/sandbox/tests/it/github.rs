use sandbox::{Ended, ProviderKind, Server};
use serde_json::{Value, json};

use crate::helpers::{BEN, CLEO, client, get, json, start, text};

const GITHUB: ProviderKind = ProviderKind::GitHub;

#[tokio::test]
async fn only_the_right_bearer_is_answered() {
    let sandbox = start().await;
    let url = sandbox.provider_url(GITHUB).join("user").expect("a path");
    let (status, body) = json(get(&sandbox, GITHUB, BEN, "github", "user")).await;
    assert_eq!((status, text(&body, "/login")), (200, "ben"));
    assert_eq!(json(client().get(url.clone())).await.0, 401);
    for token in [
        "gho_unknown".to_owned(),
        sandbox.world().access_token(BEN, "google-oauth2").expect("a token"),
        sandbox.world().access_token(CLEO, "github").expect("a token"),
    ] {
        let (status, body) = json(client().get(url.clone()).bearer_auth(token)).await;
        assert_eq!((status, text(&body, "/message")), (401, "Bad credentials"));
    }
    let bare = reqwest::Client::builder().build().expect("a client");
    let token = sandbox.world().access_token(BEN, "github").expect("a token");
    assert_eq!(bare.get(url.clone()).bearer_auth(&token).send().await.expect("an answer").status(), 403);
    let scheme = client().get(url).header("authorization", format!("token {token}"));
    assert_eq!(json(scheme).await.0, 200);
}

#[tokio::test]
async fn repositories_page_by_link() {
    let sandbox = start().await;
    let mut path = "user/repos?per_page=3&sort=full_name".to_owned();
    let mut names = Vec::new();
    loop {
        let answer = get(&sandbox, GITHUB, BEN, "github", &path).send().await.expect("an answer");
        let link = answer
            .headers()
            .get("link")
            .map(|link| link.to_str().expect("text").to_owned())
            .unwrap_or_default();
        assert!(answer.headers().contains_key("x-oauth-scopes"));
        let page: Vec<Value> = answer.json().await.expect("JSON");
        names.extend(page.iter().map(|repository| text(repository, "/name").to_owned()));
        let next = link.split(", ").find(|part| part.ends_with("rel=\"next\""));
        let Some(next) = next else { break };
        path = next.trim_start_matches('<').split('>').next().expect("a URL").to_owned();
        assert!(path.contains("sort=full_name"));
    }
    assert_eq!(names.len(), 7);
}

#[tokio::test]
async fn contents_take_an_encoded_slash_and_tarballs_redirect_away() {
    let sandbox = start().await;
    for path in ["repos/ben/atlas/contents/docs%2Fguide.md", "repos/ben/atlas/contents/docs/guide.md"] {
        let (status, body) = json(get(&sandbox, GITHUB, BEN, "github", path)).await;
        assert_eq!((status, text(&body, "/path")), (200, "docs/guide.md"));
    }
    let answer =
        get(&sandbox, GITHUB, BEN, "github", "repos/ben/comet/tarball/main").send().await.expect("an answer");
    let location = answer.headers()["location"].to_str().expect("text").to_owned();
    assert_eq!(answer.status(), 302);
    let rest = location.strip_prefix("https://codeload.github.com").expect("the download host");
    let download = sandbox.url(Server::Downloads).join(rest).expect("a path");
    assert_eq!(client().get(download).send().await.expect("an answer").status(), 200);
    assert_eq!(
        client()
            .get(sandbox.url(Server::Downloads).join("/x?token=no").expect("a path"))
            .send()
            .await
            .expect("an answer")
            .status(),
        404
    );
}

#[tokio::test]
async fn issues_are_created_and_validated() {
    let sandbox = start().await;
    let url = sandbox.provider_url(GITHUB).join("repos/ben/atlas/issues").expect("a path");
    let token = sandbox.world().access_token(BEN, "github").expect("a token");
    let post = |body: &'static str| {
        client().post(url.clone()).bearer_auth(&token).header("content-type", "application/json").body(body)
    };
    assert_eq!(json(post("{")).await.0, 400);
    assert_eq!(json(post(r#"{"body":"x"}"#)).await.0, 422);
    let (status, issue) = json(post(r#"{"title":"A new one","labels":["bug",{"name":"later"}]}"#)).await;
    assert_eq!((status, issue.get("number")), (201, Some(&json!(6))));
    let (_, list) = json(client().get(url.clone()).bearer_auth(&token)).await;
    assert_eq!(text(&list, "/0/title"), "A new one");
    assert_eq!((text(&list, "/0/labels/0/name"), text(&list, "/0/labels/1/name")), ("bug", "later"));
}

#[tokio::test]
async fn streams_are_big_counted_and_watched() {
    let sandbox = start().await;
    let answer = get(&sandbox, GITHUB, BEN, "github", "sandbox/download?bytes=3000000")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.bytes().await.expect("a body").len(), 3_000_000);
    let token = sandbox.world().access_token(BEN, "github").expect("a token");
    let url = sandbox.provider_url(GITHUB).join("sandbox/upload").expect("a path");
    let (_, body) = json(client().put(url).bearer_auth(&token).body(vec![7_u8; 2_000_000])).await;
    assert_eq!(body.get("received"), Some(&json!(2_000_000)));

    let mut held = get(&sandbox, GITHUB, BEN, "github", "sandbox/held/a").send().await.expect("an answer");
    assert_eq!(held.chunk().await.expect("a chunk").as_deref(), Some(b"first".as_slice()));
    sandbox.hold("a").release();
    assert_eq!(held.chunk().await.expect("a chunk").as_deref(), Some(b"second".as_slice()));

    let left = get(&sandbox, GITHUB, BEN, "github", "sandbox/held/never").send().await.expect("an answer");
    drop(left);
    let entry = sandbox.journal().last(Server::GitHub).expect("an entry");
    assert_eq!(sandbox.journal().ended(&entry).await.expect("an end"), Ended::Abandoned);
}
