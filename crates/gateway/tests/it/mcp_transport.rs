//! What the MCP endpoint takes for a request, and how it refuses the rest.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{BEN, Rig};
use crate::mcp_support::{MODERN, PUBLIC, ask, error, message, post, request, rig};

const METADATA: &str = "resource_metadata=\"https://idp.acme.com/.well-known/oauth-protected-resource/mcp\"";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_there_unless_it_is_enabled() {
    let rig = Rig::callers(&format!("public_url = \"{PUBLIC}\""), "", "").await;
    let token = rig.sandbox.caller_token(BEN);
    assert_eq!(rig.send(post(&rig, &token).body("{}")).await.outcome(), (404, "not-found".into()));
    let metadata = rig.bare(Method::GET, "/.well-known/oauth-protected-resource/mcp");
    assert_eq!(rig.send(metadata).await.status, 404);
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_good_token_is_led_to_the_metadata() {
    let rules = "access = \"rules\"\n[[providers.github.rules]]\nmethods = [\"GET\"]\npaths = [\"/user\"]\nrequire_scope = \"read\"\n\
        [[providers.github.rules]]\nmethods = [\"POST\"]\npaths = [\"/**\"]\nrequire_scope = \"write\"";
    let rig = rig(rules, "").await;
    for request in [rig.bare(Method::POST, "/mcp").body("{}"), rig.bare(Method::GET, "/mcp")] {
        let answer = rig.send(request).await;
        assert_eq!(answer.outcome(), (401, "caller-token-missing".into()));
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains(METADATA) && challenge.contains("scope=\"read\""), "{challenge}");
    }
    let metadata = rig.send(rig.bare(Method::GET, "/.well-known/oauth-protected-resource/mcp")).await.json();
    assert_eq!(metadata["resource"], format!("{PUBLIC}/mcp"));
    assert_eq!(metadata["scopes_supported"], json!(["read"]), "writing is asked for when it is needed");
    assert!(metadata["authorization_servers"][0].is_string());
    // A scope that lacks is named in one challenge, with the same metadata.
    let token = rig.sandbox.mint().user(BEN).scope("read").sign();
    let call = json!({ "name": "call", "arguments": { "provider": "github", "method": "POST", "path": "/user/repos" } });
    let answer = ask(&rig, &token, "tools/call", call).await;
    assert_eq!(answer.outcome(), (403, "caller-scope-missing".into()));
    let challenge = answer.header("www-authenticate");
    for part in [METADATA, "error=\"insufficient_scope\"", "scope=\"write\""] {
        assert!(challenge.contains(part), "{challenge}");
    }
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1);
    // Two credentials are none.
    let two = post(&rig, &token).header("authorization", format!("Bearer {token}")).body("{}");
    assert_eq!(rig.send(two).await.outcome(), (400, "bad-request".into()));
    let machine = rig.sandbox.mint().machine("m2m").sign();
    assert_eq!(rig.send(post(&rig, &machine).body("{}")).await.outcome(), (403, "caller-not-a-user".into()));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_m01_only_post_and_listed_origins_get_in() {
    let rig = rig("", "origins = [\"https://app.example.com\"]").await;
    let token = rig.sandbox.caller_token(BEN);
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let answer = rig.send(rig.bare(method, "/mcp").bearer_auth(&token)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));
    }
    let list = message("tools/list", json!({}));
    for (origin, want) in [
        ("https://app.example.com", 200),
        ("https://evil.example", 403),
        ("https://app.example.com.evil.example", 403),
        ("http://app.example.com", 403),
        (PUBLIC, 403),
        ("null", 403),
        ("", 403),
    ] {
        let answer = rig.send(request(&rig, &token, &list).header("origin", origin)).await;
        assert_eq!(answer.status.as_u16(), want, "{origin}");
        assert_eq!(answer.json()["error"].is_object(), want == 403, "{origin}");
    }
    let twice = request(&rig, &token, &list).header("origin", "https://app.example.com");
    let twice = rig.send(twice.header("origin", "https://evil.example")).await;
    assert_eq!(error(&twice), (403, -32600));
    // An origin is looked at before a credential is.
    let bare =
        rig.send(rig.bare(Method::POST, "/mcp").header("origin", "https://evil.example").body("{}")).await;
    assert_eq!(bare.status, 403);
    rig.finish();
    // Where there is a console, it is a page of the gateway's own origin.
    let rig =
        crate::mcp_support::rig("", "origins = []\n[console]\nenabled = true\nclient_id = \"spa\"").await;
    let token = rig.sandbox.caller_token(BEN);
    for (origin, want) in [(PUBLIC, 200), ("http://idp.acme.com", 403), ("https://app.example.com", 403)] {
        let answer = rig.send(request(&rig, &token, &list).header("origin", origin)).await;
        assert_eq!(answer.status.as_u16(), want, "{origin}");
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_m02_bodies_are_read_in_one_way_or_refused() {
    let rig = rig("", "").await;
    let token = rig.sandbox.caller_token(BEN);
    let send = |body: String| rig.send(request(&rig, &token, &message("tools/list", json!({}))).body(body));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (body, want) in [
        ("".to_owned(), (400, -32700)),
        ("{".to_owned(), (400, -32700)),
        ("not json".to_owned(), (400, -32700)),
        (
            format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{{\"a\":{deep}}}}}"),
            (400, -32700),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#.to_owned(), (400, -32700)),
        (format!("[{}]", message("tools/list", json!({}))), (400, -32600)),
        ("[]".to_owned(), (400, -32600)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#.to_owned(), (400, -32600)),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#.to_owned(), (400, -32600)),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(), (400, -32600)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}"#.to_owned(), (400, -32602)),
    ] {
        let answer = send(body.clone()).await;
        assert_eq!(error(&answer), want, "{body}");
        assert_eq!(answer.header("idp-outcome"), "bad-request");
    }
    let mut big = message("tools/call", json!({ "name": "call" }));
    big["params"]["arguments"] = json!({ "path": "x".repeat(200 << 10) });
    assert_eq!(error(&rig.send(request(&rig, &token, &big)).await), (413, -32600));
    big["params"]["arguments"] = json!({ "path": "x".repeat(10 << 20) });
    // It is not read to its end, so the client may see the connection closed in place of the answer.
    if let Ok(answer) = request(&rig, &token, &big).send().await {
        assert_eq!(answer.status(), 413);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=utf-16"] {
        let list = message("tools/list", json!({})).to_string();
        let bare = rig.bare(Method::POST, "/mcp").bearer_auth(&token).header("content-type", kind).body(list);
        assert_eq!(error(&rig.send(bare).await), (415, -32600), "{kind}");
    }
    let meta: serde_json::Map<String, Value> = (0..1000).map(|i| (format!("a.b/{i}"), json!(1))).collect();
    let mut many = message("tools/list", json!({}));
    many["params"]["_meta"].as_object_mut().unwrap().extend(meta);
    assert_eq!(error(&rig.send(request(&rig, &token, &many)).await), (400, -32602));
    rig.finish();
}

/// A request with everything wrong, put right one thing at a time: what is found first is what the specification has first.
#[tokio::test(flavor = "multi_thread")]
async fn the_checks_come_in_the_order_of_the_documentation() {
    let rig = rig("", "").await;
    let token = rig.sandbox.caller_token(BEN);
    let long = format!("{{\"x\":\"{}", "x".repeat(200 << 10));
    let unknown = message("no/such", json!({ "name": 1 }));
    let call = message("tools/call", json!({ "name": "no_such_tool" }));
    let batch = json!([unknown]).to_string();
    let (unknown, call) = (unknown.to_string(), call.to_string());
    let (plain, typed) = ("text/plain", "application/json");
    for (origin, kind, version, method, body, want) in [
        (Some("https://evil.example"), plain, "1900-01-01", "x", &*long, (403, -32600)),
        (None, plain, "1900-01-01", "x", &*long, (413, -32600)),
        (None, plain, "1900-01-01", "x", "{", (415, -32600)),
        (None, typed, "1900-01-01", "x", "{", (400, -32700)),
        (None, typed, "1900-01-01", "x", &*batch, (400, -32600)),
        (None, typed, "1900-01-01", "x", &*unknown, (400, -32022)),
        (None, typed, MODERN, "x", &*unknown, (400, -32020)),
        (None, typed, MODERN, "no/such", &*unknown, (404, -32601)),
        (None, typed, MODERN, "tools/call", &*call, (200, -32602)),
    ] {
        let request = rig.bare(Method::POST, "/mcp").bearer_auth(&token).header("content-type", kind);
        let request = request.header("mcp-protocol-version", version).header("mcp-method", method);
        let request = request.header("mcp-name", "no_such_tool").body(body.to_owned());
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        assert_eq!(error(&rig.send(request).await), want, "{origin:?} {kind} {version} {method}");
    }
    rig.finish();
}

/// Every way in which headers and body can disagree.
#[tokio::test(flavor = "multi_thread")]
async fn tm_m03_headers_and_body_say_the_same_or_nothing_is_done() {
    let rig = rig("", "").await;
    let token = rig.sandbox.caller_token(BEN);
    let call =
        json!({ "name": "call", "arguments": { "provider": "github", "method": "GET", "path": "/user" } });
    let body = message("tools/call", call);
    let good = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "call")];
    let send = |headers: Vec<(&'static str, &'static str)>, body: Value| {
        let request = headers
            .into_iter()
            .fold(post(&rig, &token), |request, (name, value)| request.header(name, value));
        rig.send(request.body(body.to_string()))
    };
    assert_eq!(send(good.to_vec(), body.clone()).await.status, 200);
    let mut encoded = good.to_vec();
    encoded[2].1 = "=?base64?Y2FsbA==?=";
    assert_eq!(send(encoded, body.clone()).await.status, 200, "a name in Base64 is the same name");
    rig.sandbox.journal().clear();
    for missing in 0..3 {
        let headers =
            good.iter().copied().enumerate().filter(|(at, _)| *at != missing).map(|(_, header)| header);
        assert_eq!(error(&send(headers.collect(), body.clone()).await), (400, -32020), "{missing}");
    }
    for (at, other) in [
        (0, "2025-11-25"),
        (1, "tools/list"),
        (1, "Tools/Call"),
        (1, ""),
        (2, "accounts"),
        (2, "Call"),
        (2, "=?base64?Y2Fs?="),
        (2, "=?base64?%%%?="),
        (2, "=?BASE64?Y2FsbA==?="),
    ] {
        let mut headers = good.to_vec();
        headers[at].1 = other;
        assert_eq!(error(&send(headers, body.clone()).await), (400, -32020), "{other}");
    }
    for twice in good {
        let headers = good.iter().copied().chain([twice]).collect();
        assert_eq!(error(&send(headers, body.clone()).await), (400, -32020), "{twice:?} twice");
    }
    for unknown in ["1900-01-01", "2025-03-26", "x"] {
        let mut headers = good.to_vec();
        headers[0].1 = unknown;
        let answer = send(headers, body.clone()).await;
        assert_eq!(error(&answer), (400, -32022));
        let data = &answer.json()["error"]["data"];
        assert_eq!(data["requested"], unknown);
        assert_eq!(data["supported"], json!([MODERN, "2025-11-25", "2025-06-18"]));
    }
    for key in ["protocolVersion", "clientCapabilities"] {
        let mut lacking = body.clone();
        lacking["params"]["_meta"].as_object_mut().unwrap().remove(&format!("io.modelcontextprotocol/{key}"));
        assert_eq!(error(&send(good.to_vec(), lacking).await), (400, -32602), "{key}");
    }
    let mut nameless = body.clone();
    nameless["params"].as_object_mut().unwrap().remove("name");
    assert_eq!(error(&send(good.to_vec(), nameless).await), (400, -32602));
    assert_eq!(rig.sandbox.journal().entries().len(), 0, "nothing was asked of anybody");
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_are_those_of_the_revision() {
    let rig = rig("", "").await;
    let token = rig.sandbox.caller_token(BEN);
    let found = ask(&rig, &token, "server/discover", json!({})).await.json();
    let result = &found["result"];
    assert_eq!((&found["id"], &result["resultType"]), (&json!(1), &json!("complete")));
    assert_eq!(result["supportedVersions"][0], MODERN);
    assert_eq!(result["capabilities"], json!({ "tools": {} }));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "idp-gateway");
    assert!(result["ttlMs"].is_u64() && result["cacheScope"] == "private");
    for method in ["ping", "initialize", "resources/list", "prompts/list", "subscriptions/listen", ""] {
        assert_eq!(error(&ask(&rig, &token, method, json!({})).await), (404, -32601), "{method}");
    }
    assert_eq!(error(&ask(&rig, &token, "tools/list", json!({ "cursor": "x" })).await), (200, -32602));
    assert_eq!(error(&ask(&rig, &token, "tools/call", json!({ "name": "rm" })).await), (200, -32602));
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/x" });
    let answer = rig.send(post(&rig, &token).body(note.to_string())).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (202, 0));
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn older_clients_begin_with_initialize_and_get_no_session() {
    let rig = rig("", "").await;
    let token = rig.sandbox.caller_token(BEN);
    let send = |version: Option<&'static str>, method: &str, params: Value| {
        let request = post(&rig, &token);
        let request = match version {
            Some(version) => request.header("mcp-protocol-version", version).header("mcp-session-id", "mine"),
            None => request,
        };
        rig.send(
            request
                .body(json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params }).to_string()),
        )
    };
    for (asked, got) in
        [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("2024-11-05", "2025-11-25")]
    {
        let params = json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let answer = send(None, "initialize", params).await;
        assert_eq!(answer.status, 200);
        assert!(answer.headers.get("mcp-session-id").is_none());
        let answer = answer.json();
        assert_eq!((&answer["id"], &answer["result"]["protocolVersion"]), (&json!("a"), &json!(got)));
        assert_eq!(answer["result"]["serverInfo"]["name"], "idp-gateway");
    }
    for version in ["2025-06-18", "2025-11-25"] {
        assert_eq!(send(Some(version), "ping", json!({})).await.json()["result"], json!({}));
        let tools = send(Some(version), "tools/list", json!({})).await.json();
        assert_eq!(tools["result"]["tools"][0]["name"], "accounts");
        assert!(tools["result"].get("ttlMs").is_none());
        let me = send(Some(version), "tools/call", json!({ "name": "accounts" })).await.json();
        assert_eq!(me["result"]["structuredContent"]["user_id"], BEN);
        assert!(me["result"].get("resultType").is_none());
        assert_eq!(error(&send(Some(version), "server/discover", json!({})).await), (200, -32601));
    }
    assert_eq!(error(&send(None, "tools/list", json!({})).await), (400, -32020), "no revision is guessed");
    rig.finish();
    let rig = crate::mcp_support::rig("", "legacy = false").await;
    let token = rig.sandbox.caller_token(BEN);
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "protocolVersion": "2025-06-18" } });
    let answer = rig.send(post(&rig, &token).body(hello.to_string())).await;
    assert_eq!(error(&answer), (400, -32022));
    assert_eq!(answer.json()["error"]["data"]["supported"], json!([MODERN]));
    rig.finish();
}

