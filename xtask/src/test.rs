//! `cargo xtask test`: all tests of the workspace in one build, with the servers they need; then one pass with each other real part.

use crate::{image, install, monitoring, parts, sh};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

/// Where Wycheproof's JOSE vectors are when the variable is not set.
const WYCHEPROOF: &str = "../shared/data/wycheproof";

/// Programs that tests of the workspace start themselves: the variable that names the program, and its package. A part of the
/// tests' names is the part's name.
const SERVERS: [(parts::Part, &str, &str, &str); 3] = [
    (parts::Part::Redis, "redis", "REDIS_SERVER", "redis-server"),
    (parts::Part::Haproxy, "haproxy", "HAPROXY", "haproxy"),
    (parts::Part::Prometheus, "prometheus", "PROMETHEUS", "prometheus"),
];

#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// The tests of one real part alone.
    #[arg(long, value_enum)]
    only: Option<parts::Part>,
    /// The long rounds too: a hundred thousand hostile requests; a million requests for tokens of accounts that look alike; a
    /// million calls to plan; a hundred kills of a gateway in a fleet, up to half a minute each; the image, built and run.
    #[arg(long)]
    full: bool,
}

/// How the parts did.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<&'static str>,
    /// Tests that had nothing to run against.
    skipped: usize,
}

impl Tally {
    fn count(&mut self, title: &'static str, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                sh::say(&format!("{title}: {error:#}"));
                self.failed.push(title);
            }
        }
    }
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let mut tally = Tally::default();
    let is_server = |part| SERVERS.iter().any(|(server, ..)| *server == part);
    if options.only.is_none_or(is_server) {
        workspace(root, options, &mut tally)?;
    }
    if wanted(parts::Part::Prometheus) {
        tally.count("alert rules", monitoring::run(root, &monitoring::Options::default()));
    }
    for part in parts::Part::ALL.into_iter().filter(|part| wanted(*part) && !is_server(*part)) {
        sh::say(&format!("== {} ==", part.title()));
        tally.count(part.title(), part.run(root));
    }
    if options.full && options.only.is_none() {
        sh::say("== container image ==");
        image::run(root, &image::Options::default())?;
    }
    let Tally { passed, failed, skipped } = tally;
    sh::say(&format!("tests skipped because a program or data is missing: {skipped}"));
    sh::say(&format!("parts: {passed} passed, {} failed", failed.len()));
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

/// The tests of the workspace. A selection of packages would select other features, and build the dependencies once more.
fn workspace(root: &Path, options: &Options, tally: &mut Tally) -> Result<()> {
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--workspace", "--locked"]);
    for (part, name, variable, program) in SERVERS {
        if options.only.is_none_or(|only| only == part) {
            let installed = install::ensure_program(root, program, program);
            if installed.is_ok() {
                tests.env(variable, program);
            }
            tally.count(part.title(), installed);
        }
        if options.only == Some(part) {
            tests.arg(name);
        }
    }
    let what = "Wycheproof's JOSE vectors are not tried";
    if let Some(folder) = sh::data_folder(root, "WYCHEPROOF_DIR", WYCHEPROOF, what)? {
        tests.env("WYCHEPROOF_DIR", folder);
    }
    if options.full {
        long_rounds(&mut tests);
    }
    tally.skipped += sh::run_counting(&mut tests, "skipped: ")?;
    Ok(())
}

fn long_rounds(tests: &mut Command) {
    tests.env("PAIRS", "1000000").env("PLANS", "1000000");
    tests.env("HOSTILE_REQUESTS", "100000").env("FLEET_ROUNDS", "100");
}
