//! Instructions of a warm request, counted by callgrind, compared with the counts that are kept in the repository. Counts hardly
//! depend on the machine and its load, unlike seconds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::contest::{Contestant, Program, pinned};
use crate::stage::{self, Load, PREFIX};

/// Where the counts are kept.
const KEPT: &str = "crates/gateway/benches/instructions.toml";

/// How far a count may be above the kept one, in per cent. The same binary counts the same to about one.
const TOLERANCE: f64 = 5.0;
/// The same with a collector: which requests are recorded is random, and what is sent depends on the time too.
const TOLERANCE_SENDING: f64 = 12.0;

/// Requests of the shorter run. The longer one has three times as many, so that what starting costs cancels out.
const REQUESTS: usize = 500;

/// A process starts some fifty times as slowly under callgrind.
const START: Duration = Duration::from_secs(180);

/// Rows that are counted at the same time.
const LANES: usize = 2;

/// One configuration.
struct Row {
    name: &'static str,
    path: &'static str,
    /// What the provider's table ends with, and further settings.
    settings: &'static str,
}

impl Row {
    fn tolerance(&self) -> f64 {
        if self.settings.contains("otlp_endpoint") { TOLERANCE_SENDING } else { TOLERANCE }
    }
}

/// Per cent over the kept count.
fn change(found: u64, name: &str, kept: &Counts) -> f64 {
    let kept = kept.get(name).copied().unwrap_or_default();
    (found as f64 / (kept as f64).max(1.0) - 1.0) * 100.0
}

type Counts = BTreeMap<String, u64>;

/// No optional feature is configured. Metrics and the leak guard cannot be switched off.
const BARE: &str = "bare";
/// No line for each request.
const QUIET: &str = "[telemetry]\nlog_level = \"warn\"\n";

const fn row(name: &'static str, settings: &'static str) -> Row {
    Row { name, path: "/small", settings }
}

const ROWS: [Row; 11] = [
    row(BARE, "access = \"full\"\n"),
    row("log", "access = \"full\"\n[telemetry]\nlog_level = \"info\"\n"),
    row("audit to a file", "access = \"full\"\n[audit]\nsink = \"file\"\npath = \"@PLACE@/audit.log\"\n"),
    row(
        "traces at 1 per cent",
        "access = \"full\"\n[telemetry]\nlog_level = \"warn\"\notlp_endpoint = \"http://@PROVIDER@\"\ntrace_sample = 0.01\n",
    ),
    row(
        "a rule of methods and paths",
        "access = \"rules\"\n[[providers.bench.rules]]\nmethods = [\"GET\"]\npaths = [\"/small\"]\n",
    ),
    row(
        "rules with actors and GraphQL",
        r#"access = "rules"
[[providers.bench.rules]]
methods = ["POST"]
paths = ["/graphql"]
graphql = { fields = ["viewer"] }
[[providers.bench.rules]]
methods = ["GET"]
paths = ["/small"]
actors = ["planner"]
[[providers.bench.rules]]
methods = ["GET"]
paths = ["/small"]
actors = "none"
"#,
    ),
    row(
        "quotas of caller, app and provider",
        r#"access = "full"
quota = { per_second = 1000000.0, burst = 1000000 }
[quotas]
per_caller = { per_second = 1000000.0, burst = 1000000 }
per_client = { per_second = 1000000.0, burst = 1000000 }
"#,
    ),
    row(
        "connect and MCP",
        r#"access = "full"
[connect]
client_id = "connect"
client_secret = "connect"
[mcp]
enabled = true
"#,
    ),
    Row { name: "leak guard on text", path: "/text", settings: "access = \"full\"\n" },
    Row { name: "leak guard on JSON", path: "/json", settings: "access = \"full\"\n" },
    row(
        "everything",
        r#"access = "rules"
quota = { per_second = 1000000.0, burst = 1000000 }
[[providers.bench.rules]]
methods = ["GET"]
paths = ["/small"]
[quotas]
per_caller = { per_second = 1000000.0, burst = 1000000 }
[connect]
client_id = "connect"
client_secret = "connect"
[mcp]
enabled = true
[audit]
sink = "file"
path = "@PLACE@/audit.log"
[telemetry]
log_level = "info"
otlp_endpoint = "http://@PROVIDER@"
trace_sample = 0.01
"#,
    ),
];