#[test]
fn settings_that_cannot_work_are_named() {
    let check = |server: &str, mcp: &str| {
        let text = format!(
            "[server]\n{server}\n[tenant]\ndomain = \"acme.eu.auth0.com\"\nclient_id = \"a\"\nclient_secret = \"b\"\n\
             [callers]\naudience = [\"https://api.acme.com\"]\n[providers.github]\n[mcp]\nenabled = true\n{mcp}"
        );
        match gateway::config::Settings::from_toml(&text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.0.into_iter().map(|problem| problem.key).collect::<Vec<_>>(),
        }
    };
    let public = "public_url = \"https://idp.acme.com/gw\"";
    assert_eq!(check(public, ""), Vec::<String>::new());
    assert_eq!(check("", ""), ["mcp.enabled"]);
    for path in [
        "mcp",
        "/",
        "",
        "/mcp/",
        "/v1",
        "/v1/mcp",
        "/proxy",
        "/docs",
        "/connect/x",
        "/a b",
        "/a%20",
        "/..",
        "//a",
    ] {
        assert_eq!(check(public, &format!("path = \"{path}\"")), ["mcp.path"], "{path}");
    }
    for path in ["/mcp", "/v1mcp", "/tools/mcp-1"] {
        assert_eq!(check(public, &format!("path = \"{path}\"")), Vec::<String>::new(), "{path}");
    }
    assert_eq!(check(public, "providers = [\"gitlab\"]"), ["mcp.providers[0]"]);
    assert_eq!(check(public, "tools = []"), ["mcp.tools"]);
    assert_eq!(check(public, "max_result = \"10B\""), ["mcp.max_result"]);
    assert_eq!(check(public, "max_result = \"2MiB\""), ["mcp.max_result"]);
    assert_eq!(check(public, "origins = [\"*\"]"), ["mcp.origins[0]"]);
}
