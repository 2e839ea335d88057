//! The contest: all contestants in one run, one at a time on a core of its own, in rounds whose order rotates. Ratios of the same round
//! count; absolute figures move with the machine.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::contest::{self, Contestant, Program};
use crate::report;
use crate::rivals::{self, Facts, Rival};
use crate::stage::Stage;

/// What to measure.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Interleaved rounds; medians count. What varies less has half as many.
    #[arg(long, default_value_t = 6)]
    pub(super) rounds: usize,
    /// Users whose calls are warm.
    #[arg(long, default_value_t = 1000)]
    pub(super) users: usize,
    /// Users that are new in each round.
    #[arg(long, default_value_t = 2000)]
    pub(super) new_users: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    pub(super) seconds: f64,
    /// The folder of the figures and the plot.
    #[arg(long, default_value = "target/bench")]
    pub(super) out: std::path::PathBuf,
}

/// Requests a second of the latency over load; `RATE` has a row of its own in the table.
pub(super) const RATES: [u32; 6] = [1000, 2000, RATE, 8000, 12_000, 16_000];
pub(super) const RATE: u32 = 4000;

/// Connections of the small requests.
const CONNECTIONS: usize = 32;
/// Connections of big bodies and of streams.
const FEW: usize = 4;

/// One kind of load.
struct Scenario {
    name: String,
    path: &'static str,
    connections: usize,
    rate: f64,
    rounds: usize,
    /// Each round has users that were not seen before, and so many requests.
    new_users: Option<usize>,
}

impl Scenario {
    fn closed(name: &str, path: &'static str, connections: usize, rounds: usize) -> Self {
        Self { name: name.to_owned(), path, connections, rate: 0.0, rounds, new_users: None }
    }

    fn at_rate(rate: u32, rounds: usize) -> Self {
        let rounds = if rate == RATE { rounds } else { rounds.div_ceil(2) };
        Self { rate: rate.into(), ..Self::closed(&rate_name(rate), "/small", CONNECTIONS, rounds) }
    }
}

pub(super) fn rate_name(rate: u32) -> String {
    format!("rate {rate}")
}

pub(super) async fn run(gateway: &Path, options: &Options) {
    let users = options.users + options.rounds * options.new_users;
    let stage = Stage::set(gateway, users).await;
    let idle = stage.served.resident();
    std::fs::create_dir_all(&options.out).unwrap();
    let kept = options.out.canonicalize().unwrap();
    let facts = Facts { told: &stage.told, place: stage.place.path(), kept: &kept };
    let token = stage.told["idp_token"].as_str().unwrap();
    let provider = stage.told["provider"].as_str().unwrap();
    let base = Program::start(&stage.load.bench, &["swap", "127.0.0.1:0", provider, token], 1);
    let mut rivals = rivals::start(&facts).await;
    rivals.insert(0, base_of(base));
    let mut contest = Contest { stage: &stage, contestants: Vec::new(), samples: Vec::new(), options };
    let mut told = Vec::new();
    let ours = Listed { contestant: stage.ours(), verifies: true };
    for listed in rivals.iter().map(listed).chain([Ok(ours)]) {
        told.push(contest.admit(listed));
    }
    contest.run_all();
    let figures = json!({
        "machine": machine(),
        "settings": {
            "rounds": options.rounds, "users": options.users, "new_users": options.new_users,
            "seconds": options.seconds, "connections": CONNECTIONS,
        },
        "versions": rivals.iter().map(|rival| (rival.name.to_owned(), rival.version.as_str().into())).collect::<serde_json::Map<_, _>>(),
        "contestants": told,
        "idle_mib": idle / 1_048_576.0,
        "samples": contest.samples,
    });
    report::write(&figures, &options.out);
}

fn base_of(program: Program) -> Rival {
    let address = program.line.clone();
    Rival { name: report::BASE, verifies: false, version: String::new(), address, program: Ok(program) }
}

struct Listed<'a> {
    contestant: Contestant<'a>,
    verifies: bool,
}

fn listed(rival: &Rival) -> Result<Listed<'_>, (&'static str, String)> {
    match &rival.program {
        Ok(program) => {
            let address = rival.address.clone();
            let contestant = Contestant { name: rival.name, address, prefix: "", process: Some(program) };
            Ok(Listed { contestant, verifies: rival.verifies })
        }
        Err(why) => Err((rival.name, why.clone())),
    }
}

struct Contest<'a> {
    stage: &'a Stage,
    contestants: Vec<Contestant<'a>>,
    samples: Vec<Value>,
    options: &'a Options,
}

