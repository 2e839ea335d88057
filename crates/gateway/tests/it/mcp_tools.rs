//! What the tools of the MCP endpoint do, and that the proxy alone decides.

use reqwest::RequestBuilder;
use sandbox::{Sandbox, Server};
use serde_json::{Value, json};

use crate::harness::{ANA, BEN, CLEO, Rig};
use crate::mcp_support::{MODERN, PUBLIC, ask, call, error, message, post, result, rig, tool};
use crate::policy::RULES;
use crate::random_calls::{self, RandomCall};

/// What `call` comes to with these arguments, duplicate members of the body included: whether the provider was reached, and the
/// outcome. `None`: they are no arguments, which the endpoint says by its own code.
async fn called(rig: &Rig, call: &RandomCall, token: &str) -> Option<(bool, String)> {
    rig.sandbox.journal().clear();
    let arguments = json!({ "provider": call.provider, "method": call.method, "path": call.path });
    let message = message("tools/call", json!({ "name": "call", "arguments": arguments })).to_string();
    let member = r#""arguments":{"#;
    let message = message.replacen(member, &format!("{member}{}", call.json()), 1);
    let answer = rig.send(request_of(rig, token).body(message)).await;
    if error(&answer) == (200, -32602) {
        assert!(!call.reached(rig), "{call:?}");
        return None;
    }
    Some((call.reached(rig), answer.header("idp-outcome").to_owned()))
}

fn request_of(rig: &Rig, token: &str) -> RequestBuilder {
    post(rig, token)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "call")
}

/// Whether a member is there twice.
fn is_ambiguous(body: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|value| value.to_string().len() < body.len())
        && !body.contains("\\u")
}

