//! `cargo xtask test`: all tests of the workspace in one build, with the servers they need; then one pass with each other real part.

use crate::{backends, image, install, monitoring, parts, sh};
use anyhow::{Result, bail};
use std::{path::Path, process::Command};

/// Where Wycheproof's JOSE vectors are when the variable is not set.
const WYCHEPROOF: &str = "../shared/data/wycheproof";

/// A real part. The names of the tests that need a server hold the name of its part.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Part {
    /// A Redis or Valkey server under the token broker's stores.
    Redis,
    /// A PostgreSQL server under the same.
    Postgres,
    /// HAProxy ahead of a running gateway and behind it.
    Haproxy,
    /// Prometheus scraping a running gateway with our rules.
    Prometheus,
    /// Provider SDKs from npm, PyPI and Debian as clients of a running gateway.
    Sdk,
    /// The example single-page app and the console in Chromium.
    Browser,
    /// The examples of the documentation: TypeScript client, Node, Python, React.
    Examples,
    /// ring in place of aws-lc-rs under the libraries.
    Ring,
}

/// Programs that tests of the workspace start themselves: name in tests, variable that names the program, program, package.
const SERVERS: [(Part, &str, &str, &str, &str); 4] = [
    (Part::Redis, "redis", "REDIS_SERVER", "redis-server", "redis-server"),
    (Part::Postgres, "postgres", "POSTGRES_SERVER", "postgres", "postgresql"),
    (Part::Haproxy, "haproxy", "HAPROXY", "haproxy", "haproxy"),
    (Part::Prometheus, "prometheus", "PROMETHEUS", "prometheus", "prometheus"),
];

/// The gateway's tests of calls to providers.
const CALLS: [&str; 5] = ["proxy::", "proxy_stream::", "proxy_callers::", "providers::", "hazards_proxy::"];

#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// The tests of one real part alone.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// The long rounds too: a hundred thousand hostile requests; a million requests for tokens of accounts that look alike; a
    /// million calls to plan; a hundred kills of a gateway in a fleet, up to half a minute each; the image, built and run.
    #[arg(long)]
    full: bool,
    /// Writes the table of SDKs anew instead of comparing.
    #[arg(long)]
    bless: bool,
}

/// How the parts did.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
}

impl Tally {
    fn count(&mut self, part: impl std::fmt::Debug, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                sh::say(&format!("{part:?}: {error:#}"));
                self.failed.push(format!("{part:?}"));
            }
        }
    }
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let wanted = |part| options.only.is_none_or(|only| only == part);
    let (mut tally, mut skipped) = (Tally::default(), 0);
    if SERVERS.iter().any(|(part, ..)| wanted(*part)) {
        skipped = workspace(root, options, &mut tally)?;
    }
    if options.only.is_none() {
        sh::say("== providers over HTTP/2 ==");
        tally.count("providers over HTTP/2", over_http2(root));
    }
    if wanted(Part::Ring) {
        sh::say("== libraries with ring ==");
        tally.count(Part::Ring, with_ring(root));
    }
    if wanted(Part::Prometheus) {
        tally.count("alert rules", monitoring::run(root, &monitoring::Options::default()));
    }
    if wanted(Part::Sdk) {
        tally.count(Part::Sdk, parts::sdk::run(root, options.bless));
    }
    if wanted(Part::Browser) {
        tally.count(Part::Browser, parts::browser::run(root));
    }
    if wanted(Part::Examples) {
        tally.count(Part::Examples, parts::examples::run(root));
    }
    if options.full && options.only.is_none() {
        sh::say("== container image ==");
        image::run(root, &image::Options::default())?;
    }
    let Tally { passed, failed } = tally;
    sh::say(&format!("tests skipped because a program or data is missing: {skipped}"));
    sh::say(&format!("parts: {passed} passed, {} failed", failed.len()));
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

/// What random cases start from.
const SEED: &str = "PROPTEST_RNG_SEED";

/// The tests of the workspace, and how many were skipped. A selection of packages would select other features, and build the
/// dependencies once more.
fn workspace(root: &Path, options: &Options, tally: &mut Tally) -> Result<usize> {
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--workspace", "--locked"]);
    for (part, name, variable, program, package) in SERVERS {
        if options.only.is_none_or(|only| only == part) {
            let installed = install::server(root, program, package);
            if let Ok(program) = &installed {
                tests.env(variable, program);
            }
            tally.count(part, installed.map(|_| ()));
        }
        if options.only == Some(part) {
            tests.arg(name);
        }
    }
    vectors(root, &mut tests)?;
    if options.full {
        tests.env("PAIRS", "1000000").env("PLANS", "1000000").env("FIRST_OPENS", "400");
        tests.env("HOSTILE_REQUESTS", "100000").env("FLEET_ROUNDS", "100");
    } else if std::env::var_os(SEED).is_none() {
        // The same cases each time. `--full` tries others.
        tests.env(SEED, "1");
    }
    sh::run_counting(&mut tests, "skipped: ")
}

/// Tells tests where Wycheproof's vectors are.
fn vectors(root: &Path, tests: &mut Command) -> Result<()> {
    let what = "Wycheproof's JOSE vectors are not tried";
    if let Some(folder) = sh::data_folder(root, "WYCHEPROOF_DIR", WYCHEPROOF, what)? {
        tests.env("WYCHEPROOF_DIR", folder);
    }
    Ok(())
}

/// The libraries' unit tests once more, with ring. Their vectors are the same as with aws-lc-rs.
fn with_ring(root: &Path) -> Result<()> {
    let mut tests = backends::tests(root);
    vectors(root, &mut tests)?;
    sh::run_command(&mut tests)
}

/// The tests of calls to providers once more, with providers that speak HTTP/2 over TLS.
fn over_http2(root: &Path) -> Result<()> {
    let roots = root.join("target/test-authorities.pem");
    // Each test adds its own authority.
    std::fs::write(&roots, "")?;
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--workspace", "--locked", "--test", "it", "--"]).args(CALLS);
    sh::run_command(tests.env("SANDBOX_ALPN", "h2").env("SSL_CERT_FILE", roots))
}
