//! Tokens forged in the usual ways, and callers who may not.

use reqwest::Method;
use sandbox::{Fault, Server, Signer};

use crate::harness::{BEN, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_401_with_a_challenge_and_cause_no_call() {
    let rig = Rig::start("").await;
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    rig.sandbox.journal().clear();
    let good = || rig.sandbox.mint().user(BEN);
    let tokens = [
        ("none", good().unsigned().sign()),
        ("hs256", good().hmac_with_public_key().sign()),
        ("issuer", good().claim("iss", "https://evil.example/").sign()),
        ("audience", good().audience("https://other.example").sign()),
        ("expired", good().expires_in(-3600).sign()),
        ("foreign key", good().signer(Signer::Foreign).sign()),
        ("jku", good().header(serde_json::json!({"jku": "https://evil.example/jwks", "kid": "nope"})).sign()),
        ("id token", good().id_token("n").sign()),
        ("logout token", good().logout_token("spa").sign()),
    ];
    for (name, token) in tokens {
        let answer = rig.send(rig.bare(Method::GET, "/proxy/github/user").bearer_auth(token)).await;
        assert_eq!(answer.status, 401, "{name}: {:?}", answer.json());
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{name}");
        assert!(answer.header("idp-outcome").starts_with("caller-token-"), "{name}");
    }
    let journal = rig.sandbox.journal();
    assert_eq!(journal.count_of(Server::GitHub, "/"), 0);
    assert!(journal.count_of(Server::Tenant, "/") <= 1, "at most one forced key refresh");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_no_users_and_scopes_are_asked_for() {
    let rules = "access = \"rules\"\n[[providers.github.rules]]\nmethods = [\"GET\"]\npaths = [\"/user\"]\n\
                 require_scope = \"github:read\"";
    let rig = Rig::start(rules).await;
    let machine = rig.sandbox.mint().machine("m2m").sign();
    let answer = rig.send(rig.bare(Method::GET, "/proxy/github/user").bearer_auth(machine)).await;
    assert_eq!(answer.outcome(), (403, "caller-not-a-user".into()));
    let answer = rig.get("/proxy/github/user", BEN).await;
    assert_eq!(answer.outcome(), (403, "caller-scope-missing".into()));
    assert_eq!(answer.json()["required_scopes"][0], "github:read");
    assert!(answer.header("www-authenticate").contains("insufficient_scope"));
    let scoped = rig.sandbox.mint().user(BEN).scope("openid github:read").sign();
    let answer = rig.send(rig.bare(Method::GET, "/proxy/github/user").bearer_auth(&scoped)).await;
    assert_eq!(answer.outcome(), (200, "ok".into()));
    let other = rig.send(rig.bare(Method::GET, "/proxy/github/user/repos").bearer_auth(&scoped)).await;
    assert_eq!(other.outcome(), (403, "policy-denied".into()));
    let token_scheme =
        rig.bare(Method::GET, "/proxy/github/user").header("authorization", format!("token {scoped}"));
    assert_eq!(rig.send(token_scheme).await.status, 200, "GitHub SDKs say token");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_down_is_503_and_warm_users_notice_nothing() {
    let rig = Rig::start("").await;
    rig.sandbox.faults().take_down(Server::Tenant);
    let cold = rig.get("/proxy/github/user", BEN).await;
    assert_eq!(cold.outcome(), (503, "tenant-unavailable".into()), "{:?}", cold.json());
    assert!(!cold.header("retry-after").is_empty());
    assert_eq!(rig.app.readiness().status, gateway::admin::ReadyStatus::NotReady);
    rig.sandbox.faults().bring_up(Server::Tenant);
    let rig = {
        rig.finish();
        Rig::start("").await
    };
    rig.app.warm().await;
    assert_eq!(rig.app.readiness().status, gateway::admin::ReadyStatus::Ready);
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    rig.sandbox.faults().take_down(Server::Tenant);
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    assert_eq!(rig.app.readiness().status, gateway::admin::ReadyStatus::Ready);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_a05_questions_are_refused_beyond_their_limit() {
    let rig = Rig::start("[quotas]\nper_caller = { per_second = 0.001, burst = 1 }").await;
    let question = serde_json::json!({ "provider": "github", "method": "GET", "path": "/user" });
    let mut asked = Vec::new();
    for _ in 0..6 {
        let check = rig.request(Method::POST, "/v1/check", BEN).json(&question);
        asked.push(rig.send(check).await.status.as_u16());
        let id = "0123456789abcdef0123456789abcdef";
        asked.push(rig.get(&format!("/v1/explain/{id}"), BEN).await.status.as_u16());
    }
    assert_eq!(asked, [200, 404, 200, 404, 200, 404, 200, 404, 200, 404, 429, 429]);
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200, "calls have a limit of their own");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_a05_quotas_and_slow_providers_are_told_apart() {
    let rig = Rig::over(
        sandbox::Sandbox::builder(),
        "timeouts = { response = \"300ms\" }",
        "[quotas]\nper_caller = { per_second = 0.001, burst = 2 }",
    )
    .await;
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").times(1).hang());
    assert_eq!(rig.get("/proxy/github/user", BEN).await.outcome(), (504, "provider-timeout".into()));
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    let refused = rig.get("/proxy/github/user", BEN).await;
    assert_eq!(refused.outcome(), (429, "rate-limited".into()));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 100);
    rig.finish();
}
