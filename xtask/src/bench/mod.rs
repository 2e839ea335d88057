//! The gateway beside a bare hyper proxy: processor time a request, latency at a fixed rate, big bodies, memory. All
//! contestants in one run, the one under test on a core of its own; ratios count, absolute figures move with the machine.

mod contest;

use crate::{build, http, sh};
use anyhow::{Context as _, Result, ensure};
use contest::{Contestant, Program};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Interleaved rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Users with a warm cache.
    #[arg(long, default_value_t = 1000)]
    users: u32,
    /// Requests in each round.
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Measures this binary instead of building the release one.
    #[arg(long)]
    gateway: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let gateway = match &options.gateway {
        Some(binary) => binary.clone(),
        None => build::release_binary(root)?,
    };
    let bench = roles(root)?;
    let place = root.join("target/bench");
    std::fs::create_dir_all(&place)?;
    let world = Program::start(&bench, &["world", &options.users.to_string()], 0)?;
    let told: Value = serde_json::from_str(&world.line).context("what the fake tenant prints")?;
    let provider = told["provider"].as_str().context("no provider")?;
    let swap = Program::start(&bench, &["swap", provider], 1)?;
    let admin = http::free_port()?;
    let listen = http::free_port()?;
    std::fs::write(place.join("gateway.toml"), configuration(&told, &place, listen, admin)?)?;
    let config = place.join("gateway.toml").to_string_lossy().into_owned();
    let served = Program::start(&gateway, &["serve", "--config", &config], 1)?;
    ready(admin)?;
    let idle = served.resident()?;
    let load = Load { bench, place, tokens: told["tokens"].clone() };
    let direct = Contestant { name: "no proxy", address: provider.to_owned(), prefix: "", process: None };
    let base = Contestant {
        name: "hyper-swap",
        address: swap.line.clone(),
        prefix: "/proxy/bench",
        process: Some(&swap),
    };
    let ours = Contestant {
        name: "gateway",
        address: format!("127.0.0.1:{listen}"),
        prefix: "/proxy/bench",
        process: Some(&served),
    };
    compete(&load, options, [&direct, &base, &ours])?;
    report("resident memory when idle, MiB", idle / 1_048_576.0, 25.0, 12.0);
    let cached = (served.resident()? - idle) / f64::from(options.users);
    sh::say(&format!("  resident growth a user, buffers of the load included: {cached:.0} bytes"));
    leak_guard(root)
}

/// The leak guard alone: nanoseconds per KiB by kind of body, and clean bodies beside copying them.
fn leak_guard(root: &Path) -> Result<()> {
    let said =
        sh::output(root, "cargo", &["bench", "--package", "leak-guard", "--bench", "scrub", "--locked"])?;
    said.lines().for_each(|line| sh::say(&format!("  {line}")));
    let ratio = |label: &str| -> Result<f64> {
        let text = said.lines().find_map(|line| line.strip_prefix(label));
        text.and_then(|text| text.trim().parse().ok()).context("the leak guard's benchmark names no ratio")
    };
    report("leak guard on clean bodies, over copying them", ratio("clean bodies over copying:")?, 4.0, 2.0);
    report("leak guard, worst hostile body over clean", ratio("worst hostile body over clean:")?, 3.0, 2.0);
    Ok(())
}

/// All rounds: the first sight of each token, warm caches, a fixed rate, big bodies.
fn compete(load: &Load, options: &Options, [direct, base, ours]: [&Contestant<'_>; 3]) -> Result<()> {
    let first = load.run(ours, "/small", options.users as usize, 16, 0.0)?;
    let before = load.run(base, "/small", options.users as usize, 16, 0.0)?;
    report("first sight of a token, CPU over hyper-swap", first.cpu / before.cpu, 2.8, 2.2);
    let mut cost = Vec::new();
    let warm = rounds(options.rounds, || {
        let (base, ours) = (
            load.run(base, "/small", options.requests, 16, 0.0)?,
            load.run(ours, "/small", options.requests, 16, 0.0)?,
        );
        cost.push(ours.cpu / 1000.0);
        Ok(ours.cpu / base.cpu)
    })?;
    report("warm, CPU a request over hyper-swap", warm, 1.30, 1.08);
    let cost = median(&mut cost);
    sh::say(&format!(
        "  on this machine: {cost:.0} µs a request, {:.0} requests a second and core",
        1e6 / cost
    ));
    let mut tails = Vec::new();
    let middle = rounds(options.rounds, || {
        let at = |who| load.run(who, "/small", 8_000, 16, 4000.0);
        let (none, base, ours) = (at(direct)?, at(base)?, at(ours)?);
        tails.push(ours.p99 / none.p99);
        Ok((ours.p50 - none.p50) / (base.p50 - none.p50).max(1.0))
    })?;
    report("4000 a second, median added, against hyper-swap's", middle, 1.6, 1.25);
    report("4000 a second, p99 over no proxy", median(&mut tails), 2.5, 1.9);
    let big = rounds(options.rounds, || {
        Ok(load.run(ours, "/big", 400, 4, 0.0)?.rate / load.run(base, "/big", 400, 4, 0.0)?.rate)
    })?;
    at_least("1 MiB bodies, MB/s over hyper-swap", big, 0.85, 0.95);
    Ok(())
}

/// The benchmark's own processes, built but not run.
fn roles(root: &Path) -> Result<PathBuf> {
    let build = [
        "bench",
        "--package",
        "gateway",
        "--bench",
        "proxy",
        "--no-run",
        "--locked",
        "--message-format=json",
    ];
    let messages = sh::output(root, "cargo", &build)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "proxy")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built no benchmark")
}

