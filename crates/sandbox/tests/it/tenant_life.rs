//! What changes in a tenant, and what is unusual in one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sandbox::{Client, Fault, Identity, MACHINE_CLIENT, Sandbox, Server, User};
use serde_json::{Value, json};

use crate::helpers::{ANA, BEN, client, json, start, text};

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("claims");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn header(token: &str) -> Value {
    let part = token.split('.').next().expect("a header");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

async fn management_token(sandbox: &Sandbox, base: &reqwest::Url) -> String {
    let audience = format!("https://{}/api/v2/", sandbox.domain());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", MACHINE_CLIENT),
        ("client_secret", sandbox.client_secret()),
        ("audience", &audience),
    ];
    let (status, body) = json(client().post(base.join("oauth/token").expect("a path")).form(&form)).await;
    assert_eq!(status, 200, "{body}");
    text(&body, "/access_token").to_owned()
}

async fn management(base: &reqwest::Url, token: &str, path: &str) -> (u16, Value) {
    json(client().get(base.join(&format!("api/v2/{path}")).expect("a path")).bearer_auth(token)).await
}

#[tokio::test]
async fn a_grant_that_changes_shows_in_new_tokens_only() {
    let sandbox = start().await;
    let base = sandbox.tenant_url();
    sandbox.world().set_management_scopes(MACHINE_CLIENT, &["read:users"]);
    let old = management_token(&sandbox, &base).await;
    sandbox.world().set_management_scopes(MACHINE_CLIENT, &["read:users", "read:user_idp_tokens"]);
    let new = management_token(&sandbox, &base).await;
    let path = format!("users/{}", BEN.replace('|', "%7C"));
    for (token, shown) in [(&old, false), (&new, true)] {
        let (status, record) = management(&base, token, &path).await;
        assert_eq!((status, record["identities"][0].get("access_token").is_some()), (200, shown));
    }
}

#[tokio::test]
async fn connections_are_paged_and_asked_by_name() {
    let sandbox = start().await;
    let base = sandbox.tenant_url();
    sandbox.world().set_management_scopes(MACHINE_CLIENT, &["read:connections"]);
    for number in 0..60 {
        sandbox.world().add_connection(&format!("x-{number:02}"), "waad");
    }
    let token = management_token(&sandbox, &base).await;
    let (_, first) = management(&base, &token, "connections").await;
    assert_eq!(first.as_array().map(Vec::len), Some(50), "{first}");
    let (_, second) = management(&base, &token, "connections?page=1&include_totals=true").await;
    assert_eq!((&second["total"], second["connections"].as_array().map(Vec::len)), (&json!(66), Some(16)));
    let (_, named) = management(&base, &token, "connections?name=github").await;
    assert_eq!((named.as_array().map(Vec::len), text(&named, "/0/strategy")), (Some(1), "github"));
    let (_, some) = management(&base, &token, "connections?strategy=waad&take=40").await;
    assert_eq!((text(&some, "/next"), some["connections"].as_array().map(Vec::len)), ("40", Some(40)));
    assert_eq!(management(&base, &token, "connections?per_page=101").await.0, 400);
}

#[tokio::test]
async fn records_may_be_long_and_hold_an_identity_twice() {
    let sandbox = start().await;
    let base = sandbox.tenant_url();
    let token = management_token(&sandbox, &base).await;
    let world = sandbox.world();
    assert!(world.duplicate_identity(BEN, "github"));
    assert!(world.set_profile_data(BEN, "github", json!({ "padding": "x".repeat(2 << 20) })));
    let path = format!("users/{}?fields=identities", BEN.replace('|', "%7C"));
    let (_, record) = management(&base, &token, &path).await;
    assert!(record.to_string().len() > 2 << 20);
    let all = record["identities"].as_array().expect("identities");
    let twice: Vec<&Value> = all.iter().filter(|identity| identity["connection"] == "github").collect();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0]["access_token"], twice[1]["access_token"]);
}

#[tokio::test]
async fn accounts_are_linked_while_the_tenant_runs() {
    let sandbox = start().await;
    let base = sandbox.tenant_url();
    let second = "github|900";
    sandbox
        .world()
        .add_user(User::new(second).named("Ana", "ana@work.test").identity(Identity::github("900", "ana")));
    let link = async |token: &str, body: Value| {
        let url = base.join(&format!("api/v2/users/{}/identities", ANA.replace('|', "%7C"))).expect("a path");
        json(client().post(url).bearer_auth(token).json(&body)).await
    };
    let token = management_token(&sandbox, &base).await;
    let body = json!({ "provider": "github", "user_id": "900" });
    assert_eq!(link(&token, body.clone()).await.0, 403);
    sandbox.world().set_management_scopes(MACHINE_CLIENT, &["read:users", "update:users"]);
    let token = management_token(&sandbox, &base).await;
    let (status, identities) = link(&token, body.clone()).await;
    assert_eq!((status, text(&identities, "/1/connection")), (201, "github"), "{identities}");
    assert_eq!(management(&base, &token, "users/github%7C900").await.0, 404, "the second user is gone");
    assert_eq!(link(&token, body).await.0, 400);
    assert!(sandbox.world().access_token(ANA, "github").is_some());
}

