use super::*;

fn label() -> ProviderLabel {
    ProviderLabel::configured("github", &"https://api.github.com".parse().expect("a URL"))
}

fn sample(metrics: &Metrics) {
    let request = ServerRequest {
        method: "GET",
        route: "/proxy/{provider}/{path}",
        status: 200,
        scheme: "http",
        version: "1.1",
        error: None,
        duration: Duration::from_millis(20),
    };
    metrics.server_request(&request);
    metrics.server_request(&ServerRequest { status: 401, error: Some("caller-token-missing"), ..request });
    let attempt = UpstreamRequest {
        method: "GET",
        provider: &label(),
        result: Ok(200),
        duration: Duration::from_millis(3),
    };
    metrics.upstream_request(&attempt);
    metrics.upstream_request(&UpstreamRequest { result: Err(UpstreamFault::Timeout), ..attempt });
    metrics.outcome(&label(), "ok");
    metrics.auth_failure("caller-token-missing");
    metrics.token_cache(TokenSource::Identities, CacheResult::Hit);
    metrics.token_fetch(TokenSource::Management, FetchOutcome::Ok, Duration::from_millis(80));
    metrics.token_load(KeeperName::Keys, FetchOutcome::Ok);
    metrics.user_lookup(CacheResult::Loaded);
    metrics.management_call(FetchOutcome::RateLimited);
    metrics.upstream_rate_limited(&label());
    metrics.retry(&label(), RetryReason::DeadToken);
    metrics.leak_scrub(&label(), ScrubPlace::Body, 2);
    metrics.shed(Shed::InFlight);
    metrics.reload(true);
    metrics.config_hash("abc");
    metrics.panic();
    metrics.telemetry_dropped(Signal::Traces, 3);
    metrics.observe(Arc::new(|| Observed {
        management_token_expiry: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(42)),
        keys: 2,
        keys_last_success: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(41)),
        ratelimit_remaining: vec![("management", 9)],
        ratelimit_limit: vec![("management", 10)],
        memory_bounds: vec![("users", 7)],
        upstream_in_flight: vec![(label(), 4)],
        ages: vec![(KeeperName::Keys, Duration::from_secs(3))],
    }));
}

#[test]
fn the_contracts_names_are_in_the_scrape() {
    let metrics = Metrics::new().expect("instruments");
    sample(&metrics);
    metrics.request_began("GET", "http");
    let text = metrics.render_prometheus();
    for line in [
        r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/proxy/{provider}/{path}",network_protocol_version="1.1",url_scheme="http",le="0.005"} 0"#,
        r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="/proxy/{provider}/{path}",network_protocol_version="1.1",url_scheme="http",le="10"} 1"#,
        r#"http_server_request_duration_seconds_count{error_type="caller-token-missing",http_request_method="GET",http_response_status_code="401",http_route="/proxy/{provider}/{path}",network_protocol_version="1.1",url_scheme="http"} 1"#,
        r#"http_client_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",provider="github",server_address="api.github.com",server_port="443"} 1"#,
        r#"http_client_request_duration_seconds_count{error_type="timeout",http_request_method="GET",provider="github",server_address="api.github.com",server_port="443"} 1"#,
        r#"http_server_active_requests{http_request_method="GET",url_scheme="http"} 1"#,
        r#"idp_gateway_outcomes_total{outcome="ok",provider="github"} 1"#,
        r#"idp_gateway_auth_failures_total{reason="caller-token-missing"} 1"#,
        r#"idp_gateway_token_cache_requests_total{result="hit",source="identities"} 1"#,
        r#"idp_gateway_token_fetch_duration_seconds_count{outcome="ok",source="management"} 1"#,
        r#"idp_gateway_token_expiry_timestamp_seconds{source="management"} 42"#,
        r#"idp_gateway_token_loads_total{keeper="keys",outcome="ok"} 1"#,
        r#"idp_gateway_token_age_seconds{keeper="keys"} 3"#,
        r#"idp_gateway_jwks_refresh_total{outcome="ok"} 1"#,
        "idp_gateway_jwks_keys 2",
        "idp_gateway_jwks_last_success_timestamp 41",
        r#"idp_gateway_auth0_ratelimit_remaining{api="management"} 9"#,
        r#"idp_gateway_auth0_ratelimit_limit{api="management"} 10"#,
        r#"idp_gateway_upstream_ratelimited_total{provider="github"} 1"#,
        r#"idp_gateway_retries_total{provider="github",reason="dead_token"} 1"#,
        r#"idp_gateway_inflight{stage="upstream"} 4"#,
        r#"idp_gateway_memory_bound_bytes{part="users"} 7"#,
        r#"idp_gateway_shed_total{reason="in_flight"} 1"#,
        r#"idp_gateway_leak_scrubs_total{place="body",provider="github"} 2"#,
        "idp_gateway_config_reload_success 1",
        "idp_gateway_config_last_reload_timestamp_seconds ",
        r#"idp_gateway_config_hash{hash="abc"} 1"#,
        r#"idp_gateway_build_info{commit=""#,
        r#"idp_gateway_user_lookups_total{result="loaded"} 1"#,
        r#"idp_gateway_management_calls_total{outcome="rate_limited"} 1"#,
        r#"idp_gateway_telemetry_dropped_total{signal="traces"} 3"#,
        "process_open_fds ",
        "process_resident_memory_bytes ",
        "process_start_time_seconds ",
    ] {
        assert!(text.contains(line), "missing {line} in\n{text}");
    }
}

#[test]
fn ended_requests_bring_the_gauge_back_to_zero() {
    let metrics = Metrics::new().expect("instruments");
    metrics.request_began("GET", "http");
    metrics.request_ended("GET", "http");
    assert!(
        metrics
            .render_prometheus()
            .contains("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"} 0")
    );
}

#[test]
fn hostile_methods_share_one_label() {
    for raw in ["BREW", "get", "PROPFIND", "X"] {
        let method = http::Method::from_bytes(raw.as_bytes()).expect("a token");
        assert_eq!(super::super::labels::method_label(&method), "_OTHER");
    }
}