impl<'a> Contest<'a> {
    /// Takes part who answers good requests and, if it verifies callers, refuses a forged token. Says who it is, or why it does not.
    fn admit(&mut self, listed: Result<Listed<'a>, (&'static str, String)>) -> Value {
        let Listed { contestant, verifies } = match listed {
            Ok(listed) => listed,
            Err((name, why)) => return json!({ "name": name, "missing": why }),
        };
        let name = contestant.name;
        let tries = |token: &str, status: u16| {
            let settings = json!({
                "address": contestant.address, "path": format!("{}/small", contestant.prefix), "tokens": [token],
                "connections": 2, "requests": 20, "rate": 0.0, "status": status,
            });
            self.stage.load.run(&contestant, &settings).load["errors"] == 0
        };
        let good = self.stage.load.tokens[0].as_str().unwrap();
        let forged = format!("{}AAAAAAAA", &good[..good.len() - 8]);
        if !tries(good, 200) {
            return json!({ "name": name, "missing": "failed: refuses good requests" });
        }
        if verifies && !tries(&forged, 401) {
            return json!({ "name": name, "missing": "failed: accepts a forged token" });
        }
        self.contestants.push(contestant);
        json!({ "name": name, "verifies": verifies })
    }

    fn run_all(&mut self) {
        let Options { rounds, new_users, .. } = *self.options;
        let half = rounds.div_ceil(2);
        self.warm_up();
        let mut all = vec![
            Scenario::closed("warm", "/small", CONNECTIONS, rounds),
            Scenario {
                new_users: Some(new_users),
                ..Scenario::closed("first sight", "/small", CONNECTIONS, rounds)
            },
        ];
        all.extend(RATES.map(|rate| Scenario::at_rate(rate, rounds)));
        all.push(Scenario::closed("big", "/big", FEW, rounds));
        all.push(Scenario::closed("stream", "/stream", FEW, half));
        for scenario in &all {
            for round in 0..scenario.rounds {
                let count = self.contestants.len();
                for at in 0..count {
                    self.measure((round + at) % count, scenario, round);
                }
                self.without_proxy(scenario, round);
            }
            println!("  {}: {} rounds", scenario.name, scenario.rounds);
        }
    }

    /// Each user once, so that their tokens are known.
    fn warm_up(&self) {
        for who in &self.contestants {
            let settings = json!({
                "address": who.address, "path": format!("{}/small", who.prefix), "tokens": self.tokens(0, self.options.users),
                "connections": CONNECTIONS, "requests": self.options.users, "rate": 0.0,
            });
            self.stage.load.run_with(who, &settings);
        }
    }

    fn tokens(&self, from: usize, count: usize) -> &[Value] {
        &self.stage.load.tokens.as_array().unwrap()[from..from + count]
    }

    fn measure(&mut self, at: usize, scenario: &Scenario, round: usize) {
        let who = &self.contestants[at];
        let Options { users, seconds, .. } = *self.options;
        let tokens = match scenario.new_users {
            Some(count) => self.tokens(users + round * count, count),
            None => self.tokens(0, users),
        };
        let settings = json!({
            "address": who.address, "path": format!("{}{}", who.prefix, scenario.path), "tokens": tokens,
            "connections": scenario.connections, "requests": scenario.new_users, "seconds": seconds, "rate": scenario.rate,
        });
        let sample = self.sample(who, scenario, round, &settings);
        self.samples.push(sample);
    }

    /// The provider itself at a fixed rate: what the proxies add to.
    fn without_proxy(&mut self, scenario: &Scenario, round: usize) {
        if scenario.rate > 0.0 {
            let address = self.stage.told["provider"].as_str().unwrap().to_owned();
            let who = Contestant { name: report::DIRECT, address, prefix: "", process: None };
            let settings = json!({
                "address": who.address, "path": scenario.path, "tokens": [self.stage.told["idp_token"]],
                "connections": scenario.connections, "seconds": self.options.seconds, "rate": scenario.rate,
            });
            let sample = self.sample(&who, scenario, round, &settings);
            self.samples.push(sample);
        }
    }

    fn sample(&self, who: &Contestant<'_>, scenario: &Scenario, round: usize, settings: &Value) -> Value {
        let resident = || who.process.map(|process| process.resident().round());
        let world = || self.stage.world.cpu();
        let (before, start) = (resident(), Instant::now());
        let (machine_before, world_before, own_before) =
            (busy(), world(), contest::spent(std::process::id()));
        let measured = self.stage.load.run(who, settings);
        let elapsed = start.elapsed().as_secs_f64();
        let number = |key: &str| measured.load[key].as_f64().unwrap_or_default();
        let ours = world() - world_before + contest::spent(std::process::id()) - own_before
            + measured.cpu * number("requests")
            + number("cpu");
        let seconds = number("seconds").max(1e-9);
        json!({
            "scenario": scenario.name, "round": round, "contestant": who.name,
            "requests": number("requests"), "errors": number("errors"),
            "cpu_us": tenths(measured.cpu / 1e3), "per_second": tenths(number("requests") / seconds),
            "mb_per_second": tenths(number("bytes") / seconds / 1e6),
            "p50_us": number("p50"), "p99_us": number("p99"), "first_us": number("first"),
            "resident_before": before, "resident_after": resident(),
            // Cores that other programs used meanwhile.
            "others": tenths((busy() - machine_before - ours / 1e9) / elapsed),
        })
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Seconds of processor time that the whole machine has spent, stolen time included.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let spent: Vec<f64> = line.split_whitespace().skip(1).filter_map(|ticks| ticks.parse().ok()).collect();
    let of = |index: &usize| spent.get(*index).copied().unwrap_or_default();
    // User, nice, system, interrupts, soft interrupts, stolen; not idle and waiting. A tick is 10 ms.
    [0, 1, 2, 5, 6, 7].iter().map(of).sum::<f64>() / 100.0
}

/// What the figures depend on; no names.
fn machine() -> Value {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let after = |text: &str, name: &str, ends: char| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(ends).unwrap_or_default().1.trim().trim_matches('"').to_owned()
    };
    let rustc = Command::new("rustc").arg("-V").output().map(|output| output.stdout).unwrap_or_default();
    let commit =
        Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().map(|output| output.stdout);
    json!({
        "processor": after(&read("/proc/cpuinfo"), "model name", ':'),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory": after(&read("/proc/meminfo"), "MemTotal", ':'),
        // Without what a distribution adds.
        "kernel": read("/proc/sys/kernel/osrelease").trim().split('-').next(),
        "system": after(&read("/etc/os-release"), "PRETTY_NAME", '='),
        "compiler": String::from_utf8_lossy(&rustc).trim(),
        "commit": String::from_utf8_lossy(&commit.unwrap_or_default()).trim(),
    })
}
