//! Rules that see who asks and what GraphQL says; `POST /v1/check` and `gateway check`, which say what the proxy does.

use fastrand::Rng;
use reqwest::Method;
use sandbox::Server;
use serde_json::{Value, json};

use crate::child::RunningGateway;
use crate::harness::{ANA, Answer, BEN, CLEO, Rig};

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

pub(crate) fn callers(rig: &Rig) -> Vec<String> {
    let mint = || rig.sandbox.mint();
    let role = |role: Value| mint().user(BEN).claim("azp", "cli").claim("https://acme.test/role", role);
    [
        mint().user(BEN),
        mint().user(BEN).scope("openid payroll"),
        mint().user(BEN).acting(&["planner"]),
        mint().user(BEN).acting(&["planner", "helper"]),
        mint().user(BEN).acting(&["helper"]),
        mint().user(BEN).claim("azp", "cli"),
        role(json!("admin")),
        role(json!(["viewer", "editor"])),
        role(json!("viewer")),
        mint().user(ANA),
        mint().user(CLEO),
    ]
    .into_iter()
    .map(|token| token.sign())
    .collect()
}

pub(crate) const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PATCH", "DELETE"];
pub(crate) const PATHS: [&str; 21] = [
    "/user",
    "/User",
    "/%75ser",
    "/user/",
    "",
    "/",
    "//user",
    "/repos/acme/payroll",
    "/repos/ACME/payroll/issues",
    "/repos/acme%2Fpayroll/x",
    "/repos/ben/site/issues",
    "/users/ben?x=1",
    "/markdown",
    "/graphql",
    "/graphql",
    "/graphql?query=%7Bviewer%7Blogin%7D%7D",
    "/graphql/",
    "/~uploads.github.com/user",
    "/~evil.example/user",
    "/applications/x/token",
    "/user?access_token=x",
];
pub(crate) const BODIES: [&str; 14] = [
    r#"{"query":"{viewer{login}}"}"#,
    r#"{"query":"{me:viewer{login}}","operationName":null,"variables":{}}"#,
    r#"{"query":"mutation{addStar(input:{}){clientMutationId}}"}"#,
    r#"{"query":"query A{viewer{login}} mutation B{addStar{x}}","operationName":"A"}"#,
    r#"{"query":"{...F} fragment F on Query{repository{name}}"}"#,
    r#"{"query":"{relay{nodes{id}}}"}"#,
    r#"{"query":"{viewer{a{b{c{d}}}}}"}"#,
    r#"{"query":"{__schema{types{name}}}"}"#,
    r#"[{"query":"{viewer{login}}"},{"query":"{repository{name}}"}]"#,
    r#"{"query":"{viewer{login}}","query":"mutation{addStar{x}}"}"#,
    r#"{"extensions":{"persistedQuery":{"sha256Hash":"abc"}}}"#,
    r#"{"query":"{viewer"}"#,
    r#"{"text":"hi"}"#,
    "",
];

/// For every caller, method, path and body `POST /v1/check` says what the proxy does.
#[tokio::test(flavor = "multi_thread")]
async fn tm_r13_tm_r14_the_dry_run_says_what_the_proxy_does() {
    let rig = Rig::start(RULES).await;
    let callers = callers(&rig);
    for caller in &callers {
        // The dry run knows accounts by the caches alone.
        rig.send(rig.bare(Method::GET, "/v1/me").bearer_auth(caller)).await;
    }
    let (mut sent, mut refused) = (0, 0);
    for seed in 0..800 {
        let mut rng = Rng::with_seed(seed);
        let caller = &callers[rng.usize(..callers.len())];
        let (method, path) = (METHODS[rng.usize(..METHODS.len())], PATHS[rng.usize(..PATHS.len())]);
        let body = matches!(method, "POST" | "PATCH").then(|| BODIES[rng.usize(..BODIES.len())]);
        let case = format!("seed {seed}: {method} {path} {body:?}");
        // Raw JSON: a duplicate member has to arrive as it is.
        let member = body.filter(|body| serde_json::from_str::<Value>(body).is_ok());
        let raw = member.map(|body| format!(",\"body\":{body}")).unwrap_or_default();
        let question =
            format!("{{\"provider\":\"github\",\"method\":{},\"path\":{}{raw}}}", json!(method), json!(path));
        let asked = rig.send(rig.bare(Method::POST, "/v1/check").bearer_auth(caller).body(question)).await;
        assert_eq!(asked.status, 200, "{case}: {:?}", asked.json());
        let said = asked.json();
        rig.sandbox.journal().clear();
        let answer = call(&rig, caller, method, path, body).await;
        let reached = rig.sandbox.journal().count_of(Server::GitHub, "/") > 0;
        assert_eq!(said["allowed"], reached, "{case}: {said} but {:?}", answer.outcome());
        if reached {
            sent += 1;
        } else {
            refused += 1;
            assert_eq!(said["outcome"], answer.header("idp-outcome"), "{case}: {said}");
        }
    }
    assert!(sent > 80 && refused > 200, "{sent} sent, {refused} refused");
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
