//! Rules that see who asks and what GraphQL says; `POST /v1/check` and `gateway check`, which say what the proxy does.

use std::collections::BTreeMap;

use gateway::admin::Selector;
use reqwest::Method;
use sandbox::{Sandbox, Server};
use serde_json::{Value, json};

use crate::child::RunningGateway;
use crate::harness::{Answer, BEN, Rig};
use crate::random_calls::{self, RandomCall};

pub(crate) const RULES: &str = r#"access = "rules"
[[providers.github.rules]]
methods = ["DELETE"]
paths = ["/**"]
allow = false
[[providers.github.rules]]
methods = ["GET"]
paths = ["/repos/acme/payroll/**"]
require_scope = "payroll"
[[providers.github.rules]]
methods = ["GET"]
paths = ["/user", "/repos/**", "/users/{name}"]
[[providers.github.rules]]
methods = ["POST", "PATCH"]
paths = ["/repos/{owner}/{repo}/**", "/user"]
actors = "none"
[[providers.github.rules]]
methods = ["POST"]
paths = ["/markdown"]
clients = ["cli"]
claims = { "https://acme.test/role" = ["admin", "editor"] }
[[providers.github.rules]]
methods = ["POST"]
paths = ["/graphql"]
actors = ["planner"]
graphql = { operations = ["query", "mutation"], fields = ["viewer", "addStar"], depth = 3 }
[[providers.github.rules]]
methods = ["POST", "GET"]
paths = ["/graphql"]
hosts = ["api.github.com"]
graphql = { fields = ["viewer", "repository"], introspection = true }
"#;

async fn check(rig: &Rig, token: &str, question: &Value) -> Answer {
    rig.send(rig.bare(Method::POST, "/v1/check").bearer_auth(token).json(question)).await
}

async fn call(rig: &Rig, token: &str, method: &str, path: &str, body: Option<&str>) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = rig.bare(method, &format!("/proxy/github{path}")).bearer_auth(token);
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_owned()),
        None => request,
    };
    rig.send(request).await
}

/// The members that the contract gives the answer; whatever else would be there is no part of it.
fn assert_members(verdict: &Value, case: &str) {
    const ALWAYS: [&str; 4] = ["allowed", "outcome", "required_scopes", "rule"];
    const PERHAPS: [&str; 3] = ["account", "missing_scopes", "state"];
    let members: Vec<&str> = verdict.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(ALWAYS.iter().all(|name| members.contains(name)), "{case}: {verdict}");
    let known = |name: &&str| ALWAYS.contains(name) || PERHAPS.contains(name);
    assert!(members.iter().all(known), "{case}: {verdict}");
}

/// What `POST /v1/check` says of a call: whether it is allowed, and the outcome.
async fn said(rig: &Rig, call: &RandomCall, token: &str) -> (bool, String) {
    let RandomCall { provider, method, path, .. } = call;
    let (body, path) = (call.json(), json!(path));
    let question = format!("{{{body}\"provider\":\"{provider}\",\"method\":\"{method}\",\"path\":{path}}}");
    let answer = rig.send(rig.bare(Method::POST, "/v1/check").bearer_auth(token).body(question)).await;
    assert_eq!(answer.status, 200, "{call:?}: {:?}", answer.json());
    let verdict = answer.json();
    assert_members(&verdict, &format!("{call:?}"));
    (verdict["allowed"].as_bool().unwrap(), verdict["outcome"].as_str().unwrap().to_owned())
}