/// Everything on: policy, metrics, leak guard, audit to a file.
fn configuration(told: &Value, place: &Path, listen: u16, admin: u16) -> Result<String> {
    let text = |key: &str| told[key].as_str().with_context(|| format!("the fake tenant names no {key}"));
    Ok(format!(
        "[server]\nlisten = \"127.0.0.1:{listen}\"\nadmin_listen = \"127.0.0.1:{admin}\"\n\
         [tenant]\ndomain = \"{}\"\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
         [callers]\naudience = [\"{}\"]\n\
         [providers.bench]\nadapter = \"github\"\nconnections = [\"github\"]\nbase_url = \"http://{}\"\naccess = \"rules\"\n\
         [[providers.bench.rules]]\nmethods = [\"GET\"]\npaths = [\"/small\", \"/big\", \"/repos/{{owner}}/{{repo}}/**\"]\n\
         [audit]\nsink = \"file\"\npath = \"{}\"\n",
        text("domain")?,
        text("tenant")?,
        text("client_id")?,
        text("client_secret")?,
        text("audience")?,
        text("provider")?,
        place.join("audit.log").display(),
    ))
}

fn ready(admin: u16) -> Result<()> {
    for _ in 0..200 {
        if http::get(&format!("http://127.0.0.1:{admin}/readyz"), None)
            .is_ok_and(|answer| answer.status == 200)
        {
            return Ok(());
        }
        sh::pause(std::time::Duration::from_millis(50));
    }
    anyhow::bail!("the gateway did not become ready")
}

/// Runs the load generator.
struct Load {
    bench: PathBuf,
    place: PathBuf,
    tokens: Value,
}

/// One run.
struct Measured {
    /// Nanoseconds of processor time a request.
    cpu: f64,
    p50: f64,
    p99: f64,
    /// Bytes a second.
    rate: f64,
}

impl Load {
    fn run(
        &self,
        who: &Contestant<'_>,
        path: &str,
        requests: usize,
        connections: usize,
        rate: f64,
    ) -> Result<Measured> {
        let file = self.place.join("load.json");
        let settings = json!({
            "address": who.address, "path": format!("{}{path}", who.prefix), "tokens": self.tokens,
            "connections": connections, "requests": requests, "rate": rate,
        });
        std::fs::write(&file, settings.to_string())?;
        let before = who.cpu()?;
        let mut generator = contest::pinned(&self.bench, 0);
        let output =
            generator.args(["load", &file.to_string_lossy()]).output().context("the load generator")?;
        ensure!(output.status.success(), "the load on {} failed", who.name);
        let spent = who.cpu()? - before;
        let result: Value = serde_json::from_slice(&output.stdout).context("the load generator's words")?;
        let number = |key: &str| result[key].as_f64().unwrap_or_default();
        ensure!(
            number("errors") == 0.0,
            "{}: {} of {} requests failed",
            who.name,
            result["errors"],
            result["requests"]
        );
        Ok(Measured {
            cpu: spent / number("requests").max(1.0),
            p50: number("p50"),
            p99: number("p99").max(1.0),
            rate: number("bytes") / number("seconds"),
        })
    }
}

fn rounds(count: usize, mut round: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut all = (0..count).map(|_| round()).collect::<Result<Vec<_>>>()?;
    Ok(median(&mut all))
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn report(what: &str, found: f64, must: f64, goal: f64) {
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
    sh::say(&format!("  {what}: {found:.2} (must {must}, goal {goal}): {verdict}"));
}
