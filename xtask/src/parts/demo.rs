//! A running `gateway demo`, and a second gateway that serves the same sandbox over TLS.

use crate::build;
use crate::sh::Running;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use xshell::{Shell, cmd};

/// A rule that opens a part of GraphQL, as `docs/guides/policy.md` shows one.
const GRAPHQL: &str = r#"
[[providers.github.rules]]
methods = ["POST"]
paths = ["/graphql"]
graphql = { operations = ["query"], fields = ["viewer", "rateLimit"], depth = 4 }
"#;

/// A running `gateway demo`, ended when dropped.
pub(super) struct Demo {
    _process: Running,
    /// The JSON object that `gateway demo --json` prints: addresses, caller tokens, and the sandbox's made-up secrets.
    pub(super) line: String,
}

impl Demo {
    /// Starts one with these arguments besides.
    pub(super) fn start(sh: &Shell, more: &[&str]) -> Result<Self> {
        let mut process = start(sh, &[&["demo", "--json"], more].concat(), Stdio::piped(), Stdio::null())?;
        let mut output = BufReader::new(process.0.stdout.take().context("no stdout")?);
        let mut line = String::new();
        output.read_line(&mut line).context("reading what the demo prints")?;
        drain(output);
        ensure!(line.trim_start().starts_with('{'), "the demo did not start; run `gateway demo` to see why");
        Ok(Self { _process: process, line })
    }

    /// Lets a file of Node tests run against the demo, and ends it: a user whom one file has read is known to the gateway, and a
    /// consent changes more.
    pub(super) fn test(
        self,
        sh: &Shell,
        folder: &str,
        node: &str,
        file: &str,
        told: &[(&str, &str)],
    ) -> Result<()> {
        let _folder = sh.push_dir(folder);
        let tests = cmd!(sh, "{node} --test {file}").env("DEMO", &self.line).env("CHROMIUM", "chromium");
        Ok(tests.envs(told.iter().copied()).run()?)
    }
}

/// `gateway serve` over the demo's sandbox with what some SDKs need: `server.tls` where they refuse plain HTTP, and for GitHub
/// `rewrite_urls` where they follow members of bodies. Of GitHub's GraphQL it opens what [`GRAPHQL`] says.
pub(super) struct TlsFront {
    _process: Running,
    /// `https://localhost:PORT`.
    pub(super) url: String,
    /// The self-signed certificate.
    pub(super) roots: PathBuf,
}

impl TlsFront {
    pub(super) fn start(sh: &Shell, demo: &Demo) -> Result<Self> {
        let folder = sh.create_dir("target/tls-front")?;
        let [key, roots, config] = ["key.pem", "cert.pem", "gateway.toml"].map(|file| folder.join(file));
        let kind = "-x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(' ');
        let name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        cmd!(sh, "openssl req {kind...} {name...} -keyout {key} -out {roots}").run()?;
        let line: Value = serde_json::from_str(&demo.line)?;
        let configuration = line["configuration"].as_str().context("the demo names no configuration")?;
        let tls = "[server]\ntls = { cert_file = \"cert.pem\", key_file = \"key.pem\" }\n";
        let github = "[providers.github]\nrewrite_urls = true\n";
        let configuration =
            configuration.replacen("[server]\n", tls, 1).replacen("[providers.github]\n", github, 1);
        sh.write_file(&config, configuration + GRAPHQL)?;
        let serve = ["serve", "--config", &config.to_string_lossy()];
        let mut process = start(sh, &serve, Stdio::null(), Stdio::piped())?;
        let mut events = BufReader::new(process.0.stderr.take().context("no stderr")?);
        let port = loop {
            let mut line = String::new();
            ensure!(events.read_line(&mut line)? > 0, "the gateway ended before it listened");
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["event"] == "listening" {
                let port = event["listen"].as_str().and_then(|listen| listen.rsplit_once(':'));
                break port.context("an address without port")?.1.to_owned();
            }
        };
        drain(events);
        Ok(Self { _process: process, url: format!("https://localhost:{port}"), roots })
    }
}

fn start(sh: &Shell, args: &[&str], output: Stdio, errors: Stdio) -> Result<Running> {
    let gateway = build::debug_binary(sh)?;
    // A process that is killed leaves its temporary files behind.
    let temporary = sh.create_dir("target/tmp")?;
    let gateway = cmd!(sh, "{gateway} {args...}").env("TMPDIR", temporary);
    Running::start(Command::from(gateway).stdout(output).stderr(errors))
}

/// Reads a pipe until the process ends. A full pipe would block the process.
fn drain(mut pipe: impl Read + Send + 'static) {
    std::thread::spawn(move || pipe.read_to_end(&mut Vec::new()));
}

/// Below the range from which Linux takes the ports of connections, and of servers that ask for any port. A port of that
/// range could be taken between the choice and its use.
const CHOICE: std::ops::Range<u16> = 20_000..32_000;

/// The first of `count` ports in a row that are free on 127.0.0.1, for a server whose address has to be known before it listens.
pub(super) fn free_ports(count: u16) -> Result<u16> {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    CHOICE
        .step_by(usize::from(count))
        .find(|first| (*first..first.saturating_add(count)).all(free))
        .with_context(|| format!("no {count} ports in a row are free"))
}