/// For every caller, provider, host, method, path and body `POST /v1/check` says what the proxy does.
#[tokio::test(flavor = "multi_thread")]
async fn tm_r13_tm_r14_the_dry_run_says_what_the_proxy_does() {
    let rig = Rig::with(Sandbox::builder(), random_calls::providers).await;
    let callers = random_calls::prepared(&rig).await;
    let (mut outcomes, mut wrong) = (BTreeMap::new(), Vec::new());
    for seed in 0..1600 {
        if seed == 1500 {
            let user = Selector { user: Some(BEN.to_owned()), ..Selector::default() };
            random_calls::block(&rig, user).await;
        }
        let call = RandomCall::new(seed, &callers);
        let token = &callers[call.caller];
        let (allowed, outcome) = said(&rig, &call, token).await;
        let (reached, got) = call.proxied(&rig, token).await;
        if allowed != reached || (!reached && outcome != got) {
            wrong.push(format!("seed {seed}: said {outcome}, got {got}: {call:?}"));
        }
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Otherwise the calls were too much alike.
    for (outcome, least) in [
        ("ok", 120),
        ("policy-denied", 100),
        ("bad-path", 40),
        ("bad-request", 40),
        ("host-not-allowed", 20),
        ("caller-token-in-query", 5),
        ("caller-scope-missing", 1),
        ("account-not-connected", 8),
        ("reconnect-required", 1),
        ("provider-scope-missing", 1),
        ("user-blocked", 5),
        ("unknown-provider", 5),
        ("uri-too-long", 5),
        ("method-not-allowed", 30),
        ("not-implemented", 30),
    ] {
        assert!(outcomes.get(outcome).is_some_and(|count| *count >= least), "{outcome}: {outcomes:?}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_costs_nothing_and_names_rule_scopes_and_account() {
    let quotas = format!("{RULES}[quotas]\nper_caller = {{ per_second = 0.001, burst = 1 }}\n");
    let rig = Rig::start(&quotas).await;
    let token = rig.sandbox.mint().user(BEN).sign();
    let question = |method: &str, path: &str| json!({ "provider": "github", "method": method, "path": path });
    let cold = check(&rig, &token, &question("GET", "/user")).await.json();
    assert_eq!(
        (&cold["allowed"], &cold["rule"], &cold["outcome"]),
        (&json!(true), &json!("rules[2]"), &json!("ok"))
    );
    assert!(cold.get("account").is_none(), "nothing is cached yet: {cold}");
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    rig.sandbox.journal().clear();
    let warm = check(&rig, &token, &question("GET", "/user")).await.json();
    assert!(warm["account"].as_str().is_some_and(|account| account.starts_with("github|")), "{warm}");
    assert!(warm["state"].is_string(), "{warm}");
    let scope = check(&rig, &token, &question("GET", "/repos/acme/payroll")).await.json();
    assert_eq!((&scope["allowed"], &scope["rule"]), (&json!(false), &json!("rules[1]")));
    assert_eq!(
        (&scope["outcome"], &scope["missing_scopes"]),
        (&json!("caller-scope-missing"), &json!(["payroll"]))
    );
    let unknown =
        check(&rig, &token, &json!({ "provider": "gitlab", "method": "GET", "path": "/" })).await.json();
    assert_eq!(unknown["outcome"], "unknown-provider");
    let other = json!({ "provider": "github", "method": "GET", "path": "/user", "account": "other|1" });
    assert_eq!(check(&rig, &token, &other).await.json()["outcome"], "account-not-connected");
    for wrong in
        [json!({}), json!({ "provider": "github", "method": "GET", "path": "/", "more": 1 }), json!([])]
    {
        assert_eq!(check(&rig, &token, &wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(rig.send(rig.bare(Method::POST, "/v1/check").json(&question("GET", "/"))).await.status, 401);
    assert_eq!(rig.sandbox.journal().entries().len(), 0, "nobody was asked");
    // The burst of one was spent by the call alone.
    assert_eq!(rig.get("/proxy/github/user", BEN).await.outcome(), (429, "rate-limited".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_r14_a_graphql_refusal_names_operation_field_and_rule_and_explain_shows_what_was_asked() {
    let rig = Rig::start(RULES).await;
    let token = rig.sandbox.mint().user(BEN).sign();
    let open = call(&rig, &token, "POST", "/graphql", Some(r#"{"query":"{ x: viewer { login } }"}"#)).await;
    assert_eq!(open.outcome(), (200, "ok".into()), "{:?}", open.json());
    let sent = rig.sandbox.journal().last(Server::GitHub).unwrap();
    assert_eq!(sent.body(), br#"{"query":"{ x: viewer { login } }"}"#, "the body passes as it came");
    let path = format!("/v1/explain/{}", open.header("x-request-id"));
    let explained = rig.get_with(&path, &token).await.json();
    assert_eq!((&explained["rule"], &explained["graphql"]), (&json!("rules[6]"), &json!("query(viewer)")));
    assert_eq!(explained["host"], "api.github.com");
    rig.sandbox.journal().clear();
    let body =
        json!({ "query": "{ ...F } fragment F on Query { login: viewer { id } search { id } }" }).to_string();
    let closed = call(&rig, &token, "POST", "/graphql", Some(&body)).await;
    assert_eq!(closed.outcome(), (403, "policy-denied".into()));
    let detail = closed.json()["detail"].as_str().unwrap().to_owned();
    for part in ["rules[6]", "'query'", "'search'"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    let long = json!({ "query": format!("{{ viewer {{ login }} }} # {}", "x".repeat(70_000)) }).to_string();
    assert_eq!(
        call(&rig, &token, "POST", "/graphql", Some(&long)).await.outcome(),
        (403, "policy-denied".into())
    );
    assert_eq!(rig.sandbox.journal().count_of(Server::GitHub, "/"), 0);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_line_names_client_agents_rule_host_and_graphql() {
    let sandbox = sandbox::Sandbox::builder().start().await.unwrap();
    let gateway = RunningGateway::start(&sandbox, RULES);
    let token = sandbox.mint().user(BEN).claim("azp", "cli").acting(&["planner"]).sign();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (query, status) in [("{ viewer { login } }", 200), ("{ search { id } }", 403)] {
        let request = http.post(gateway.url("/proxy/github/graphql")).bearer_auth(&token);
        let answer = request.json(&json!({ "query": query })).send().await.unwrap();
        assert_eq!(answer.status(), status, "{query}");
    }
    let lines = gateway.wait_audited("call", 2);
    let [open, closed] = &lines[..] else { panic!("{lines:?}") };
    for line in [open, closed] {
        assert_eq!((&line["client"], &line["actors"]), (&json!("cli"), &json!("planner")), "{line}");
        assert_eq!((&line["rule"], &line["host"]), (&json!("rules[5]"), &json!("api.github.com")), "{line}");
    }
    assert_eq!((&open["graphql"], &open["decision"]), (&json!("query(viewer)"), &json!("allow")));
    assert_eq!((&closed["graphql"], &closed["decision"]), (&json!("query(search)"), &json!("deny")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dry_run_knows_what_is_blocked() {
    let sandbox = sandbox::Sandbox::builder().start().await.unwrap();
    let gateway = RunningGateway::start(&sandbox, RULES);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = sandbox.caller_token(BEN);
    let question = json!({ "provider": "github", "method": "GET", "path": "/user" });
    for (block, refused) in
        [(json!({ "provider": "github" }), "policy-denied"), (json!({ "user": BEN }), "user-blocked")]
    {
        for (order, outcome) in [(Method::POST, refused), (Method::DELETE, "ok")] {
            let ordered = http.request(order, gateway.admin_url("/admin/block")).json(&block).send().await;
            assert_eq!(ordered.unwrap().status(), 200, "{block}");
            let asked = http.post(gateway.url("/v1/check")).bearer_auth(&token).json(&question);
            let said = asked.send().await.unwrap().bytes().await.unwrap();
            let said: Value = serde_json::from_slice(&said).unwrap();
            assert_eq!(
                (&said["allowed"], &said["outcome"]),
                (&json!(outcome == "ok"), &json!(outcome)),
                "{block}"
            );
            assert_eq!(said["rule"], if outcome == "ok" { "rules[2]" } else { "block" }, "{block}");
            let called =
                http.get(gateway.url("/proxy/github/user")).bearer_auth(&token).send().await.unwrap();
            assert_eq!(called.headers()["idp-outcome"], outcome, "{block}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_metadata_exists_where_a_resource_does() {
    let rig = Rig::callers("public_url = \"https://idp.acme.com/gw\"", "", "").await;
    for (path, resource) in [
        ("/gw", Some("https://idp.acme.com/gw")),
        ("/gw/v1", Some("https://idp.acme.com/gw/v1")),
        ("/gw/proxy/github", Some("https://idp.acme.com/gw/proxy/github")),
        ("", None),
        ("/", None),
        ("/proxy/github", None),
        ("/gw/", None),
        ("/gw/proxy/gitlab", None),
        ("/gw/proxy/github/user", None),
        ("/other", None),
    ] {
        let answer =
            rig.send(rig.bare(Method::GET, &format!("/.well-known/oauth-protected-resource{path}"))).await;
        match resource {
            Some(resource) => assert_eq!(answer.json()["resource"], resource, "{path}"),
            None => assert_eq!(answer.status, 404, "{path}"),
        }
    }
    rig.finish();
}