/// Prints a line for each row, and fails where one costs more than what is kept. With `bless` it keeps what it found.
pub(super) async fn run(gateway: &Path, bless: bool, only: &str) {
    let text = std::fs::read_to_string(KEPT).unwrap_or_default();
    let kept: &Counts = &toml::from_str(&text).unwrap();
    let lane = |lane: usize| async move {
        let mut counts = Vec::new();
        for row in wanted(only).skip(lane).step_by(LANES) {
            let mut found = cost(gateway, row, lane).await;
            if !bless && change(found, row.name, kept) > row.tolerance() {
                // Once more: nothing makes a request cheaper by chance.
                found = found.min(cost(gateway, row, lane).await);
            }
            counts.push((row.name.to_owned(), found));
        }
        counts
    };
    // Each in its own thread: a lane waits for the programs that it runs.
    let lanes = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..LANES)
            .map(|number| {
                let handle = tokio::runtime::Handle::current();
                scope.spawn(move || handle.block_on(lane(number)))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<BTreeMap<_, _>>()
    });
    if bless {
        std::fs::write(KEPT, file(&lanes)).unwrap();
    }
    let failed = compare(&lanes, if bless { &lanes } else { kept });
    if !failed.is_empty() {
        println!("{}", failed.join("\n"));
        std::process::exit(1);
    }
}

/// The first row, and those whose names hold this text.
fn wanted(only: &str) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.name == BARE || row.name.contains(only))
}

/// What is over the kept count, as messages.
fn compare(counts: &Counts, kept: &Counts) -> Vec<String> {
    let mut failed = Vec::new();
    let bare = counts[BARE] as f64;
    println!("| configuration | instructions | over the first | kept |\n|---|---|---|---|");
    for row in &ROWS {
        let Some(found) = counts.get(row.name).copied() else { continue };
        let (name, change, allowed) = (row.name, change(found, row.name, kept), row.tolerance());
        let kept = kept.get(name).copied().unwrap_or_default();
        println!(
            "| {name} | {found} | {:.1} % | {kept} ({change:+.1} %) |",
            (found as f64 / bare - 1.0) * 100.0
        );
        if change > allowed {
            failed.push(format!(
                "`{name}` costs {found} instructions a warm request, and {kept} are kept in {KEPT}: {change:.1} % more, where \
                 {allowed} % are allowed. Make it cheaper, or keep the new count: `cargo xtask bench --instructions --bless`"
            ));
        } else if change < -allowed {
            println!(
                "`{name}` became cheaper: keep the new count with `cargo xtask bench --instructions --bless`"
            );
        }
    }
    failed
}

/// The file.
fn file(counts: &Counts) -> String {
    let compiler = Command::new("rustc").arg("-V").output().unwrap().stdout;
    let compiler = String::from_utf8_lossy(&compiler);
    let mut text = format!(
        "# Instructions of a warm request by configuration. Made by `cargo xtask bench --instructions --bless`; CI compares.\n\
         # Compiled with {}.\n",
        compiler.trim()
    );
    for Row { name, .. } in &ROWS {
        let _ = writeln!(text, "{name:?} = {}", counts[*name]);
    }
    text
}

/// The instructions of one warm request.
async fn cost(gateway: &Path, row: &Row, lane: usize) -> u64 {
    let bench = std::env::current_exe().unwrap();
    let mut totals = [0, 0];
    for (total, requests) in totals.iter_mut().zip([REQUESTS, 3 * REQUESTS]) {
        let world = Program::start(&bench, &["world", "1"], lane);
        let told: Value = serde_json::from_str(&world.line).unwrap();
        *total = counted(gateway, &told, (&bench, requests), (row, lane)).await;
    }
    let [short, long] = totals;
    (long - short) / (2 * REQUESTS as u64)
}

/// The instructions of a gateway from its start to its end, with this many requests.
async fn counted(
    gateway: &Path,
    told: &Value,
    (bench, requests): (&Path, usize),
    (row, lane): (&Row, usize),
) -> u64 {
    let place = tempfile::tempdir().unwrap();
    let ports = [stage::free_port(), stage::free_port()];
    let quiet = if row.settings.contains("[telemetry]") { "" } else { QUIET };
    let settings = stage::configuration(told, place.path(), ports, &format!("{}{quiet}", row.settings));
    let config = place.path().join("gateway.toml");
    // It ends at once when it is told to.
    let server =
        "[server]\npublic_url = \"https://gateway.example\"\ndrain = { delay = \"0s\", timeout = \"1s\" }\n";
    std::fs::write(&config, settings.replacen("[server]\n", server, 1)).unwrap();
    let profile = place.path().join("callgrind.out");
    let mut command = pinned(Path::new("valgrind"), lane);
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(gateway).args(["serve", "--config", &config.to_string_lossy()]);
    let log = std::fs::File::create(place.path().join("log")).unwrap();
    let mut process = Ended(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    stage::ready(ports[1], START).await;
    let load = Load {
        bench: bench.to_owned(),
        file: place.path().join("load.json"),
        tokens: told["tokens"].clone(),
    };
    let address = format!("127.0.0.1:{}", ports[0]);
    let contestant = Contestant { name: "gateway", address, prefix: PREFIX, process: None };
    load.warm(&contestant, row.path, requests);
    let told = Command::new("kill").args(["-TERM", &process.0.id().to_string()]).status().unwrap();
    assert!(told.success() && process.0.wait().unwrap().success(), "the gateway did not end well");
    let text = std::fs::read_to_string(profile).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
    total.trim().parse().unwrap()
}

/// Does not outlive this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