/// For every caller, provider, host, method, path and body `call` comes to what the proxy comes to.
#[tokio::test(flavor = "multi_thread")]
async fn tm_m04_a_tool_may_what_the_proxy_may_and_nothing_else() {
    let server = format!("public_url = \"{PUBLIC}\"");
    let endpoint = |sandbox: &Sandbox| format!("{}[mcp]\nenabled = true\n", random_calls::providers(sandbox));
    let rig = Rig::with_server(Sandbox::builder(), &server, endpoint).await;
    let callers = random_calls::prepared(&rig).await;
    let (mut sent, mut refused, mut graphql) = (0, 0, 0);
    for seed in 0..1500 {
        let call = RandomCall::new(seed, &callers);
        let token = &callers[call.caller];
        let Some(asked) = called(&rig, &call, token).await else {
            let known = call.path.is_empty() || call.path.starts_with(['/', '?']);
            let offered = !matches!(call.method, "OPTIONS" | "TRACE" | "CONNECT" | "post");
            assert!(!known || !offered || call.provider == "gitlab", "seed {seed}: {call:?}");
            continue;
        };
        let got = call.proxied(&rig, token).await;
        if call.body.is_some_and(is_ambiguous) {
            // The message that holds it is read by one meaning or not at all.
            assert_eq!(asked, (false, "bad-request".to_owned()), "seed {seed}: {call:?}");
            assert!(!got.0 || !call.path.starts_with("/graphql"), "seed {seed}: {call:?}");
            continue;
        }
        assert_eq!(asked, got, "seed {seed}: {call:?}");
        graphql += usize::from(call.path.starts_with("/graphql") && call.body.is_some());
        *(if got.0 { &mut sent } else { &mut refused }) += 1;
    }
    assert!(
        sent > 150 && refused > 400 && graphql > 40,
        "{sent} sent, {refused} refused, {graphql} of GraphQL"
    );
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_m05_paths_that_climb_or_name_a_host_and_tokens_in_the_query_go_nowhere() {
    let rig = rig("access = \"full\"", "").await;
    let token = rig.sandbox.caller_token(BEN);
    for (path, want) in [
        ("/../applications/x", "bad-path"),
        ("/user/%2e%2e/x", "bad-path"),
        ("/user/%252e%252e/x", "bad-path"),
        ("/a\\b", "bad-path"),
        ("//evil.example/x", "bad-path"),
        ("/user#x", "bad-path"),
        ("/user\u{e9}", "bad-path"),
        ("/user?q=\u{e9}", "bad-path"),
        ("/user?q=\u{7f}", "bad-path"),
        ("/us er", "bad-path"),
        ("/user\r\nx: y", "bad-path"),
        ("/~evil.example/user", "host-not-allowed"),
        ("/~169.254.169.254/user", "host-not-allowed"),
        ("/~api.github.com@evil.example/user", "host-not-allowed"),
        ("/user?access_token=x", "caller-token-in-query"),
        ("/user?ACCESS%5Ftoken=x", "caller-token-in-query"),
        ("/applications/x", "policy-denied"),
    ] {
        let answer = call(&rig, &token, "GET", path).await;
        assert_eq!((answer.status.as_u16(), answer.header("idp-outcome")), (200, want), "{path:?}");
        let result = &answer.json()["result"];
        assert_eq!((&result["isError"], &result["structuredContent"]["code"]), (&json!(true), &json!(want)));
    }
    let long = call(&rig, &token, "GET", &format!("/{}", "x".repeat(9000))).await;
    assert_eq!(long.header("idp-outcome"), "uri-too-long");
    for arguments in [
        json!({ "provider": "github", "method": "GET", "path": "https://evil.example/" }),
        json!({ "provider": "github", "method": "GET", "path": "evil.example/" }),
        json!({ "provider": "github", "method": "GET", "path": ".evil.example/" }),
        json!({ "provider": "github", "method": "get", "path": "/" }),
        json!({ "provider": "github", "method": "CONNECT", "path": "/" }),
        json!({ "provider": "github/../v1", "method": "GET", "path": "/" }),
        json!({ "provider": "gitlab", "method": "GET", "path": "/" }),
        json!({ "provider": "github", "method": "GET", "path": "/", "headers": {} }),
        json!({ "provider": "github", "method": "GET", "path": "/", "query": { "a": { "b": 1 } } }),
        json!({ "provider": "github", "method": "GET" }),
        json!([]),
    ] {
        assert_eq!(error(&tool(&rig, &token, "call", arguments.clone()).await), (200, -32602), "{arguments}");
    }
    for (query, want) in [(json!({ "access_token": "x" }), "caller-token-in-query")] {
        let arguments = json!({ "provider": "github", "method": "GET", "path": "/user", "query": query });
        assert_eq!(tool(&rig, &token, "call", arguments).await.header("idp-outcome"), want);
    }
    let body = json!({ "provider": "github", "method": "GET", "path": "/user", "body": {} });
    assert_eq!(tool(&rig, &token, "call", body).await.header("idp-outcome"), "bad-request");
    assert_eq!(rig.sandbox.journal().count_of(Server::GitHub, "/"), 0);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_hold_json_pages_and_what_they_are() {
    let rig = rig("access = \"full\"", "").await;
    let token = rig.sandbox.caller_token(BEN);
    let user =
        result(&rig, &token, "call", json!({ "provider": "github", "method": "GET", "path": "/user" })).await;
    let structured = &user["structuredContent"];
    assert_eq!(
        (&user["resultType"], &user["isError"], &structured["status"]),
        (&json!("complete"), &json!(false), &json!(200))
    );
    assert_eq!(structured["body"]["login"], "ben");
    let text: Value = serde_json::from_str(user["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, structured["body"], "the text is the same JSON");
    assert_eq!(user["_meta"]["idp-gateway/content"], json!({ "untrusted": true, "source": "github" }));
    // The next page is a path for `call`.
    let first = result(&rig, &token, "github_repositories", json!({ "per_page": 1 })).await;
    let next = first["structuredContent"]["next"].as_str().unwrap().to_owned();
    assert!(first["structuredContent"]["body"].is_array() && next.starts_with("/user/repos?"), "{next}");
    let second = json!({ "provider": "github", "method": "GET", "path": next });
    let second = result(&rig, &token, "call", second).await;
    assert_ne!(first["structuredContent"]["body"], second["structuredContent"]["body"]);
    // A body arrives as it was written, and what is no JSON does not come as such.
    let posted = json!({ "provider": "github", "method": "POST", "path": "/sandbox/echo", "query": { "a": ["1", 2], "b": true },
        "body": { "n": 12_345_678_901_234_567_u64 } });
    result(&rig, &token, "call", posted).await;
    let sent = rig.sandbox.journal().last(Server::GitHub).unwrap();
    assert_eq!(sent.body(), br#"{"n":12345678901234567}"#);
    assert_eq!(
        (sent.target(), sent.header("content-type")),
        ("/sandbox/echo?a=1&a=2&b=true", Some("application/json"))
    );
    assert_eq!(sent.header("user-agent"), Some("rig"));
    // Binary is a link to the proxy.
    let path = json!({ "provider": "github", "method": "GET", "path": "/sandbox/download?bytes=99" });
    let binary = result(&rig, &token, "call", path).await;
    let link = &binary["content"][0];
    assert_eq!(
        (&link["type"], &link["mimeType"]),
        (&json!("resource_link"), &json!("application/octet-stream"))
    );
    assert_eq!(link["uri"], format!("{PUBLIC}/proxy/github/sandbox/download?bytes=99"));
    // Problems are results.
    let missing =
        result(&rig, &token, "call", json!({ "provider": "github", "method": "GET", "path": "/nothing" }))
            .await;
    assert_eq!(missing["structuredContent"]["code"], "provider-rejected");
    assert_eq!(
        (&missing["isError"], &missing["structuredContent"]["provider_status"]),
        (&json!(true), &json!(404))
    );
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_m06_cursors_are_good_for_their_caller_and_their_answer_alone() {
    let rig = rig("", "max_result = \"1KiB\"").await;
    let token = rig.sandbox.caller_token(BEN);
    let path = "/sandbox/slow?chunks=1&bytes=3000&millis=1";
    let arguments = json!({ "provider": "github", "method": "GET", "path": path });
    let mut part = result(&rig, &token, "call", arguments).await;
    let first = part["structuredContent"]["cursor"].as_str().unwrap().to_owned();
    let mut whole = String::new();
    loop {
        let text = part["content"][0]["text"].as_str().unwrap();
        assert!(text.len() <= 1024);
        whole.push_str(text);
        let Some(cursor) = part["structuredContent"]["cursor"].as_str() else { break };
        assert!(!cursor.contains("sandbox") && !cursor.contains("github"));
        part = result(&rig, &token, "next", json!({ "cursor": cursor })).await;
    }
    assert_eq!(whole, ".".repeat(3000));
    let other_app = rig.sandbox.mint().user(BEN).claim("azp", "another").sign();
    for (whose, token) in [("another user", rig.sandbox.caller_token(ANA)), ("another client", other_app)] {
        let answer = tool(&rig, &token, "next", json!({ "cursor": first })).await;
        assert_eq!(error(&answer), (200, -32602), "{whose}");
    }
    for forged in ["", "x", &first[1..], &format!("{first}A")] {
        assert_eq!(
            error(&tool(&rig, &token, "next", json!({ "cursor": forged })).await),
            (200, -32602),
            "{forged}"
        );
    }
    // Parts of two versions are not put together.
    let answer = sandbox::Answer::new(200).header("content-type", "text/plain").body("x".repeat(3000));
    rig.sandbox.faults().add(sandbox::Fault::on(Server::GitHub).path("/sandbox/slow").answer(answer));
    let changed = result(&rig, &token, "next", json!({ "cursor": first })).await;
    assert_eq!(changed["isError"], true);
    assert!(changed["content"][0]["text"].as_str().unwrap().contains("call again"));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_m07_no_result_holds_an_idp_token() {
    let rig = rig("access = \"full\"", "max_result = \"1KiB\"").await;
    let token = rig.sandbox.caller_token(BEN);
    let secret = rig.sandbox.world().access_token(BEN, "github").unwrap();
    let hidden = "*".repeat(secret.len());
    // As a text, inside JSON, and across the place where an answer is cut.
    for before in [0, 1000, 1024 - secret.len() / 2, 1024] {
        for kind in ["text/plain", "application/json"] {
            let text = format!("{}{secret} and more{}", ".".repeat(before), ".".repeat(2000));
            let text = if kind == "text/plain" { text } else { json!({ "x": text }).to_string() };
            let answer = sandbox::Answer::new(200).header("content-type", kind).body(text);
            let fault = sandbox::Fault::on(Server::GitHub).path("/echoing").answer(answer);
            rig.sandbox.faults().add(fault);
            let path = json!({ "provider": "github", "method": "GET", "path": "/echoing" });
            let mut part = result(&rig, &token, "call", path).await;
            let mut whole = String::new();
            loop {
                whole.push_str(part["content"][0]["text"].as_str().unwrap());
                let Some(cursor) = part["structuredContent"]["cursor"].as_str() else { break };
                part = result(&rig, &token, "next", json!({ "cursor": cursor })).await;
            }
            assert!(whole.contains(&hidden) && !whole.contains(&secret), "{before} {kind}");
            rig.sandbox.faults().clear();
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_m08_the_list_shows_what_the_caller_may() {
    let rig = rig(RULES, "").await;
    let names = |list: &Value| -> Vec<String> {
        list["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = async |token: &str| ask(&rig, token, "tools/list", json!({})).await.json();
    let alone = rig.sandbox.caller_token(BEN);
    let shown = list(&alone).await;
    assert_eq!(names(&shown)[..4], ["accounts", "find", "call", "next"]);
    assert!(names(&shown).contains(&"github_issues".to_owned()));
    assert!(!names(&shown).contains(&"github_repositories".to_owned()), "no rule opens /user/repos");
    assert!(!names(&shown).contains(&"drive_files".to_owned()), "Google is not configured");
    assert_eq!(shown, list(&alone).await, "the order is fixed");
    let of_call = |list: &Value| list["result"]["tools"][2].clone();
    assert_eq!(of_call(&shown)["annotations"]["readOnlyHint"], false, "a rule opens POST to the user alone");
    rig.finish();
    let rig = crate::mcp_support::rig("access = \"read\"", "tools = [\"meta\"]").await;
    let token = rig.sandbox.caller_token(CLEO);
    let shown = ask(&rig, &token, "tools/list", json!({})).await.json();
    assert_eq!(names(&shown), ["accounts", "find", "call", "next"]);
    let call = of_call(&shown);
    assert_eq!(call["annotations"]["readOnlyHint"], true);
    assert_eq!(call["inputSchema"]["properties"]["method"]["enum"], json!(["GET", "HEAD"]));
    let typed = tool(&rig, &token, "github_issues", json!({ "owner": "a", "repo": "b" })).await;
    assert_eq!(error(&typed), (200, -32602), "what is not offered is unknown");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_find_say_what_there_is() {
    let rig = rig(RULES, "").await;
    let token = rig.sandbox.caller_token(BEN);
    let me = result(&rig, &token, "accounts", json!({})).await;
    let asked = rig.get("/v1/me", BEN).await.json();
    assert_eq!(me["structuredContent"], asked);
    let found = result(&rig, &token, "find", json!({ "query": "issues of a repository" })).await;
    let calls = found["structuredContent"]["calls"].as_array().unwrap();
    assert_eq!(calls[0]["tool"], "github_issues");
    assert!(calls.iter().all(|call| call["path"] != "/notifications"), "no rule opens it: {calls:?}");
    for wrong in [json!({}), json!({ "query": 1 }), json!({ "query": "x", "more": 1 })] {
        assert_eq!(error(&tool(&rig, &token, "find", wrong).await), (200, -32602));
    }
    assert_eq!(error(&tool(&rig, &token, "accounts", json!({ "x": 1 })).await), (200, -32602));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tool_did_is_explained_and_what_is_missing_is_said() {
    let rig = rig("", "").await;
    let token = rig.sandbox.mint().user(BEN).acting(&["planner"]).sign();
    let made = call(&rig, &token, "GET", "/user").await;
    let id = made.header("x-request-id").to_owned();
    let explained = rig.get_with(&format!("/v1/explain/{id}"), &token).await.json();
    assert_eq!((&explained["tool"], &explained["outcome"]), (&json!("call"), &json!("ok")));
    assert_eq!((&explained["provider"], &explained["actors"]), (&json!("github"), &json!(["planner"])));
    let metrics = rig.metrics.render_prometheus();
    assert!(metrics.contains("idp_gateway_mcp_tools_total{outcome=\"ok\",tool=\"call\"} 1"), "{metrics}");
    assert!(metrics.contains("http_route=\"/mcp\""));
    // Ana has no GitHub account: the problem says how to connect one.
    let ana = rig.sandbox.caller_token(ANA);
    let answer = call(&rig, &ana, "GET", "/user").await;
    assert_eq!(answer.header("idp-outcome"), "account-not-connected");
    let result = &answer.json()["result"];
    assert_eq!(result["isError"], true);
    assert_eq!(result["structuredContent"]["connect"]["connection"], "github");
    assert!(result["_meta"].get("idp-gateway/content").is_none(), "no provider said anything");
    rig.finish();
}

/// Each plans every known call, which is more work than one call is.
#[tokio::test(flavor = "multi_thread")]
async fn tm_m10_lists_and_searches_count_for_the_quotas() {
    let rig = rig("", "[quotas]\nper_caller = { per_second = 0.001, burst = 4 }").await;
    let (ana, ben) = (rig.sandbox.caller_token(ANA), rig.sandbox.caller_token(BEN));
    for _ in 0..2 {
        assert_eq!(ask(&rig, &ana, "tools/list", json!({})).await.status, 200);
        assert_eq!(tool(&rig, &ana, "find", json!({ "query": "issues" })).await.status, 200);
    }
    assert_eq!(ask(&rig, &ana, "tools/list", json!({})).await.outcome(), (429, "rate-limited".into()));
    let found = result(&rig, &ana, "find", json!({ "query": "issues" })).await;
    assert_eq!(found["structuredContent"]["code"], "rate-limited", "{found}");
    assert_eq!(ask(&rig, &ben, "tools/list", json!({})).await.status, 200);
    rig.finish();
}
