//! The gateway, ready, with a tenant and a provider to talk to, and the load on it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::contest::{self, Contestant, Program};

/// Where the gateway serves the provider.
pub(super) const PREFIX: &str = "/proxy/bench";

pub(super) struct Stage {
    pub(super) load: Load,
    pub(super) served: Program,
    pub(super) address: String,
    /// What the tenant and the provider say about themselves.
    pub(super) told: Value,
    /// Goes last: the others use it.
    pub(super) world: Program,
    pub(super) place: tempfile::TempDir,
}

impl Stage {
    pub(super) async fn set(gateway: &Path, users: usize) -> Self {
        Self::with(gateway, users, EVERYTHING).await
    }

    /// The same with these settings behind the beginning of the provider's table ([`configuration`]).
    pub(super) async fn with(gateway: &Path, users: usize, rest: &str) -> Self {
        let bench = std::env::current_exe().unwrap();
        let place = tempfile::tempdir().unwrap();
        let world = Program::start(&bench, &["world", &users.to_string()], 0);
        let told: Value = serde_json::from_str(&world.line).unwrap();
        let (listen, admin) = (free_port(), free_port());
        let config = place.path().join("gateway.toml");
        std::fs::write(&config, configuration(&told, place.path(), [listen, admin], rest)).unwrap();
        let served = Program::start(gateway, &["serve", "--config", &config.to_string_lossy()], 1);
        ready(admin, Duration::from_secs(10)).await;
        let load = Load { bench, file: place.path().join("load.json"), tokens: told["tokens"].clone() };
        let address = format!("127.0.0.1:{listen}");
        Self { load, served, address, told, world, place }
    }

    /// Tells the gateway to end, and waits until it has.
    pub(super) fn end(self) {
        self.served.end();
    }

    pub(super) fn ours(&self) -> Contestant<'_> {
        let address = self.address.clone();
        Contestant { name: "gateway", address, prefix: PREFIX, process: Some(&self.served) }
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What the provider's table ends with, and further settings: policy, metrics, leak guard, log, audit to a file.
pub(super) const EVERYTHING: &str = r#"
access = "rules"
[[providers.bench.rules]]
methods = ["GET", "POST"]
paths = ["/small", "/json", "/big", "/stream", "/repos/{owner}/{repo}/**"]
[audit]
sink = "file"
path = "@PLACE@/audit.log"
"#;

/// A whole configuration. `rest` follows what the provider's table begins with; `@PLACE@` and `@PROVIDER@` in it become the folder and
/// the provider's address.
pub(super) fn configuration(told: &Value, place: &Path, [listen, admin]: [u16; 2], rest: &str) -> String {
    let text = |key: &str| told[key].as_str().unwrap();
    let rest = rest.replace("@PLACE@", &place.to_string_lossy()).replace("@PROVIDER@", text("provider"));
    format!(
        "[server]\nlisten = \"127.0.0.1:{listen}\"\nadmin_listen = \"127.0.0.1:{admin}\"\n\
         [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         [callers]\naudience = [\"{}\"]\n\
         [logout]\nclient_ids = [\"spa\"]\n\
         [providers.bench]\nadapter = \"github\"\nconnections = [\"github\"]\nbase_url = \"http://{}\"\n\
         max_in_flight = 1024\n{rest}",
        text("domain"),
        text("tenant"),
        text("client_id"),
        text("client_secret"),
        text("audience"),
        text("provider"),
    )
}

pub(super) async fn ready(admin: u16, longest: Duration) {
    let url = format!("http://127.0.0.1:{admin}/readyz");
    let end = Instant::now() + longest;
    while Instant::now() < end {
        if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the gateway did not become ready");
}

/// Runs the load generator.
pub(super) struct Load {
    pub(super) bench: PathBuf,
    pub(super) file: PathBuf,
    pub(super) tokens: Value,
}

/// One run.
pub(super) struct Measured {
    /// Nanoseconds of processor time a request.
    pub(super) cpu: f64,
    /// What the load generator found.
    pub(super) load: Value,
}

impl Load {
    /// One request after the other on one connection.
    pub(super) fn warm(&self, who: &Contestant<'_>, path: &str, requests: usize) {
        let settings = json!({
            "address": who.address, "path": format!("{}{path}", who.prefix), "tokens": self.tokens,
            "connections": 1, "requests": requests, "rate": 0.0,
        });
        self.run_with(who, &settings);
    }

    /// A run of which no request may fail.
    pub(super) fn run_with(&self, who: &Contestant<'_>, settings: &Value) -> Measured {
        let measured = self.run(who, settings);
        let (errors, requests) = (&measured.load["errors"], &measured.load["requests"]);
        assert!(*errors == 0, "{}: {errors} of {requests} requests failed", who.name);
        measured
    }

    pub(super) fn run(&self, who: &Contestant<'_>, settings: &Value) -> Measured {
        std::fs::write(&self.file, settings.to_string()).unwrap();
        let before = who.cpu();
        let mut generator = contest::pinned(&self.bench, 0);
        let output = generator.args(["load", &self.file.to_string_lossy()]).output().unwrap();
        assert!(output.status.success(), "the load on {} failed", who.name);
        let spent = who.cpu() - before;
        let load: Value = serde_json::from_slice(&output.stdout).unwrap();
        Measured { cpu: spent / load["requests"].as_f64().unwrap_or_default().max(1.0), load }
    }
}

pub(super) fn rounds(count: usize, round: impl FnMut() -> f64) -> f64 {
    let mut all: Vec<f64> = std::iter::repeat_with(round).take(count).collect();
    median(&mut all)
}

pub(super) fn median(all: &mut [f64]) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
