//! `cargo xtask test`: all tests of the workspace in one build, with the servers they need; then one pass with each other real part.

use crate::{image, install, lint, monitoring, parts, sh};
use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use xshell::{Cmd, Shell, cmd};

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

type Pass = fn(&Shell, &Options) -> Result<()>;

/// What follows the tests of the workspace: the part that each pass belongs to, if it does, and its name.
const PASSES: [(Option<Part>, &str, Pass); 6] = [
    (None, "providers over HTTP/2", |sh, _| over_http2(sh)),
    (Some(Part::Ring), "libraries with ring", |sh, _| Ok(vectors(sh, lint::ring_tests(sh))?.run()?)),
    (Some(Part::Prometheus), "alert rules", |sh, _| monitoring::run(sh, &monitoring::Options::default())),
    (Some(Part::Sdk), "SDKs", |sh, options| parts::sdk::run(sh, options.bless)),
    (Some(Part::Browser), "browser", |sh, _| parts::browser::run(sh)),
    (Some(Part::Examples), "examples", |sh, _| parts::browser::examples(sh)),
];

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let (mut parts, mut skipped) = (Vec::new(), 0);
    if options.only.is_none_or(|only| SERVERS.iter().any(|(part, ..)| *part == only)) {
        skipped = workspace(sh, options, &mut parts)?;
    }
    for (part, name, pass) in PASSES {
        if options.only.is_none() || options.only == part {
            sh::say(&format!("== {name} =="));
            parts.push((name, pass(sh, options)));
        }
    }
    if options.full && options.only.is_none() {
        sh::say("== container image ==");
        image::run(sh, &image::Options::default())?;
    }
    let mut failed = Vec::new();
    for (name, error) in parts.iter().filter_map(|(name, result)| Some((name, result.as_ref().err()?))) {
        sh::say(&format!("{name}: {error:#}"));
        failed.push(*name);
    }
    sh::say(&format!("tests skipped because a program or data is missing: {skipped}"));
    sh::say(&format!("parts: {} passed, {} failed", parts.len() - failed.len(), failed.len()));
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

type Parts = Vec<(&'static str, Result<()>)>;

/// The tests of the workspace, and how many were skipped. A selection of packages would select other features, and build the
/// dependencies once more.
fn workspace(sh: &Shell, options: &Options, parts: &mut Parts) -> Result<usize> {
    let mut tests = vectors(sh, cmd!(sh, "cargo test --workspace --locked"))?;
    for (part, name, variable, program, package) in SERVERS {
        if options.only.is_none_or(|only| only == part) {
            let installed = install::server(sh, program, package);
            tests = tests.envs(installed.as_ref().ok().map(|program| (variable, program)));
            parts.push((name, installed.map(|_| ())));
        }
        if options.only == Some(part) {
            tests = tests.arg(name);
        }
    }
    if options.full {
        let rounds = [("PAIRS", "1000000"), ("PLANS", "1000000"), ("FIRST_OPENS", "400")];
        tests = tests.envs(rounds).env("HOSTILE_REQUESTS", "100000").env("FLEET_ROUNDS", "100");
    } else if sh.var_os("PROPTEST_RNG_SEED").is_none() {
        // The same cases each time. `--full` tries others.
        tests = tests.env("PROPTEST_RNG_SEED", "1");
    }
    sh::say(&format!("$ {tests}"));
    counting(&mut tests.into(), "skipped: ")
}

fn counting(command: &mut Command, word: &str) -> Result<usize> {
    let mut child = command.stderr(Stdio::piped()).spawn().context("cannot start the tests")?;
    let mut count = 0;
    for line in BufReader::new(child.stderr.take().context("no stderr")?).split(b'\n') {
        let line = line?;
        sh::say(&String::from_utf8_lossy(&line));
        count += usize::from(line.starts_with(word.as_bytes()));
    }
    let status = child.wait()?;
    ensure!(status.success(), "the tests ended with {status}");
    Ok(count)
}

/// Tells tests where Wycheproof's vectors are.
fn vectors<'a>(sh: &Shell, tests: Cmd<'a>) -> Result<Cmd<'a>> {
    let what = "Wycheproof's JOSE vectors are not tried";
    let folder = sh::data_folder(sh, "WYCHEPROOF_DIR", "../shared/data/wycheproof", what)?;
    Ok(tests.envs(folder.map(|folder| ("WYCHEPROOF_DIR", folder))))
}

/// The tests of calls to providers once more, with providers that speak HTTP/2 over TLS.
fn over_http2(sh: &Shell) -> Result<()> {
    let roots = sh.current_dir().join("target/test-authorities.pem");
    // Each test adds its own authority.
    sh.write_file(&roots, "")?;
    let tests = cmd!(sh, "cargo test --workspace --locked --test it -- {CALLS...}");
    Ok(tests.env("SANDBOX_ALPN", "h2").env("SSL_CERT_FILE", roots).run()?)
}
