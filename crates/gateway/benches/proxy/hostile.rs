//! What hostile requests cost beside plain ones of the same size, and what clients that hold what they got take.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::contest::Program;
use crate::stage::{PREFIX, Stage, median, rounds};

/// How long memory may still grow after the last connection was made.
const SETTLE: Duration = Duration::from_secs(3);

/// Users who share what is held: one alone gets a quarter of a provider's places.
const USERS: usize = 8;

pub(super) async fn run(gateway: &Path, count: usize) {
    let hostile = Hostile { stage: Stage::set(gateway, USERS).await, count };
    println!("  | a hostile request | CPU over a plain one of the same size | CPU |");
    hostile.paths();
    hostile.names();
    hostile.bodies();
    drop(hostile);
    println!("  | clients | resident growth | a call beside them |");
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1048576\r\n";
    for (what, line, more, count, waits_for) in [
        (
            "1 000 readers that stall",
            format!("GET {PREFIX}/repos/endless/a/b"),
            String::new(),
            1000,
            Some("HTTP/1.1 200"),
        ),
        ("1 000 slow forms", format!("POST {PREFIX}/repos/a/b/c"), form.to_owned(), 1000, None),
        (
            "1 024 slow logout bodies",
            "POST /hooks/backchannel-logout".to_owned(),
            form.to_owned(),
            1024,
            None,
        ),
    ] {
        // Each from the beginning: what one has let grow would be there for the next.
        let stage = Stage::set(gateway, USERS).await;
        let tokens = stage.load.tokens.as_array().unwrap();
        let begun = if more.is_empty() { "" } else { "a=1&b=" };
        let texts: Vec<_> = tokens
            .iter()
            .map(|token| {
                let token = token.as_str().unwrap();
                format!("{line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{more}\r\n{begun}")
            })
            .collect();
        let settings =
            json!({ "address": stage.address, "texts": texts, "count": count, "waits_for": waits_for });
        held(&stage, what, &settings).await;
    }
}

struct Hostile {
    stage: Stage,
    count: usize,
}

/// Growth of resident memory while so many clients keep their requests open, and whether another client is served meanwhile.
async fn held(stage: &Stage, what: &str, settings: &Value) {
    let (load, served) = (&stage.load, &stage.served);
    let url = format!("http://{}{PREFIX}/small", stage.address);
    let client = reqwest::Client::builder().timeout(SETTLE * 10).build().unwrap();
    let call = || client.get(&url).bearer_auth(load.tokens[1].as_str().unwrap()).send();
    // What the first call of all costs is not theirs.
    call().await.unwrap();
    std::fs::write(&load.file, settings.to_string()).unwrap();
    let before = served.resident();
    let holding = Program::start(&load.bench, &["hold", &load.file.to_string_lossy()], 0);
    tokio::time::sleep(SETTLE).await;
    let grown = served.resident() - before;
    let other = call().await;
    drop(holding);
    println!(
        "  | {what} | {:.1} MiB, {:.1} KiB each | {} |",
        grown / 1_048_576.0,
        grown / 1024.0 / settings["count"].as_f64().unwrap(),
        other.unwrap().status()
    );
}

impl Hostile {
    /// The median of the rounds; both are measured in each.
    fn ratio(&self, what: &str, hostile: &Value, plain: &Value) {
        let cpu = |settings: &Value| self.stage.load.run_with(&self.stage.ours(), settings).cpu;
        let mut cost = Vec::new();
        let ratio = rounds(self.count, || {
            let (plain, hostile) = (cpu(plain), cpu(hostile));
            cost.push(hostile / 1000.0);
            hostile / plain
        });
        println!("  | {what} | {ratio:.2} | {:.0} µs |", median(&mut cost));
    }

    fn settings(&self, path: &str, requests: usize) -> Value {
        json!({
            "address": self.stage.address, "path": format!("{PREFIX}{path}"),
            "tokens": [self.stage.load.tokens[0]], "connections": 4, "requests": requests, "rate": 0.0,
        })
    }

    /// An address that is encoded again and again, which is refused.
    fn paths(&self) {
        let mut hostile = self.settings(&format!("/repos/a/b/%{}41", "25".repeat(1990)), 4000);
        hostile["status"] = json!(400);
        let plain = self.settings(&format!("/repos/a/b/{}", "a".repeat(3983)), 4000);
        self.ratio("a path of 4 KB, `%252525…`", &hostile, &plain);
    }

    /// A head that nominates as many headers as fit.
    fn names(&self) {
        let names: Vec<String> = (0..3000).map(|number| format!("x{number:x}")).collect();
        let names = names.join(",");
        let mut plain = self.settings("/repos/a/b/c", 4000);
        let mut hostile = plain.clone();
        plain["header"] = json!(["x-plain", "a".repeat(names.len())]);
        hostile["header"] = json!(["connection", names]);
        self.ratio("3 000 names in `Connection`", &hostile, &plain);
    }

    /// Answers that repeat the token, but for its last byte.
    fn bodies(&self) {
        for (kind, spelled) in [
            ("token", "as it is"),
            ("percent", "percent-encoded"),
            ("unicode", "as JSON escapes"),
            ("entities", "as HTML entities"),
            ("mixed", "in a mixture of these"),
        ] {
            let hostile = self.settings(&format!("/repos/hostile/{kind}/a"), 200);
            let what = format!("an answer of 1 MiB: the token without its last byte, {spelled}");
            self.ratio(&what, &hostile, &self.settings("/big", 200));
        }
    }
}
