//! Instructions of a warm request, counted by callgrind: the same on every machine for the same binary, to about one in a hundred.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::compete::{self, Load, PREFIX};
use crate::contest::{Contestant, Program, pinned};

/// Requests of the shorter run. The longer one has three times as many, so that what starting costs cancels out.
const REQUESTS: usize = 400;

/// A process starts some fifty times as slowly under callgrind.
const START: Duration = Duration::from_secs(180);

/// Names, what the provider's table ends with, and further settings.
const POLICIES: [(&str, &str); 5] = [
    ("no rule, no quota", "access = \"full\"\n"),
    (
        "one rule of methods and paths",
        "access = \"rules\"\n[[providers.bench.rules]]\nmethods = [\"GET\"]\npaths = [\"/small\"]\n",
    ),
    (
        "a rule that sees who asks, where, and what of GraphQL",
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
    (
        "quotas of caller, app and provider",
        r#"access = "full"
quota = { per_second = 1000000.0, burst = 1000000 }
[quotas]
per_caller = { per_second = 1000000.0, burst = 1000000 }
per_client = { per_second = 1000000.0, burst = 1000000 }
"#,
    ),
    (
        "hosted connect and the MCP endpoint",
        r#"access = "full"
[connect]
client_id = "connect"
client_secret = "connect"
[mcp]
enabled = true
"#,
    ),
];

/// Prints a line for each of [`POLICIES`]. What is configured costs more than what is not: that is checked, the numbers are told.
pub(super) async fn run(gateway: &str) {
    let bench = std::env::current_exe().unwrap();
    let mut counts = Vec::new();
    for (name, policy) in POLICIES {
        let mut totals = [0, 0];
        for (total, requests) in totals.iter_mut().zip([REQUESTS, 3 * REQUESTS]) {
            let world = Program::start(&bench, &["world", "1"], 0);
            let told: Value = serde_json::from_str(&world.line).unwrap();
            *total = counted(gateway, &told, (&bench, requests), policy).await;
        }
        let [short, long] = totals;
        let each = (long - short) / (2 * REQUESTS as u64);
        println!("  {name}: {each} instructions a warm request");
        counts.push(each);
    }
    let plain = counts[0];
    assert!(counts.iter().all(|each| plain <= each + each / 100), "what is not configured costs: {counts:?}");
}

/// The instructions of a gateway from its start to its end, with this many requests.
async fn counted(gateway: &str, told: &Value, (bench, requests): (&Path, usize), policy: &str) -> u64 {
    let place = tempfile::tempdir().unwrap();
    let ports = [compete::free_port(), compete::free_port()];
    let settings = compete::configuration(told, place.path(), ports, policy);
    let config = place.path().join("gateway.toml");
    // It ends at once when it is told to.
    let server =
        "[server]\npublic_url = \"https://gateway.example\"\ndrain = { delay = \"0s\", timeout = \"1s\" }\n";
    std::fs::write(&config, settings.replacen("[server]\n", server, 1)).unwrap();
    let profile = place.path().join("callgrind.out");
    let mut command = pinned(Path::new("valgrind"), 1);
    command.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", profile.display()));
    command.args([gateway, "serve", "--config", &config.to_string_lossy()]);
    let log = std::fs::File::create(place.path().join("log")).unwrap();
    let mut process = Ended(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    compete::ready(ports[1], START).await;
    let load = Load {
        bench: bench.to_owned(),
        file: place.path().join("load.json"),
        tokens: told["tokens"].clone(),
    };
    let address = format!("127.0.0.1:{}", ports[0]);
    let contestant = Contestant { name: "gateway", address, prefix: PREFIX, process: None };
    load.run(&contestant, "/small", requests, 1, 0.0);
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
