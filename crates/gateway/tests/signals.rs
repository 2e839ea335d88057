//! A scripted scenario, and all that it leaves in a scrape and at a collector, against tables. Its own binary: a process has
//! one tracing subscriber.
#![expect(clippy::unwrap_used, reason = "tests assert by unwrapping")]

#[path = "signals/collector.rs"]
mod collector;
#[path = "signals/hostile.rs"]
mod hostile;
#[path = "signals/table.rs"]
mod table;

use std::sync::Arc;

use collector::Collector;
use gateway::config::Settings;
use gateway::server::{Lifecycle, Options, Server, Stage};
use gateway::state::App;
use gateway::telemetry::{Telemetry, TelemetryOptions};
use reqwest::StatusCode;
use sandbox::{ProviderKind, Sandbox};
use table::agrees;

const BEN: &str = "google-oauth2|100000000000000000002";
/// Her GitHub grant is revoked.
const CLEO: &str = "google-oauth2|100000000000000000003";

/// More requests than spans fit into the queue for.
const MANY: usize = 3000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_leaves_what_the_tables_say_and_neither_hostile_requests_nor_a_hanging_collector_matter() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let collector = Collector::start().await;
    let settings = Settings::from_toml(&configuration(&sandbox, &collector.url)).unwrap();
    let telemetry =
        Telemetry::install(&TelemetryOptions { hide_panics: false, ..TelemetryOptions::from(&settings) })
            .unwrap();
    let (metrics, audit) = (telemetry.metrics().clone(), telemetry.audit().clone());
    let app = Arc::new(App::new(&settings, metrics.clone(), audit).await.unwrap());
    metrics.observe({
        let app = Arc::clone(&app);
        Arc::new(move || app.observed())
    });
    app.warm().await;
    let lifecycle = Lifecycle::default();
    let handler = {
        let app = Arc::clone(&app);
        move |request, peer| {
            let app = Arc::clone(&app);
            async move { app.handle(request, peer).await }
        }
    };
    let server =
        Server::bind(Options::from(&settings), handler, metrics.clone(), lifecycle.clone()).await.unwrap();
    let base = format!("http://{}", server.addr());
    tokio::spawn(server.run());
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(8).build().unwrap();
    // Minted once: a token of a later second than the user's record would bring a re-read.
    let (ben, cleo) = (sandbox.caller_token(BEN), sandbox.caller_token(CLEO));
    let call = async |path: &str, token: Option<&str>| {
        let mut request = client.get(format!("{base}{path}")).header("user-agent", "signals");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        answer.bytes().await.unwrap();
        status
    };

    assert_eq!(call("/proxy/github/user", Some(&ben)).await, StatusCode::OK);
    assert_eq!(call("/proxy/github/user/repos?per_page=2", Some(&ben)).await, StatusCode::OK);
    assert_eq!(call("/proxy/github/user", Some(&cleo)).await, StatusCode::FORBIDDEN);
    assert_eq!(call("/proxy/github/user", None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(call("/proxy/nobody/user", Some(&ben)).await, StatusCode::NOT_FOUND);
    assert_eq!(call("/v1/me", Some(&ben)).await, StatusCode::OK);

    // A load's span may end a moment after the answer that it was for.
    agrees("scrape.txt", || table::scrape(&metrics.render_prometheus())).await;
    agrees("spans.txt", || table::spans(&collector.spans())).await;
    telemetry.flush().await;
    agrees("metrics.txt", || table::metrics(&collector.metrics())).await;
    for secret in sandbox.secrets().iter().filter(|secret| secret.len() >= 8) {
        assert!(!collector.holds(secret.as_bytes()), "a secret of {} bytes was pushed", secret.len());
    }

    let series = || metrics.render_prometheus().lines().filter(|line| !line.starts_with('#')).count();
    let (before, after) = hostile::rounds(&client, &base, &sandbox, BEN, series).await;
    assert_eq!(
        before,
        after,
        "{} hostile requests add series:\n{}",
        hostile::count(),
        metrics.render_prometheus()
    );
    let text = metrics.render_prometheus();
    assert!(!text.contains("example.com") && !text.contains("BREW") && !text.contains("kid-"), "{text}");

    telemetry.flush().await;
    let dropped = || {
        table::value(&metrics.render_prometheus(), r#"idp_gateway_telemetry_dropped_total{signal="traces"}"#)
    };
    let dropped_before = dropped();
    collector.hang();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, url) = (client.clone(), format!("{base}/proxy/github/user"));
        calls.spawn(async move {
            for _ in 0..MANY / 8 {
                let answer = client.get(&url).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
            }
        });
    }
    calls.join_all().await;
    assert!(dropped() > dropped_before, "{}", metrics.render_prometheus());
    lifecycle.advance(Stage::Aborted);
}

fn configuration(sandbox: &Sandbox, collector: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[tenant]
domain = "{}"
base_url = "{}"
client_id = "{}"
client_secret = "{}"
[callers]
audience = ["{}"]
[providers.github]
base_url = "{}"
[telemetry]
otlp_endpoint = "{collector}"
trace_sample = 1.0
log_level = "error"
"#,
        sandbox.domain(),
        sandbox.tenant_url(),
        sandbox.client_id(),
        sandbox.client_secret(),
        sandbox.api_audience(),
        sandbox.provider_url(ProviderKind::GitHub),
    )
}
