//! Caller tokens through the running gateway: bound and unbound, issuers, organisations, clients, permissions, logout.

use reqwest::Method;
use sandbox::{DpopKey, Server, TokenMint};
use serde_json::{Value, json};

use crate::harness::{Answer, BEN, Rig};

const USER: &str = "/proxy/github/user";
/// DPoP needs to know which host a proof may name.
const LOOPBACK: &str = "allowed_hosts = [\"127.0.0.1\"]";

async fn with_proof(rig: &Rig, path: &str, token: &str, proof: &str) -> Answer {
    let request =
        rig.bare(Method::GET, path).header("authorization", format!("DPoP {token}")).header("dpop", proof);
    rig.send(request).await
}

fn proof(rig: &Rig, key: &DpopKey, token: &str, with: Value) -> String {
    key.proof("GET", &rig.url(USER), Some(token), with).unwrap()
}

fn reached(rig: &Rig) -> usize {
    rig.sandbox.journal().count_of(Server::GitHub, "/")
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j09_dpop_off_takes_no_bound_token_in_any_form() {
    let rig = Rig::start("").await;
    let key = DpopKey::generate().unwrap();
    let bound = rig.sandbox.mint().user(BEN).bound_to(&key).sign();
    assert_eq!(rig.get_with(USER, &bound).await.outcome(), (401, "caller-token-invalid".into()));
    let answer = with_proof(&rig, USER, &bound, &proof(&rig, &key, &bound, json!({}))).await;
    assert_eq!(answer.outcome(), (401, "caller-token-invalid".into()));
    assert_eq!(reached(&rig), 0);
    assert_eq!(rig.get(USER, BEN).await.status, 200);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j09_dpop_allow_takes_both_and_never_the_weaker_form() {
    let rig = Rig::callers(LOOPBACK, "dpop = \"allow\"", "").await;
    assert_eq!(rig.get(USER, BEN).await.status, 200, "unbound tokens stay Bearer");
    let (key, other) = (DpopKey::generate().unwrap(), DpopKey::generate().unwrap());
    let bound = rig.sandbox.mint().user(BEN).bound_to(&key).sign();
    let good = proof(&rig, &key, &bound, json!({}));
    assert_eq!(with_proof(&rig, USER, &bound, &good).await.outcome(), (200, "ok".into()));
    let before = reached(&rig);
    let bearer = rig.get_with(USER, &bound).await;
    assert_eq!(bearer.outcome(), (401, "caller-token-invalid".into()), "a downgrade");
    let challenges: Vec<_> =
        bearer.headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok()).collect();
    assert!(challenges.iter().any(|value| value.starts_with("DPoP ") && value.contains("algs=")));
    let wrong = [
        ("replay", good),
        ("another key", proof(&rig, &other, &bound, json!({}))),
        ("method", proof(&rig, &key, &bound, json!({"htm": "POST"}))),
        ("host", proof(&rig, &key, &bound, json!({"htu": "https://evil.example/proxy/github/user"}))),
        ("path", proof(&rig, &key, &bound, json!({"htu": rig.url("/proxy/github/user/repos")}))),
        ("old", proof(&rig, &key, &bound, json!({"iat": 1_000_000}))),
        ("no ath", proof(&rig, &key, &bound, json!({"ath": null}))),
        ("no jti", proof(&rig, &key, &bound, json!({"jti": null}))),
        ("ath of another token", {
            let another = rig.sandbox.mint().user(BEN).bound_to(&key).expires_in(600).sign();
            proof(&rig, &key, &another, json!({}))
        }),
        ("no proof at all", String::from("x")),
    ];
    for (name, wrong) in wrong {
        let answer = with_proof(&rig, USER, &bound, &wrong).await;
        assert_eq!(answer.outcome(), (401, "dpop-proof-invalid".into()), "{name}");
        assert!(
            answer.header("www-authenticate").contains("DPoP")
                || answer.headers.contains_key("www-authenticate")
        );
    }
    let two = rig
        .bare(Method::GET, USER)
        .header("authorization", format!("DPoP {bound}"))
        .header("dpop", proof(&rig, &key, &bound, json!({})))
        .header("dpop", proof(&rig, &key, &bound, json!({})));
    assert_eq!(rig.send(two).await.outcome(), (401, "dpop-proof-invalid".into()));
    assert_eq!(reached(&rig), before, "none of these reached the provider");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j09_dpop_require_with_nonces_refuses_every_plain_token() {
    let rig = Rig::callers(LOOPBACK, "dpop = \"require\"\ndpop_nonce = true", "").await;
    assert_eq!(rig.get(USER, BEN).await.outcome(), (401, "caller-token-invalid".into()));
    let key = DpopKey::generate().unwrap();
    let bound = rig.sandbox.mint().user(BEN).bound_to(&key).sign();
    let asked = with_proof(&rig, USER, &bound, &proof(&rig, &key, &bound, json!({}))).await;
    assert_eq!(asked.outcome(), (401, "dpop-proof-invalid".into()));
    assert!(asked.header("www-authenticate").contains("use_dpop_nonce"));
    let nonce = asked.header("dpop-nonce").to_owned();
    let made_up = proof(&rig, &key, &bound, json!({"nonce": "made-up"}));
    assert_eq!(with_proof(&rig, USER, &bound, &made_up).await.status, 401);
    let good = proof(&rig, &key, &bound, json!({"nonce": nonce}));
    assert_eq!(with_proof(&rig, USER, &bound, &good).await.outcome(), (200, "ok".into()));
    let sent = rig.sandbox.journal().last(Server::GitHub).unwrap();
    assert!(!sent.headers().contains_key("dpop"), "proofs stay here");
    let metadata = rig.send(rig.bare(Method::GET, "/.well-known/oauth-protected-resource")).await.json();
    assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
    assert_eq!(metadata["dpop_signing_alg_values_supported"], json!(["ES256"]));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j09_behind_a_proxy_the_public_url_counts() {
    let rig = Rig::callers("public_url = \"https://idp.acme.com/gw\"", "dpop = \"allow\"", "").await;
    let key = DpopKey::generate().unwrap();
    let bound = rig.sandbox.mint().user(BEN).bound_to(&key).sign();
    let there = json!({"htu": "https://idp.acme.com/gw/proxy/github/user"});
    assert_eq!(with_proof(&rig, USER, &bound, &proof(&rig, &key, &bound, there)).await.status, 200);
    let here = proof(&rig, &key, &bound, json!({}));
    assert_eq!(with_proof(&rig, USER, &bound, &here).await.outcome(), (401, "dpop-proof-invalid".into()));
    rig.finish();
}

/// What a caller with this token gets.
async fn outcome(rig: &Rig, token: TokenMint) -> (u16, String) {
    rig.get_with(USER, &token.sign()).await.outcome()
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j04_several_issuers_of_one_tenant_and_no_other() {
    let callers = "issuers = [\"https://login.acme.com/\", \"https://acme.eu.auth0.com/\"]";
    let rig = Rig::callers("", callers, "").await;
    let from = |issuer: &str| rig.sandbox.mint().user(BEN).claim("iss", issuer);
    for issuer in ["https://login.acme.com/", "https://acme.eu.auth0.com/"] {
        assert_eq!(outcome(&rig, from(issuer)).await, (200, "ok".into()), "{issuer}");
        assert_eq!(outcome(&rig, from(issuer).rfc9068()).await, (200, "ok".into()), "{issuer}, RFC 9068");
    }
    for issuer in [
        "https://login.acme.com",
        "http://login.acme.com/",
        "https://LOGIN.acme.com/",
        "https://login.acme.com/ ",
        "https://login.acme.com/x",
        "https://login.acme.com.evil.example/",
        "",
    ] {
        assert_eq!(outcome(&rig, from(issuer)).await, (401, "caller-token-invalid".into()), "{issuer}");
    }
    // The configured list replaces the default.
    assert_eq!(rig.get(USER, BEN).await.outcome(), (401, "caller-token-invalid".into()));
    let metadata = rig.send(rig.bare(Method::GET, "/.well-known/oauth-protected-resource")).await.json();
    assert_eq!(metadata["authorization_servers"].as_array().map(Vec::len), Some(2));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j04_organisations_and_clients_are_admitted_by_name_alone() {
    let callers = "organizations = [\"org_1\", \"acme\"]\nclients = [\"spa\", \"native\"]";
    let rig = Rig::callers("", callers, "").await;
    let token = |claims: Value| rig.sandbox.mint().user(BEN).claims(claims);
    for good in [
        json!({"org_id": "org_1", "azp": "spa"}),
        json!({"org_id": "org_2", "org_name": "acme", "azp": "native"}),
        json!({"org_id": "org_1", "azp": null, "client_id": "spa"}),
    ] {
        assert_eq!(outcome(&rig, token(good.clone())).await, (200, "ok".into()), "{good}");
    }
    let allowed = (403, "caller-not-allowed".to_owned());
    for bad in [
        json!({"azp": "spa"}),
        json!({"org_id": "org_3", "azp": "spa"}),
        json!({"org_id": "acme", "azp": "spa"}),
        json!({"org_id": "org_9", "org_name": "org_1", "azp": "spa"}),
        json!({"org_id": "org_1", "azp": "other"}),
        json!({"org_id": "org_1", "azp": null}),
    ] {
        assert_eq!(outcome(&rig, token(bad.clone())).await, allowed, "{bad}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j07_permissions_decide_when_told_so_and_scopes_do_not_stand_in() {
    let rules = "access = \"rules\"\n[[providers.github.rules]]\nmethods = [\"GET\"]\npaths = [\"/user\"]\n\
                 require_scope = \"github:read\"";
    let rig = Rig::callers("", "authorization = \"permissions\"", rules).await;
    let token = |claims: Value| rig.sandbox.mint().user(BEN).claims(claims);
    let good = token(json!({"permissions": ["other", "github:read"], "scope": "openid"}));
    assert_eq!(outcome(&rig, good).await, (200, "ok".into()));
    for bad in [
        json!({"permissions": ["github:write"], "scope": "github:read"}),
        json!({"permissions": [], "scope": "github:read"}),
        json!({"scope": "github:read"}),
        json!({"permissions": ["github:read "], "scope": "github:read"}),
    ] {
        assert_eq!(outcome(&rig, token(bad.clone())).await, (403, "caller-scope-missing".into()), "{bad}");
    }
    // The very token that was verified for another path a moment ago.
    let both = token(json!({"permissions": ["github:write"]})).sign();
    for _ in 0..2 {
        assert_eq!(rig.get_with("/v1/me", &both).await.status, 200);
        assert_eq!(rig.get_with(USER, &both).await.outcome(), (403, "caller-scope-missing".into()));
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j05_the_longest_lifetime_is_a_setting() {
    let day = 24 * 3600;
    let rig = Rig::start("").await;
    let long = |rig: &Rig| rig.sandbox.mint().user(BEN).expires_in(7 * day);
    assert_eq!(outcome(&rig, long(&rig)).await, (200, "ok".into()), "Auth0 allows thirty days");
    let longer = rig.sandbox.mint().user(BEN).expires_in(31 * day);
    assert_eq!(outcome(&rig, longer).await, (401, "caller-token-invalid".into()));
    rig.finish();
    let rig = Rig::callers("", "max_lifetime = \"7d\"", "").await;
    assert_eq!(outcome(&rig, long(&rig)).await, (200, "ok".into()));
    let longer = rig.sandbox.mint().user(BEN).expires_in(8 * day);
    assert_eq!(outcome(&rig, longer).await, (401, "caller-token-invalid".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_c05_logout_tokens_are_verified_to_the_last_member() {
    let rig = Rig::start("[logout]\nclient_ids = [\"spa\"]").await;
    let caller = rig.sandbox.mint().user(BEN).issued_ago(60).sign();
    assert_eq!(rig.get_with(USER, &caller).await.status, 200);
    let hook = |token: String| {
        rig.send(rig.bare(Method::POST, "/hooks/backchannel-logout").form(&[("logout_token", token)]))
    };
    let good = || rig.sandbox.mint().user(BEN).logout_token("spa");
    for (name, token) in [
        ("another client", rig.sandbox.mint().user(BEN).logout_token("other")),
        ("another issuer", good().claim("iss", "https://evil.example/")),
        ("nonce", good().claim("nonce", "n")),
        ("no events", good().claim("events", Value::Null)),
        ("other events", good().claim("events", json!({"x": {}}))),
        ("sid alone", good().claims(json!({"sub": null, "sid": "s"}))),
        ("no jti", good().claim("jti", Value::Null)),
        ("expired", good().claims(json!({"exp": 1_000, "iat": 900}))),
        ("in the future", good().claims(json!({"iat": 9_999_999_999_u64, "exp": 9_999_999_999_u64}))),
        ("typ", good().header(json!({"typ": "at+jwt"}))),
        ("a foreign key", good().signer(sandbox::Signer::Foreign)),
        ("none", good().unsigned()),
        ("hs256", good().hmac_with_public_key()),
        ("an access token", rig.sandbox.mint().user(BEN)),
    ] {
        let answer = hook(token.sign()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (400, Some("bad-request")),
            "{name}"
        );
        assert_eq!(rig.get_with(USER, &caller).await.status, 200, "{name} changed nothing");
    }
    let long = "x".repeat(17 * 1024);
    assert_eq!(hook(long).await.status, 413);
    assert_eq!(hook(good().sign()).await.status, 200);
    assert_eq!(rig.get_with(USER, &caller).await.outcome(), (401, "caller-token-invalid".into()));
    assert_eq!(rig.get_with("/v1/me", &caller).await.status, 401);
    // A token from a login after that works again.
    let later = rig.sandbox.mint().user(BEN).issued_ago(-2).sign();
    assert_eq!(rig.get_with(USER, &later).await.status, 200);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_metadata_says_what_the_challenge_points_at() {
    let rules = "access = \"rules\"\n[[providers.github.rules]]\nmethods = [\"GET\"]\npaths = [\"/user\"]\n\
                 require_scope = \"github:read\"";
    let rig = Rig::callers("public_url = \"https://idp.acme.com/gw\"", "", rules).await;
    let refused = rig.send(rig.bare(Method::GET, USER)).await;
    let link = "resource_metadata=\"https://idp.acme.com/.well-known/oauth-protected-resource/gw\"";
    assert!(refused.header("www-authenticate").contains(link), "{}", refused.header("www-authenticate"));
    let answer = rig.send(rig.bare(Method::GET, "/.well-known/oauth-protected-resource/gw")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let metadata = answer.json();
    assert_eq!(metadata["resource"], "https://idp.acme.com/gw");
    assert_eq!(metadata["scopes_supported"], json!(["github:read"]));
    assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
    assert_eq!(metadata["authorization_servers"], json!([rig.sandbox.tenant_url().as_str()]));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_k04_poisoned_discovery_changes_nothing() {
    let rig = Rig::start("").await;
    let evil = json!({
        "issuer": "https://evil.example/",
        "jwks_uri": "https://evil.example/jwks.json",
        "token_endpoint": "https://evil.example/oauth/token",
    });
    let answer = sandbox::Answer::json(200, &evil);
    rig.sandbox.faults().add(sandbox::Fault::on(Server::Tenant).path("/.well-known/openid").answer(answer));
    rig.app.warm().await;
    assert_eq!(rig.get(USER, BEN).await.status, 200);
    let journal = rig.sandbox.journal();
    assert_eq!(journal.count_of(Server::Tenant, "/.well-known/openid"), 0, "it is not even asked");
    assert_eq!(journal.count_of(Server::Tenant, "/.well-known/jwks.json"), 1);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_k01_a_flood_of_key_ids_leaves_honest_callers_alone() {
    let rig = Rig::start("").await;
    assert_eq!(rig.get(USER, BEN).await.status, 200);
    rig.sandbox.journal().clear();
    let good = rig.sandbox.mint().user(BEN);
    for number in 0..300 {
        let forged = good.clone().header(json!({"kid": format!("random-{number}")})).sign();
        assert_eq!(rig.get_with(USER, &forged).await.outcome(), (401, "caller-token-invalid".into()));
    }
    assert_eq!(rig.get(USER, BEN).await.status, 200);
    assert!(rig.sandbox.journal().count_of(Server::Tenant, "/.well-known/jwks.json") <= 1);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r07_no_spelling_of_a_token_in_the_query_reaches_the_provider() {
    let rig = Rig::start("").await;
    let token = rig.sandbox.caller_token(BEN);
    let before = reached(&rig);
    for query in [
        "access_token=x",
        "ACCESS_TOKEN=x",
        "a=1;access_token=x",
        "access_token[]=x",
        "access_token%5B0%5D=x",
        "access.token=x",
        "+access_token=x",
        "%20%61ccess_token=x",
        "oauth.token=x",
        "Bearer_Token[0]=x",
    ] {
        let answer = rig.get_with(&format!("{USER}?{query}"), &token).await;
        assert_eq!(answer.outcome(), (400, "caller-token-in-query".into()), "{query}");
    }
    assert_eq!(reached(&rig), before, "none of these reached the provider");
    assert_eq!(rig.get_with(&format!("{USER}?my_access_token=x&a=access_token"), &token).await.status, 200);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j04_agents_and_machines_are_no_users_before_any_look_up() {
    let rig = Rig::start("").await;
    let look_ups = || rig.sandbox.journal().count_of(Server::Tenant, "/api/v2/");
    let before = look_ups();
    for (name, claims) in [
        ("agent", json!({ "sub": "agt_0123" })),
        ("profile", json!({ "sub_profile": "ai_agent" })),
        ("service", json!({ "sub_profile": "service" })),
        ("the client", json!({ "sub": "custom|1", "azp": "custom|1" })),
        ("no connection", json!({ "sub": "somebody" })),
        ("client credentials", json!({ "sub": "abc@clients", "gty": "client-credentials" })),
    ] {
        let token = rig.sandbox.mint().user(BEN).claims(claims);
        assert_eq!(outcome(&rig, token).await, (403, "caller-not-a-user".into()), "{name}");
    }
    assert_eq!(look_ups(), before, "nobody was looked up");
    // Behind a connection the same ending is a user's: unknown to this tenant, so it was looked up.
    let user = rig.sandbox.mint().user("auth0|somebody@clients");
    assert_eq!(outcome(&rig, user).await, (403, "user-unknown".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j04_actors_are_accepted_by_setting() {
    let act = json!({ "act": { "sub": "agent-1", "act": { "sub": "agent-2" } } });
    for (setting, code) in [
        ("", "ok"),
        ("actors = \"any\"", "ok"),
        ("actors = \"none\"", "caller-not-allowed"),
        ("actors = [\"agent-1\"]", "caller-not-allowed"),
        ("actors = [\"agent-1\", \"agent-2\"]", "ok"),
    ] {
        let rig = Rig::callers("", setting, "").await;
        assert_eq!(
            outcome(&rig, rig.sandbox.mint().user(BEN).claims(act.clone())).await.1,
            code,
            "{setting}"
        );
        let malformed = rig.sandbox.mint().user(BEN).claims(json!({ "act": ["agent-1"] }));
        assert_eq!(outcome(&rig, malformed).await.1, "caller-token-invalid", "{setting}");
        rig.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j05_the_limits_of_a_token_are_settings_and_named() {
    let rig = Rig::callers("", "max_token = \"2KiB\"\nmax_lifetime = \"1h\"", "").await;
    let long = rig.sandbox.mint().user(BEN).claim("x", "y".repeat(4096));
    let answer = rig.get_with(USER, &long.sign()).await;
    assert_eq!(answer.outcome(), (401, "caller-token-invalid".into()));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("2048") && detail.contains("callers.max_token"), "{detail}");
    let answer = rig.get_with(USER, &rig.sandbox.mint().user(BEN).expires_in(7200).sign()).await;
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("3600 s") && detail.contains("callers.max_lifetime"), "{detail}");
    rig.finish();

    let rig = Rig::start("").await;
    let month = rig.sandbox.mint().user(BEN).expires_in(30 * 24 * 3600).claim("x", "y".repeat(9000));
    assert_eq!(outcome(&rig, month).await, (200, "ok".into()), "Auth0 allows thirty days and long tokens");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_j09_a_proof_may_come_again_after_a_quota_refused_it() {
    let quota = "[quotas]\nper_caller = { per_second = 0.001, burst = 1 }";
    let rig = Rig::callers(LOOPBACK, "dpop = \"require\"", quota).await;
    let key = DpopKey::generate().unwrap();
    let bound = rig.sandbox.mint().user(BEN).bound_to(&key).sign();
    let (first, second) = (proof(&rig, &key, &bound, json!({})), proof(&rig, &key, &bound, json!({})));
    assert_eq!(with_proof(&rig, USER, &bound, &first).await.status, 200);
    for _ in 0..3 {
        assert_eq!(with_proof(&rig, USER, &bound, &second).await.outcome(), (429, "rate-limited".into()));
    }
    // The same of a question, which has a limit of its own.
    let path = "/v1/explain/0123456789abcdef0123456789abcdef";
    let ask = || key.proof("GET", &rig.url(path), Some(&bound), json!({})).unwrap();
    for _ in 0..10 {
        assert_eq!(with_proof(&rig, path, &bound, &ask()).await.status, 404);
    }
    let last = ask();
    for _ in 0..3 {
        assert_eq!(with_proof(&rig, path, &bound, &last).await.outcome(), (429, "rate-limited".into()));
    }
    rig.finish();
}
