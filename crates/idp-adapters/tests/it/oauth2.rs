//! The client that settings describe, against answers of every kind.

use idp_adapters::{OAuth2Settings, Outcome, client::OAuth2};
use serde_json::{Value, json};
use url::Url;

use crate::{
    TOKEN,
    server::{Reply, Server, reply},
    token,
};

fn settings(members: Value) -> OAuth2Settings {
    serde_json::from_value(members).unwrap()
}

fn usual() -> OAuth2Settings {
    settings(json!({
        "scheme": "Token",
        "headers": { "x-api-version": "7" },
        "profile_path": "/api/me",
        "profile": { "sub": "/user/id", "name": "/user/full" },
        "errors": { "code": ["/fault/kind"], "scope_missing": ["no_scope"], "required_scopes": "/fault/needs",
                    "rate_limited": ["slow_down"], "misconfigured": ["client_off"] },
        "limits": [{ "name": "x-wait-ms", "unit": "epoch_millis" }, { "name": "x-wait", "unit": "minutes" }],
    }))
}

async fn profile(answer: Reply) -> Result<idp_adapters::Profile, idp_adapters::client::Error> {
    let server = Server::saying(answer).await;
    OAuth2::builder(token(), server.url.clone(), usual()).build().unwrap().profile().await
}

#[tokio::test]
async fn calls_are_made_as_the_settings_say() {
    let server = Server::saying(reply(200, r#"{"user":{"id":42,"full":"Ana Roe"},"more":null}"#)).await;
    let base = server.url.join("base/").unwrap();
    let api = OAuth2::builder(token(), base, usual()).build().unwrap();
    let found = api.profile().await.unwrap();
    assert_eq!((found.sub.as_str(), found.name.as_deref()), ("42", Some("Ana Roe")));
    let answer: Value = api.get(&["teams", "a/b"]).param("full", true).await.unwrap();
    assert_eq!(answer["user"]["id"], 42);
    let seen = server.seen();
    assert_eq!(seen[0].target, "/base/api/me");
    assert_eq!(seen[1].target, "/base/teams/a%2Fb?full=true");
    for seen in &seen {
        assert_eq!(seen.header("authorization"), Some(format!("Token {TOKEN}").as_str()));
        assert_eq!(seen.header("x-api-version"), Some("7"));
    }
    assert!(!format!("{api:?}").contains(TOKEN));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let dead = profile(reply(401, "{}").header("www-authenticate", "Bearer error=\"invalid_token\"")).await;
    assert!(dead.unwrap_err().is_token_dead());
    let scope =
        profile(reply(400, r#"{"fault":{"kind":"no_scope","needs":["teams:read"]}}"#)).await.unwrap_err();
    assert!(scope.is_scope_missing() && scope.missing_scopes() == ["teams:read"], "{scope}");
    let limit =
        profile(reply(400, r#"{"fault":{"kind":"slow_down"}}"#).header("x-wait", "2")).await.unwrap_err();
    assert_eq!((limit.is_rate_limited(), limit.retry_after().map(|wait| wait.as_secs())), (true, Some(120)));
    let off = profile(reply(403, r#"{"fault":{"kind":"client_off"}}"#)).await.unwrap_err();
    assert_eq!(off.outcome(), Outcome::Misconfigured);
    for body in ["", "<html>", r#"{"user":{}}"#, "[]"] {
        assert!(profile(reply(200, body)).await.unwrap_err().is_malformed(), "{body}");
    }
    assert!(profile(reply(502, "")).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_profile_elsewhere_is_the_settings_word_and_never_plain_http() {
    let (api, users) =
        (Server::saying(reply(200, "{}")).await, Server::saying(reply(200, r#"{"sub":"1"}"#)).await);
    let at = |url: &str| {
        let settings = settings(json!({ "profile_url": url }));
        OAuth2::builder(token(), api.url.clone(), settings).build().unwrap()
    };
    assert_eq!(at(users.url.join("me?x=1").unwrap().as_str()).profile().await.unwrap().sub, "1");
    assert_eq!(users.only().target, "/me?x=1");
    for url in ["http://users.example.test/me", "https://ana@users.example.test/me", "nowhere"] {
        assert_eq!(at(url).profile().await.unwrap_err().outcome(), Outcome::Rejected, "{url}");
    }
    let none = OAuth2::builder(token(), api.url.clone(), OAuth2Settings::default()).build().unwrap();
    assert_eq!(none.profile().await.unwrap_err().outcome(), Outcome::Rejected);
    assert!(api.seen().is_empty());
    let far = Url::parse("http://api.example.test").unwrap();
    assert!(OAuth2::builder(token(), far, OAuth2Settings::default()).build().is_err());
}
