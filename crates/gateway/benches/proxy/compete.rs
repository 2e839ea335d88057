//! The contest: processor time a request, latency at a fixed rate, big bodies, memory. All contestants in one run, the one under
//! test on a core of its own; ratios count, absolute figures move with the machine.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::contest::{self, Contestant, Program};

/// Where the gateway serves the provider.
pub(super) const PREFIX: &str = "/proxy/bench";

/// What to measure.
pub(super) struct Options {
    /// Interleaved rounds; the median counts.
    pub(super) rounds: usize,
    /// Users with a warm cache.
    pub(super) users: u32,
    /// Requests in each round.
    pub(super) requests: usize,
}

/// The gateway, ready, with a tenant and a provider to talk to.
pub(super) struct Stage {
    pub(super) load: Load,
    pub(super) served: Program,
    pub(super) address: String,
    provider: String,
    /// Goes last: the others use it.
    _world: Program,
    _place: tempfile::TempDir,
}

impl Stage {
    pub(super) async fn set(gateway: &str, users: u32) -> Self {
        let bench = std::env::current_exe().unwrap();
        let place = tempfile::tempdir().unwrap();
        let world = Program::start(&bench, &["world", &users.to_string()], 0);
        let told: Value = serde_json::from_str(&world.line).unwrap();
        let (listen, admin) = (free_port(), free_port());
        let config = place.path().join("gateway.toml");
        std::fs::write(&config, configuration(&told, place.path(), [listen, admin], POLICY)).unwrap();
        let served = Program::start(Path::new(gateway), &["serve", "--config", &config.to_string_lossy()], 1);
        ready(admin, Duration::from_secs(10)).await;
        let load = Load { bench, file: place.path().join("load.json"), tokens: told["tokens"].clone() };
        let provider = told["provider"].as_str().unwrap().to_owned();
        let address = format!("127.0.0.1:{listen}");
        Self { load, served, address, provider, _world: world, _place: place }
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

pub(super) async fn run(gateway: &str, options: &Options) {
    let stage = Stage::set(gateway, options.users).await;
    let idle = stage.served.resident();
    let swap = Program::start(&stage.load.bench, &["swap", &stage.provider], 1);
    let direct = Contestant { name: "no proxy", address: stage.provider.clone(), prefix: "", process: None };
    let base =
        Contestant { name: "hyper-swap", address: swap.line.clone(), prefix: PREFIX, process: Some(&swap) };
    compete(&stage.load, options, [&direct, &base, &stage.ours()]);
    at_most("resident memory when idle, MiB", idle / 1_048_576.0, 25.0, 12.0);
    let cached = (stage.served.resident() - idle) / f64::from(options.users);
    println!("  resident growth a user, buffers of the load included: {cached:.0} bytes");
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// All rounds: the first sight of each token, warm caches, a fixed rate, big bodies.
fn compete(load: &Load, options: &Options, [direct, base, ours]: [&Contestant<'_>; 3]) {
    let first = load.run(ours, "/small", options.users as usize, 16, 0.0);
    let before = load.run(base, "/small", options.users as usize, 16, 0.0);
    at_most("first sight of a token, CPU over hyper-swap", first.cpu / before.cpu, 2.8, 2.2);
    let mut cost = Vec::new();
    let warm = rounds(options.rounds, || {
        let (base, ours) = (
            load.run(base, "/small", options.requests, 16, 0.0),
            load.run(ours, "/small", options.requests, 16, 0.0),
        );
        cost.push(ours.cpu / 1000.0);
        ours.cpu / base.cpu
    });
    at_most("warm, CPU a request over hyper-swap", warm, 1.30, 1.08);
    let cost = median(&mut cost);
    println!("  on this machine: {cost:.0} µs a request, {:.0} requests a second and core", 1e6 / cost);
    let mut tails = Vec::new();
    let middle = rounds(options.rounds, || {
        let at = |who| load.run(who, "/small", 8_000, 16, 4000.0);
        let (none, base, ours) = (at(direct), at(base), at(ours));
        tails.push(ours.p99 / none.p99);
        (ours.p50 - none.p50) / (base.p50 - none.p50).max(1.0)
    });
    at_most("4000 a second, median added, against hyper-swap's", middle, 1.6, 1.25);
    at_most("4000 a second, p99 over no proxy", median(&mut tails), 2.5, 1.9);
    let big = rounds(options.rounds, || {
        load.run(ours, "/big", 400, 4, 0.0).rate / load.run(base, "/big", 400, 4, 0.0).rate
    });
    at_least("1 MiB bodies, MB/s over hyper-swap", big, 0.85, 0.95);
}

/// What the provider's table ends with.
const POLICY: &str = r#"
access = "rules"
[[providers.bench.rules]]
methods = ["GET", "POST"]
paths = ["/small", "/json", "/big", "/repos/{owner}/{repo}/**"]
"#;

/// Everything on: policy, metrics, leak guard, audit to a file.
pub(super) fn configuration(told: &Value, place: &Path, [listen, admin]: [u16; 2], policy: &str) -> String {
    let text = |key: &str| told[key].as_str().unwrap();
    format!(
        "[server]\nlisten = \"127.0.0.1:{listen}\"\nadmin_listen = \"127.0.0.1:{admin}\"\n\
         [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         [callers]\naudience = [\"{}\"]\n\
         [providers.bench]\nadapter = \"github\"\nconnections = [\"github\"]\nbase_url = \"http://{}\"\n\
         max_in_flight = 1024\n{policy}\
         [logout]\nclient_ids = [\"spa\"]\n\
         [audit]\nsink = \"file\"\npath = \"{}\"\n",
        text("domain"),
        text("tenant"),
        text("client_id"),
        text("client_secret"),
        text("audience"),
        text("provider"),
        place.join("audit.log").display(),
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
    p50: f64,
    p99: f64,
    /// Bytes a second.
    rate: f64,
}

impl Load {
    pub(super) fn run(
        &self,
        who: &Contestant<'_>,
        path: &str,
        requests: usize,
        connections: usize,
        rate: f64,
    ) -> Measured {
        let settings = json!({
            "address": who.address, "path": format!("{}{path}", who.prefix), "tokens": self.tokens,
            "connections": connections, "requests": requests, "rate": rate,
        });
        self.run_with(who, &settings)
    }

    pub(super) fn run_with(&self, who: &Contestant<'_>, settings: &Value) -> Measured {
        std::fs::write(&self.file, settings.to_string()).unwrap();
        let before = who.cpu();
        let mut generator = contest::pinned(&self.bench, 0);
        let output = generator.args(["load", &self.file.to_string_lossy()]).output().unwrap();
        assert!(output.status.success(), "the load on {} failed", who.name);
        let spent = who.cpu() - before;
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |key: &str| result[key].as_f64().unwrap_or_default();
        assert!(
            number("errors") == 0.0,
            "{}: {} of {} requests failed",
            who.name,
            result["errors"],
            result["requests"]
        );
        Measured {
            cpu: spent / number("requests").max(1.0),
            p50: number("p50"),
            p99: number("p99").max(1.0),
            rate: number("bytes") / number("seconds"),
        }
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

fn at_most(what: &str, found: f64, must: f64, goal: f64) {
    say(what, found, must, goal, found <= must, found <= goal);
}

fn at_least(what: &str, found: f64, must: f64, goal: f64) {
    say(what, found, must, goal, found >= must, found >= goal);
}

fn say(what: &str, found: f64, must: f64, goal: f64, meets: bool, reaches: bool) {
    let verdict = match (meets, reaches) {
        (_, true) => "goal reached",
        (true, _) => "within what it must",
        _ => "MISSED",
    };
    println!("  {what}: {found:.2} (must {must}, goal {goal}): {verdict}");
}
