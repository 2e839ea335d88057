//! Signals of whole requests.

use crate::wire_support::{converse, start};
use gateway::server::Options;

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
        converse(server.addr, send(number).as_bytes()).await;
    }
    let series = |text: &str| {
        text.lines().filter(|line| line.starts_with("http_") || line.starts_with("idp_")).count()
    };
    let before = series(&server.metrics.render_prometheus());
    for number in 20..400 {
        converse(server.addr, send(number).as_bytes()).await;
    }
    let after = server.metrics.render_prometheus();
    assert_eq!(series(&after), before, "{after}");
    assert!(!after.contains("example.com") && !after.contains("BREW"));
}

#[tokio::test]
async fn refusals_of_the_wire_are_counted_like_any_request() {
    let server = start(Options::default()).await;
    converse(server.addr, b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let text = server.metrics.render_prometheus();
    let wanted = "http_server_request_duration_seconds_count{error_type=\"method-not-allowed\",http_request_method=\"_OTHER\",http_response_status_code=\"405\",http_route=\"unmatched\"";
    assert!(text.contains(wanted), "{text}");
}
