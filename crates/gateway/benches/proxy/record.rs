//! The calls that the profile of an instrumented gateway is recorded with.

use std::path::Path;

use serde_json::json;

use crate::stage::{PREFIX, Stage};

/// Sends what gateways mostly get: first and later calls of many users, small and large answers, JSON both ways. The gateway
/// writes its profile when it ends.
pub(super) async fn run(gateway: &Path) {
    let stage = Stage::set(gateway, 500).await;
    let send = |path: &str, requests: usize, connections: usize, body: Option<&str>| {
        let ours = stage.ours();
        let settings = json!({
            "address": ours.address, "path": format!("{PREFIX}{path}"), "tokens": stage.load.tokens,
            "json": body, "connections": connections, "requests": requests, "rate": 0.0,
        });
        stage.load.run_with(&ours, &settings);
    };
    send("/small", 20_000, 32, None);
    send("/json", 10_000, 32, None);
    send("/small", 3_000, 16, Some(r#"{"title":"A \"quoted\" title","labels":["bug","docs"]}"#));
    send("/big", 200, 8, None);
    stage.end();
}
