//! The calls that the profile of an instrumented gateway is recorded with.

use std::path::Path;

use serde_json::json;

use crate::stage::{EVERYTHING, PREFIX, Stage};

/// Other adapters, whose calls run code of their own. Their accounts are those of the stage's provider.
const ADAPTERS: [&str; 3] = ["google", "microsoft", "bitbucket"];

/// Sends what gateways mostly get: first and later calls of many users through several adapters, small and large answers, JSON both
/// ways. The gateway writes its profile when it ends.
pub(super) async fn run(gateway: &Path) {
    let others = ADAPTERS.map(|adapter| {
        format!(
            "[providers.{adapter}]\nconnections = [\"github\"]\nbase_url = \"http://@PROVIDER@\"\naccess = \"rules\"\n\
             [[providers.{adapter}.rules]]\nmethods = [\"GET\", \"POST\"]\npaths = [\"/small\", \"/json\"]\n"
        )
    });
    let stage = Stage::with(gateway, 500, &format!("{EVERYTHING}{}", others.concat())).await;
    let send_to = |prefix: &str, path: &str, requests: usize, connections: usize, body: Option<&str>| {
        let ours = stage.ours();
        let settings = json!({
            "address": ours.address, "path": format!("{prefix}{path}"), "tokens": stage.load.tokens,
            "json": body, "connections": connections, "requests": requests, "rate": 0.0,
        });
        stage.load.run_with(&ours, &settings);
    };
    for adapter in ADAPTERS {
        let prefix = format!("/proxy/{adapter}");
        send_to(&prefix, "/small", 10_000, 32, None);
        send_to(&prefix, "/json", 2_000, 32, None);
    }
    let send = |path, requests, connections, body| send_to(PREFIX, path, requests, connections, body);
    send("/small", 20_000, 32, None);
    send("/json", 10_000, 32, None);
    send("/small", 3_000, 16, Some(r#"{"title":"A \"quoted\" title","labels":["bug","docs"]}"#));
    send("/big", 200, 8, None);
    stage.end();
}
