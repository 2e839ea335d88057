//! Everything CI runs, in the order in which a failure is cheapest to learn.

use crate::{api, bench, chart, docs, lint, package, sh, supply, test, tidy};
use anyhow::{Result, ensure};
use std::time::SystemTime;
use xshell::Shell;

/// The command that the README gives newcomers for testing; CI runs that and nothing else.
const TEST_COMMAND: &str = "cargo xtask test";

type Step = fn(&Shell) -> Result<()>;

const STEPS: [(&str, Step); 9] = [
    ("tidy", |sh| tidy::run(sh, &tidy::Options::default())),
    ("advisories", supply::run),
    ("docs", |sh| docs::check(sh, false)),
    ("lint", lint::run),
    ("api", |sh| api::run(sh, &api::Options::default())),
    ("test", |sh| test::run(sh, &test::Options::default())),
    ("instructions", bench::gate),
    ("chart", |sh| chart::run(sh, &chart::Options::default())),
    ("package", |sh| package::run(sh, true)),
];

pub(crate) fn run(sh: &Shell) -> Result<()> {
    ensure!(
        sh.read_file("README.md")?.lines().any(|line| line.trim() == TEST_COMMAND),
        "README.md no longer gives `{TEST_COMMAND}` as the test command; CI runs what the README says"
    );
    for (name, step) in STEPS {
        let start = SystemTime::now();
        step(sh)?;
        sh::say(&format!("ci: {name} done in {} s", start.elapsed().unwrap_or_default().as_secs()));
    }
    sh::say("ci: all green");
    Ok(())
}