#[tokio::test]
async fn a_custom_domain_is_an_issuer_of_its_own() {
    let sandbox = Sandbox::builder().custom_domain().start().await.expect("the sandbox starts");
    let custom = sandbox.custom_domain_url().expect("a custom domain");
    let discovery = custom.join(".well-known/openid-configuration").expect("a path");
    let (_, document) = json(client().get(discovery)).await;
    assert_eq!(text(&document, "/issuer"), custom.as_str());
    let token = management_token(&sandbox, &custom).await;
    assert_eq!(text(&claims(&token), "/iss"), custom.as_str());
    let path = format!("users/{}", BEN.replace('|', "%7C"));
    assert_eq!(management(&custom, &token, &path).await.0, 200);
    assert_eq!(management(&sandbox.tenant_url(), &token, &path).await.0, 401, "hosts do not mix");
    assert!(start().await.custom_domain_url().is_none());
}

#[tokio::test]
async fn access_tokens_follow_the_settings_of_the_api() {
    let sandbox = start().await;
    let world = sandbox.world();
    world.set_access_token_lifetime(30 * 86_400);
    let long = claims(&sandbox.caller_token(BEN));
    let life = long["exp"].as_i64().expect("exp") - long["iat"].as_i64().expect("iat");
    assert_eq!(life, 30 * 86_400);
    for algorithm in ["PS256", "HS256"] {
        world.set_api_algorithm(algorithm);
        let head = header(&sandbox.caller_token(BEN));
        assert_eq!(text(&head, "/alg"), algorithm);
        assert_eq!(head.get("kid").is_some(), algorithm != "HS256");
    }
    let base = sandbox.tenant_url();
    let management = header(&management_token(&sandbox, &base).await);
    assert_eq!(text(&management, "/alg"), "RS256", "the Management API has its own");
    let (_, keys) = json(client().get(base.join(".well-known/jwks.json").expect("a path"))).await;
    assert_eq!(text(&keys, "/keys/0/alg"), "RS256");
}

#[tokio::test]
async fn agents_and_actors_stand_in_the_claims() {
    let sandbox = start().await;
    let agent = claims(&sandbox.mint().agent("agt_7").sign());
    assert_eq!((text(&agent, "/sub"), text(&agent, "/sub_profile")), ("agt_7", "ai_agent"));
    let chain = claims(&sandbox.mint().acting(&["agt_1", "agt_2", "agt_3"]).sign());
    assert_eq!(text(&chain, "/act/sub"), "agt_1");
    assert_eq!(text(&chain, "/act/act/act/sub"), "agt_3");
    assert!(chain.pointer("/act/act/act/act").is_none());
}

#[tokio::test]
async fn a_token_without_an_audience_cannot_be_read() {
    let sandbox = start().await;
    let machine = [
        ("grant_type", "client_credentials"),
        ("client_id", MACHINE_CLIENT),
        ("client_secret", sandbox.client_secret()),
    ];
    let url = sandbox.tenant_url().join("oauth/token").expect("a path");
    let (_, body) = json(client().post(url).form(&machine)).await;
    for token in [text(&body, "/access_token").to_owned(), sandbox.mint().encrypted()] {
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!((parts.len(), parts.get(1)), (5, Some(&"")), "{token}");
        assert_eq!(text(&header(&token), "/alg"), "dir");
    }
}

#[tokio::test]
async fn machine_tokens_have_a_quota_that_is_told() {
    let sandbox = Sandbox::builder()
        .client(Client::machine("few", "s").grant("https://api.sandbox.example", &["a"]).quota(1, 5))
        .start()
        .await
        .expect("the sandbox starts");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "few"),
        ("client_secret", "s"),
        ("audience", sandbox.api_audience()),
    ];
    let url = sandbox.tenant_url().join("oauth/token").expect("a path");
    for status in [200, 429] {
        let answer = client().post(url.clone()).form(&form).send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        let quota = answer.headers()["auth0-client-quota-limit"].to_str().expect("text").to_owned();
        assert!(quota.starts_with("b=per_hour;q=1;r=0;t="), "{quota}");
    }
    sandbox.faults().add(Fault::on(Server::Tenant).html(503).times(1));
    assert_eq!(client().post(url).form(&form).send().await.expect("an answer").status(), 503);
}
