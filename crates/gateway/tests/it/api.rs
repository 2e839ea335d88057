//! The gateway's own routes.

use gateway::admin::{BlockRequest, Operations, Selector};
use reqwest::Method;
use sandbox::Server;

use crate::harness::{ANA, BEN, CLEO, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_own_view_names_accounts_and_no_tokens() {
    let rig = Rig::start("").await;
    let me = rig.get("/v1/me", BEN).await;
    assert_eq!(me.status, 200, "{:?}", me.json());
    let me = me.json();
    assert_eq!(me["user_id"], BEN);
    let account = &me["accounts"][0];
    assert_eq!(
        (account["provider"].as_str(), account["connection"].as_str()),
        (Some("github"), Some("github"))
    );
    assert_eq!(account["account"], "github|583232");
    assert_eq!(account["source"], "identities");
    assert_eq!(account["state"], "usable");
    assert!(account["expires_at"].is_null() && account["scopes"].is_null());
    assert_eq!(rig.get("/v1/me", ANA).await.json()["accounts"], serde_json::json!([]));
    assert_eq!(
        rig.send(rig.request(Method::POST, "/v1/me", BEN)).await.outcome(),
        (405, "method-not-allowed".into())
    );
    assert_eq!(rig.get("/v1/me/", BEN).await.outcome(), (404, "not-found".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r13_the_profile_is_judged_by_rules_and_scopes_like_the_call_that_it_makes() {
    let rule = |more: &str| format!("access = \"rules\"\n[[providers.github.rules]]\n{more}\n");
    for (rules, outcome) in [
        (rule("paths = [\"/user\"]\nallow = true"), (200, "ok")),
        (rule("paths = [\"/user\"]\nallow = false"), (403, "policy-denied")),
        (rule("paths = [\"/repos/**\"]\nallow = true"), (403, "policy-denied")),
        (rule("paths = [\"/user\"]\nrequire_scope = \"profile:read\""), (403, "caller-scope-missing")),
    ] {
        let rig = Rig::start(&rules).await;
        let answer = rig.get("/v1/me/github/profile", BEN).await;
        assert_eq!(answer.outcome(), (outcome.0, outcome.1.into()), "{rules}");
        let called = rig.sandbox.journal().of(Server::GitHub).len();
        assert_eq!(called, usize::from(outcome.0 == 200), "{rules}");
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_profile_shape() {
    let rig = Rig::start("").await;
    let profile = rig.get("/v1/me/github/profile", BEN).await;
    assert_eq!(profile.outcome(), (200, "ok".into()), "{:?}", profile.json());
    let profile = profile.json();
    assert_eq!(
        (profile["provider"].as_str(), profile["account"].as_str()),
        (Some("github"), Some("github|583232"))
    );
    assert_eq!(profile["sub"], "583232");
    assert_eq!(profile["preferred_username"], "ben");
    assert!(profile.as_object().unwrap().values().all(|value| !value.is_null()));
    assert_eq!(rig.get("/v1/me/github/profile", CLEO).await.outcome(), (403, "reconnect-required".into()));
    assert_eq!(rig.get("/v1/me/nowhere/profile", BEN).await.outcome(), (404, "unknown-provider".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_explained_to_whoever_made_them() {
    let rig = Rig::start("").await;
    let call = rig.get("/proxy/github/user", BEN).await;
    let id = call.header("x-request-id").to_owned();
    let explained = rig.get(&format!("/v1/explain/{id}"), BEN).await;
    assert_eq!(explained.status, 200);
    let explained = explained.json();
    assert_eq!(explained["request_id"], id);
    assert_eq!(explained["account"], "github|583232");
    assert_eq!(
        (explained["source"].as_str(), explained["rule"].as_str()),
        (Some("identities"), Some("access=read"))
    );
    assert_eq!(explained["attempts"][0]["status"], 200);
    assert_eq!(explained["outcome"], "ok");
    assert_eq!(rig.get(&format!("/v1/explain/{id}"), ANA).await.outcome(), (404, "not-found".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_refused_call_it_is_told_what_refuses_it() {
    let rules = "[[providers.github.rules]]\npaths = [\"/user/keys\"]\nallow = false\n";
    let rig = Rig::start(rules).await;
    let explained = async |method: Method, path: &str| {
        let refused = rig.send(rig.request(method, &format!("/proxy/github{path}"), BEN)).await;
        let id = refused.header("x-request-id").to_owned();
        let explained = rig.get(&format!("/v1/explain/{id}"), BEN).await.json();
        assert_eq!(explained["attempts"].as_array().map(Vec::len), Some(0), "{explained}");
        (refused.outcome().1, explained["rule"].as_str().map(str::to_owned))
    };
    for (method, path, outcome, rule) in [
        (Method::GET, "/applications/x", "policy-denied", Some("deny-list")),
        (Method::GET, "/user/keys", "policy-denied", Some("rules[0]")),
        (Method::POST, "/user/repos", "policy-denied", Some("access=read")),
        (Method::POST, "/graphql", "policy-denied", Some("access=read")),
        (Method::GET, "/user%5cx", "bad-path", None),
    ] {
        let told = explained(method, path).await;
        assert_eq!(told, (outcome.to_owned(), rule.map(str::to_owned)), "{path}");
    }
    let all = Selector { provider: Some("github".to_owned()), ..Selector::default() };
    rig.app.block(BlockRequest { selector: all, reason: None, duration: None }).await.unwrap();
    let told = explained(Method::GET, "/user").await;
    assert_eq!(told, ("policy-denied".to_owned(), Some("block".to_owned())));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_account_stays_refused_until_auth0s_copy_changes() {
    let rig = Rig::start("").await;
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    let answer = rig.send(rig.request(Method::DELETE, "/v1/me/github", BEN)).await;
    assert_eq!(answer.outcome(), (200, "ok".into()), "{:?}", answer.json());
    assert_eq!(
        (answer.json()["revoked_at_provider"].as_str(), answer.json()["forgotten"].as_bool()),
        (Some("unsupported"), Some(true))
    );
    assert_eq!(rig.get("/proxy/github/user", BEN).await.outcome(), (403, "reconnect-required".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_forget_and_block() {
    let rig = Rig::start("").await;
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    let ben = Selector { user: Some(BEN.to_owned()), ..Selector::default() };
    assert!(rig.app.forget(ben.clone()).await.unwrap() >= 1);
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, "/api/v2/users/"), 2);
    let block = BlockRequest { selector: ben.clone(), reason: None, duration: None };
    rig.app.block(block).await.unwrap();
    assert_eq!(rig.get("/proxy/github/user", BEN).await.outcome(), (403, "user-blocked".into()));
    assert_eq!(rig.get("/v1/me", BEN).await.outcome(), (403, "user-blocked".into()));
    rig.app.unblock(ben).await.unwrap();
    let connection = Selector { connection: Some("github".to_owned()), ..Selector::default() };
    rig.app.block(BlockRequest { selector: connection, reason: None, duration: None }).await.unwrap();
    assert_eq!(rig.get("/proxy/github/user", BEN).await.outcome(), (403, "policy-denied".into()));
    for account in [None, Some("github"), Some("github|583232")] {
        let delete = rig.request(Method::DELETE, "/v1/me/github", BEN);
        let delete = match account {
            Some(account) => delete.header("idp-account", account),
            None => delete,
        };
        assert_eq!(rig.send(delete).await.outcome(), (403, "policy-denied".into()), "{account:?}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_stops_older_tokens_of_that_user() {
    let rig = Rig::start("[logout]\nclient_ids = [\"spa\"]").await;
    let old = rig.sandbox.mint().user(BEN).issued_ago(60).sign();
    let call = || rig.bare(Method::GET, "/proxy/github/user").bearer_auth(&old);
    assert_eq!(rig.send(call()).await.status, 200);
    let logout = rig.sandbox.mint().user(BEN).logout_token("spa").sign();
    let hook =
        |token: &str| rig.bare(Method::POST, "/hooks/backchannel-logout").form(&[("logout_token", token)]);
    let answer = rig.send(hook(&logout)).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(rig.send(call()).await.outcome(), (401, "caller-token-invalid".into()));
    assert_eq!(rig.send(hook(&logout)).await.status, 400, "each token once");
    assert_eq!(rig.send(hook("nonsense")).await.status, 400);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_about_the_gateway_need_no_token() {
    let rig = Rig::start("").await;
    let metadata = rig.send(rig.bare(Method::GET, "/.well-known/oauth-protected-resource")).await;
    assert_eq!(metadata.status, 200);
    assert_eq!(metadata.json()["bearer_methods_supported"][0], "header");
    let openapi = rig.send(rig.bare(Method::GET, "/openapi.json")).await;
    assert_eq!(openapi.json()["openapi"], "3.1.0");
    let docs = rig.send(rig.bare(Method::GET, "/docs")).await;
    assert!(docs.header("content-type").starts_with("text/html"));
    assert_eq!(rig.send(rig.bare(Method::POST, "/hooks/backchannel-logout")).await.status, 404);
    rig.finish();
}
