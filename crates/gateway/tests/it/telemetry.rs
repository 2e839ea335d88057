//! Signals of whole requests.

use crate::child::RunningGateway;
use crate::harness::BEN;
use crate::wire_support::{exchange, start};
use gateway::server::Options;
use sandbox::{Sandbox, Server};

#[tokio::test]
async fn hostile_requests_do_not_add_series() {
    let server = start(Options::default()).await;
    let send = |number: u32| {
        let method = ["GET", "BREW", "PROPFIND", "POST"][number as usize % 4];
        format!(
            "{method} /proxy/{number}/x?{number} HTTP/1.1\r\nHost: h{number}.example.com\r\nX-A{number}: b\r\nConnection: close\r\n\r\n"
        )
    };
    for number in 0..20 {
        exchange(server.addr, send(number).as_bytes()).await;
    }
    let series = |text: &str| {
        text.lines().filter(|line| line.starts_with("http_") || line.starts_with("idp_")).count()
    };
    let before = series(&server.metrics.render_prometheus());
    for number in 20..400 {
        exchange(server.addr, send(number).as_bytes()).await;
    }
    let after = server.metrics.render_prometheus();
    assert_eq!(series(&after), before, "{after}");
    assert!(!after.contains("example.com") && !after.contains("BREW"));
}

#[tokio::test]
async fn refusals_of_the_wire_are_counted_like_any_request() {
    let server = start(Options::default()).await;
    exchange(server.addr, b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let text = server.metrics.render_prometheus();
    let wanted = "http_server_request_duration_seconds_count{error_type=\"method-not-allowed\",http_request_method=\"_OTHER\",http_response_status_code=\"405\",http_route=\"unmatched\"";
    assert!(text.contains(wanted), "{text}");
}

/// One line a request, found by the id that the answer names.
#[tokio::test(flavor = "multi_thread")]
async fn the_access_line_says_where_the_time_went_and_what_resolves_a_refusal() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let serving = RunningGateway::start(&sandbox, "");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = sandbox.caller_token(BEN);
    let line = async |token: Option<&str>| {
        let call = client.get(serving.url("/proxy/github/user?secret=word"));
        let answer =
            token.into_iter().fold(call, |call, token| call.bearer_auth(token)).send().await.unwrap();
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        answer.bytes().await.unwrap();
        serving.wait_where(&[("event", "request"), ("request_id", &id)])
    };
    let first = line(Some(&token)).await;
    assert_eq!(
        (&first["status"], &first["cache"], &first["outcome"]),
        (&200.into(), &"loaded".into(), &"ok".into())
    );
    for member in ["duration_ms", "upstream_ms", "auth0_ms"] {
        assert!(first[member].as_f64().is_some_and(|millis| millis > 0.0), "{member} in {first}");
    }
    assert!(first.get("remedy_url").is_none() && first.get("error_code").is_none(), "{first}");
    let second = line(Some(&token)).await;
    assert_eq!(second["cache"], "hit");
    assert!(second.get("auth0_ms").is_none(), "nothing was asked of Auth0: {second}");
    let refused = line(None).await;
    assert_eq!(refused["error_code"], "caller-token-missing", "{refused}");
    let remedy = refused["remedy_url"].as_str().unwrap();
    assert!(
        remedy.starts_with("https://") && remedy.ends_with("/outcomes.html#caller-token-missing"),
        "{remedy}"
    );
    // Other lines of the same request name it too.
    let id = refused["request_id"].as_str().unwrap();
    assert_eq!(serving.wait_where(&[("event", "caller_refused"), ("request_id", id)])["level"], "debug");
    let log = serving.logged();
    assert!(!log.contains("word") && !log.contains(BEN) && !log.contains(&token), "{log}");
}

/// Providers are told the trace only on demand: a trusted peer's, else one of the gateway's own. `baggage` never.
#[tokio::test(flavor = "multi_thread")]
async fn trace_context_goes_to_providers_on_demand_alone() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let switched = [("IDP_GATEWAY_TELEMETRY__SEND_TRACE_CONTEXT", "true")];
    for on in [false, true] {
        let sandbox = Sandbox::builder().start().await.unwrap();
        let server = "trusted_proxies = [\"127.0.0.0/8\"]";
        let serving = RunningGateway::within(&sandbox, server, "", if on { &switched } else { &[] });
        for parent in [None, Some(PARENT)] {
            let call =
                reqwest::Client::builder().no_proxy().build().unwrap().get(serving.url("/proxy/github/user"));
            let call = call.bearer_auth(sandbox.caller_token(BEN)).header("baggage", "who=ben");
            let call = parent.into_iter().fold(call, |call, parent| call.header("traceparent", parent));
            assert_eq!(call.send().await.unwrap().status(), 200);
        }
        let calls = sandbox.journal().of(Server::GitHub);
        let seen: Vec<_> = calls.iter().map(|call| call.header("traceparent")).collect();
        assert_eq!(seen.len(), 2);
        assert!(calls.iter().all(|call| call.header("baggage").is_none()));
        if on {
            let [own, adopted] = [seen[0].unwrap(), seen[1].unwrap()];
            assert!(own.len() == PARENT.len() && own[3..35] != PARENT[3..35], "{own}");
            assert_eq!(adopted[..35], PARENT[..35]);
            assert_ne!(adopted[36..52], PARENT[36..52], "the upstream call has a span of its own");
        } else {
            assert_eq!(seen, [None, None]);
        }
    }
}
