//! The main job, end to end with GitHub.

use reqwest::Method;
use sandbox::{Fault, Server};

use crate::harness::{ANA, BEN, CLEO, Rig};
use crate::raw_provider::{RawProvider, with_body};

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_token_in_the_providers_answer_out() {
    let rig = Rig::start("").await;
    let answer = rig.get("/proxy/github/user", BEN).await;
    assert_eq!(answer.outcome(), (200, "ok".into()), "{:?}", answer.json());
    assert_eq!(answer.json()["login"], "ben");
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("vary", "Authorization, Idp-Account, Origin"),
    ] {
        assert!(answer.header(name).contains(value), "{name}: {}", answer.header(name));
    }
    assert!(
        answer.header("cache-control").contains("private")
            || answer.header("cache-control").contains("no-store")
    );
    assert_eq!(answer.header("x-request-id").len(), 32);
    assert!(!answer.headers.contains_key("server") && !answer.headers.contains_key("set-cookie"));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_sees_the_users_token_and_nothing_of_the_caller() {
    let rig = Rig::start("").await;
    let request = rig
        .request(Method::GET, "/proxy/github/user?per_page=1", BEN)
        .header("cookie", "session=1")
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "for=203.0.113.9")
        .header("origin", "https://app.example.com")
        .header("referer", "https://app.example.com/")
        .header("idp-account", "github")
        .header("x-auth0-anything", "1")
        .header("x-secret", "hop")
        .header("x-kept", "yes")
        .header("connection", "authorization, x-secret, x-kept-not")
        .header("accept-encoding", "gzip");
    assert_eq!(rig.send(request).await.status, 200);
    let seen = rig.sandbox.journal().last(Server::GitHub).unwrap();
    assert_eq!(seen.path(), "/user");
    assert_eq!(seen.query(), Some("per_page=1"));
    let token = rig.sandbox.world().access_token(BEN, "github").unwrap();
    let sent: Vec<_> = seen.headers().get_all("authorization").iter().collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(seen.bearer(), Some(token.as_str()));
    for name in [
        "cookie",
        "x-forwarded-for",
        "forwarded",
        "origin",
        "referer",
        "idp-account",
        "x-auth0-anything",
        "x-secret",
        "connection",
        "dpop",
    ] {
        assert!(!seen.headers().contains_key(name), "{name}");
    }
    assert_eq!(seen.header("x-kept"), Some("yes"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("user-agent"), Some("rig"));
    let caller = rig.sandbox.caller_token(BEN);
    for (_, value) in seen.headers() {
        assert!(!value.to_str().unwrap_or_default().contains(&caller));
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_is_always_reconnect_required_and_costs_two_look_ups_a_minute() {
    let rig = Rig::start("").await;
    // One token: a newer one would rightly cause another look-up.
    let token = rig.sandbox.caller_token(CLEO);
    for _ in 0..5 {
        let answer = rig.get_with("/proxy/github/user", &token).await;
        assert_eq!(answer.outcome(), (403, "reconnect-required".into()));
        let problem = answer.json();
        assert_eq!(problem["connect"]["connection"], "github");
        assert!(problem["connect"]["authorization_endpoint"].as_str().unwrap().ends_with("/authorize"));
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, "/api/v2/users/"), 2);
    rig.finish();
}

/// The path has worked a moment ago, so the account stays open: the problem must not say that connecting it again is useless.
#[tokio::test(flavor = "multi_thread")]
async fn an_access_that_is_revoked_between_two_calls_can_be_connected_again() {
    let rig = Rig::start("").await;
    let token = |age| rig.sandbox.mint().user(BEN).issued_ago(age).sign();
    let old = token(60);
    assert_eq!(rig.get_with("/proxy/github/user", &old).await.status, 200);
    assert!(rig.sandbox.world().revoke(BEN, "github"));
    for _ in 0..2 {
        let refused = rig.get_with("/proxy/github/user", &old).await;
        assert_eq!(refused.outcome(), (403, "provider-denied".into()));
        let problem = refused.json();
        assert_eq!(problem["connect"]["connection"], "github", "{problem}");
        assert_eq!(problem["accounts"][0]["connection"], "github", "{problem}");
        assert!(problem["remedy"].as_str().unwrap().contains("connect the account again"), "{problem}");
    }
    assert!(rig.sandbox.world().sign_in_again(BEN, "github"));
    // The app has a newer token after the sign-in: times of tokens are whole seconds.
    let connected = rig.get_with("/proxy/github/user", &token(-2)).await;
    assert_eq!(connected.outcome(), (200, "ok".into()), "{:?}", connected.json());
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_renewed_in_auth0_is_fetched_once_and_the_call_repeated() {
    let rig = Rig::start("").await;
    assert_eq!(rig.get("/proxy/github/user", BEN).await.status, 200);
    assert!(rig.sandbox.world().revoke(BEN, "github"));
    assert!(rig.sandbox.world().sign_in_again(BEN, "github"));
    let request = rig
        .request(Method::GET, "/proxy/github/user", BEN)
        .header("cookie", "session=1")
        .header("x-kept", "yes")
        .header("x-secret", "hop")
        .header("connection", "x-secret");
    let answer = rig.send(request).await;
    assert_eq!(answer.outcome(), (200, "ok".into()), "{:?}", answer.json());
    assert_eq!(rig.sandbox.journal().count_of(Server::Tenant, "/api/v2/users/"), 2);
    // The repeated call is made like the first one.
    let seen = rig.sandbox.journal().last(Server::GitHub).unwrap();
    let token = rig.sandbox.world().access_token(BEN, "github").unwrap();
    assert_eq!(seen.headers().get_all("authorization").iter().count(), 1);
    assert_eq!((seen.bearer(), seen.header("x-kept")), (Some(token.as_str()), Some("yes")));
    assert!(["cookie", "x-secret"].iter().all(|name| !seen.headers().contains_key(*name)));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_first_requests_cost_one_token_and_one_look_up() {
    let rig = Rig::start("max_in_flight = 2000").await;
    // One token: a newer one would rightly cause a second look-up.
    let token = rig.sandbox.caller_token(BEN);
    let call = || rig.send(rig.bare(Method::GET, "/proxy/github/user").bearer_auth(&token));
    let requests = (0..500).map(|_| call());
    let answers = futures_util::future::join_all(requests).await;
    let statuses: Vec<_> =
        answers.iter().map(|answer| answer.status.as_u16()).filter(|s| *s != 200).collect();
    assert!(statuses.is_empty(), "{statuses:?}");
    let journal = rig.sandbox.journal();
    assert_eq!(journal.count_of(Server::Tenant, "/oauth/token"), 1);
    assert_eq!(journal.count_of(Server::Tenant, "/api/v2/users/"), 1);
    assert!(journal.count_of(Server::Tenant, "/.well-known/jwks.json") <= 1);
    for _ in 0..200 {
        assert_eq!(call().await.status, 200);
    }
    assert_eq!(journal.count_of(Server::Tenant, "/"), 3, "warm calls ask the provider alone");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_back_to_the_gateway() {
    let rig = Rig::start("").await;
    let answer = rig.get("/proxy/github/user/repos?per_page=1", BEN).await;
    assert_eq!(answer.status, 200);
    let link = answer.header("link").to_owned();
    assert!(link.contains("</proxy/github/") && !link.contains("127.0.0.1"), "{link}");
    let next = link.split_once('<').unwrap().1.split_once('>').unwrap().0;
    assert_eq!(rig.get(next, BEN).await.status, 200);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_come_in_the_contracts_order() {
    let rig = Rig::start("").await;
    let bare = |path| rig.bare(Method::GET, path);
    let user = |path| rig.request(Method::GET, path, BEN);
    for (request, want) in [
        (bare("/proxy/github/user"), (401, "caller-token-missing")),
        (bare("/proxy/nowhere/x"), (401, "caller-token-missing")),
        (bare("/v1/me"), (401, "caller-token-missing")),
        (bare("/v1/nothing"), (401, "caller-token-missing")),
        (bare("/nothing"), (404, "not-found")),
        (bare("/proxy/github/user").bearer_auth("opaque"), (401, "caller-token-opaque")),
        (bare("/proxy/github/user").header("authorization", "Basic eDp5"), (401, "caller-token-missing")),
        (bare("/proxy/github/user?access_token=x"), (400, "caller-token-in-query")),
        (user("/proxy/github/user?access_token=x"), (400, "caller-token-in-query")),
        (user("/proxy/nowhere/x"), (404, "unknown-provider")),
        (user("/proxy/github/~evil.example/x"), (403, "host-not-allowed")),
        (user("/proxy/github//user"), (400, "bad-path")),
        (user("/proxy/github/a%5cb"), (400, "bad-path")),
        (user("/proxy/github/a/%252e%252e/b"), (400, "bad-path")),
        (rig.request(Method::POST, "/proxy/github/user/repos", BEN), (403, "policy-denied")),
        (user("/proxy/github/applications/x"), (403, "policy-denied")),
        (user("/proxy/github/%61pplications/x"), (403, "policy-denied")),
        (rig.request(Method::GET, "/proxy/github/user", ANA), (403, "account-not-connected")),
        (rig.request(Method::GET, "/proxy/github/user", "auth0|nobody"), (403, "user-unknown")),
        (user("/proxy/github/user").header("idp-account", "github|1"), (403, "account-not-connected")),
        (user("/proxy/github/user").header("idp-account", "a b"), (400, "bad-request")),
    ] {
        let label = format!("{request:?}");
        let answer = rig.send(request).await;
        assert_eq!(answer.outcome(), (want.0, want.1.to_owned()), "{label}");
        let problem = answer.json();
        assert_eq!(problem["code"], want.1);
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
        assert_eq!(answer.headers.contains_key("www-authenticate"), want.0 == 401, "{label}");
    }
    let github = rig.sandbox.journal().of(Server::GitHub);
    assert!(github.is_empty(), "{github:?}");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_errors_pass_as_they_are_or_become_problems() {
    let rig = Rig::start("").await;
    let plain = rig.get("/proxy/github/repos/nobody/nothing", BEN).await;
    assert_eq!(plain.status, 404);
    assert!(plain.json()["documentation_url"].is_string());
    let problem = rig
        .send(
            rig.request(Method::GET, "/proxy/github/repos/nobody/nothing", BEN)
                .header("idp-errors", "problem"),
        )
        .await;
    assert_eq!(problem.status, 404);
    assert_eq!(problem.json()["provider_status"], 404);
    assert_eq!(problem.json()["provider_detail"], "Not Found");
    let limit = sandbox::Answer::json(
        403,
        &serde_json::json!({"message": "You have exceeded a secondary rate limit"}),
    );
    rig.sandbox.faults().add(Fault::on(Server::GitHub).path("/user").answer(limit));
    let limited = rig.get("/proxy/github/user", BEN).await;
    assert_eq!(limited.outcome(), (403, "provider-rate-limited".into()));
    assert!(limited.header("retry-after").parse::<u64>().unwrap() >= 60);
    let limited =
        rig.send(rig.request(Method::GET, "/proxy/github/user", BEN).header("idp-errors", "problem")).await;
    assert_eq!(limited.outcome(), (429, "provider-rate-limited".into()));
    assert_eq!(limited.json()["provider_status"], 403);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn cross_origin_answers_are_for_listed_origins_alone() {
    let rig = Rig::start("").await;
    let ask =
        |origin: &'static str| rig.request(Method::GET, "/proxy/github/user", BEN).header("origin", origin);
    let own = rig.send(ask("https://app.example.com")).await;
    assert_eq!(own.header("access-control-allow-origin"), "https://app.example.com");
    assert!(own.header("access-control-expose-headers").contains("Idp-Outcome"));
    assert_eq!(own.header("cross-origin-resource-policy"), "cross-origin");
    let foreign = rig.send(ask("https://evil.example")).await;
    assert!(!foreign.headers.contains_key("access-control-allow-origin"));
    let refused = rig
        .send(rig.bare(Method::GET, "/proxy/github/user").header("origin", "https://app.example.com"))
        .await;
    assert_eq!(refused.header("access-control-allow-origin"), "https://app.example.com");
    let preflight = rig
        .bare(Method::OPTIONS, "/proxy/github/user")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization");
    let preflight = rig.send(preflight).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization");
    rig.finish();
}

/// A link of the provider that reaches the app leads its caller token there. So what may hold one is read, or refused.
#[tokio::test(flavor = "multi_thread")]
async fn links_are_rewritten_in_documents_not_in_files_and_what_cannot_be_read_is_refused() {
    let provider = RawProvider::start().await;
    let at = provider.addr;
    let body = format!("{{\"next\":\"http://{at}/2.0/more\",\"@odata.nextLink\":\"http://{at}/v1.0/more\"}}");
    let zipped = "application/json\r\nContent-Encoding: gzip";
    let attached =
        |kind: &str| format!("application/json\r\nContent-Disposition: {kind}; filename=\"a.json\"");
    let answers = [
        ("/json", "200 OK", "application/json; charset=utf-8".to_owned()),
        ("/inline", "200 OK", attached("inline")),
        ("/file", "200 OK", attached("Attachment")),
        ("/zipped", "200 OK", zipped.to_owned()),
        ("/wide", "200 OK", "application/json; charset=utf-16".to_owned()),
        ("/zipped-text", "200 OK", "text/plain\r\nContent-Encoding: gzip".to_owned()),
        ("/zipped-error", "409 Conflict", zipped.to_owned()),
    ];
    for (path, status, kind) in &answers {
        let bytes = with_body(status, &format!("Content-Type: {kind}"), body.as_bytes());
        provider.answer(&format!("/2.0{path}"), bytes.clone());
        provider.answer(&format!("/v1.0{path}"), bytes);
    }
    let settings = |name: &str| format!("[providers.{name}]\nbase_url = \"http://{at}\"\n");
    let rig = Rig::start(&(settings("bitbucket") + &settings("microsoft"))).await;
    let next = |prefix: &str, member: &str| format!("\"{member}\":\"/proxy/{prefix}/more\"");
    for (prefix, member) in [("bitbucket/2.0", "next"), ("microsoft/v1.0", "@odata.nextLink")] {
        let attaches = prefix.starts_with("bitbucket");
        for (path, rewritten, passes) in [
            ("/json", true, true),
            ("/inline", true, true),
            // Contents of a repository; Graph has no such files.
            ("/file", !attaches, true),
            ("/zipped", false, false),
            ("/wide", false, false),
            ("/zipped-text", false, true),
            ("/zipped-error", false, true),
        ] {
            let answer = rig.get(&format!("/proxy/{prefix}{path}"), BEN).await;
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(said.contains(&next(prefix, member)), rewritten, "{prefix}{path}: {said}");
            if passes {
                assert!(rewritten || said == body, "{prefix}{path}: {said}");
            } else {
                assert_eq!(answer.outcome(), (502, "response-uninspectable".into()), "{prefix}{path}");
                assert!(!said.contains(&at.to_string()), "{prefix}{path}: {said}");
            }
        }
    }
    assert!(provider.take().iter().all(|sent| sent.fields("accept-encoding") == ["identity"]));
    rig.finish();
}
