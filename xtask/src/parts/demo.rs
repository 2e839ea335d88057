//! A running `gateway demo`, and a second gateway that serves the same sandbox over TLS.

use crate::{build, sh};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// A rule that opens a part of GraphQL, as `docs/guides/policy.md` shows one.
const GRAPHQL: &str = r#"
[[providers.github.rules]]
methods = ["POST"]
paths = ["/graphql"]
graphql = { operations = ["query"], fields = ["viewer", "rateLimit"], depth = 4 }
"#;

/// A running `gateway demo`, ended when dropped.
pub(super) struct Demo {
    _process: Process,
    /// The JSON object that `gateway demo --json` prints: addresses, caller tokens, and the sandbox's made-up secrets.
    pub(super) line: String,
}

impl Demo {
    /// Starts one with these arguments besides.
    pub(super) fn start(root: &Path, more: &[&str]) -> Result<Self> {
        let mut process = Process::start(root, &[&["demo", "--json"], more].concat())?;
        let line = first_line(process.0.stdout.take().context("the demo has no stdout")?)?;
        drain(process.0.stderr.take().context("the demo has no stderr")?);
        ensure!(line.trim_start().starts_with('{'), "the demo did not start; run `gateway demo` to see why");
        Ok(Self { _process: process, line })
    }
}

/// `gateway serve` over the demo's sandbox with what some SDKs need: `server.tls` where they refuse plain HTTP, and for GitHub
/// `rewrite_urls` where they follow members of bodies. Of GitHub's GraphQL it opens what [`GRAPHQL`] says.
pub(super) struct TlsFront {
    _process: Process,
    /// `https://localhost:PORT`.
    pub(super) url: String,
    /// The self-signed certificate.
    pub(super) roots: PathBuf,
}

impl TlsFront {
    pub(super) fn start(root: &Path, demo: &Demo) -> Result<Self> {
        let folder = root.join("target/tls-front");
        std::fs::create_dir_all(&folder)?;
        let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "key.pem"];
        let mut openssl = sh::command(&folder, "openssl");
        openssl.args(["req", "-x509", "-nodes", "-days", "2", "-out", "cert.pem"]).args(key).args(subject);
        ensure!(openssl.output().context("openssl")?.status.success(), "openssl made no certificate");
        let line: Value = serde_json::from_str(&demo.line)?;
        let configuration = line["configuration"].as_str().context("the demo names no configuration")?;
        let tls = "[server]\ntls = { cert_file = \"cert.pem\", key_file = \"key.pem\" }\n";
        let github = "[providers.github]\nrewrite_urls = true\n";
        let configuration =
            configuration.replacen("[server]\n", tls, 1).replacen("[providers.github]\n", github, 1)
                + GRAPHQL;
        std::fs::write(folder.join("gateway.toml"), configuration)?;
        let config = folder.join("gateway.toml").to_string_lossy().into_owned();
        let mut process = Process::start(root, &["serve", "--config", &config])?;
        drain(process.0.stdout.take().context("the gateway has no stdout")?);
        let mut reader = BufReader::new(process.0.stderr.take().context("the gateway has no stderr")?);
        let listen = loop {
            let mut line = String::new();
            ensure!(reader.read_line(&mut line)? > 0, "the gateway ended before it listened");
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["event"] == "listening" {
                break event["listen"].as_str().context("no address")?.to_owned();
            }
        };
        drain(reader);
        let (_, port) = listen.rsplit_once(':').context("an address without port")?;
        Ok(Self {
            _process: process,
            url: format!("https://localhost:{port}"),
            roots: folder.join("cert.pem"),
        })
    }
}

/// A process that ends with this value.
struct Process(Child);

impl Process {
    fn start(root: &Path, args: &[&str]) -> Result<Self> {
        let mut command = sh::command(root, &build::debug_binary(root)?.to_string_lossy());
        // A process that is killed leaves its temporary files behind.
        let temporary = root.join("target/tmp");
        std::fs::create_dir_all(&temporary)?;
        command.args(args).env("TMPDIR", temporary).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self(command.spawn().context("starting the gateway")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn first_line(pipe: impl std::io::Read + Send + 'static) -> Result<String> {
    let mut reader = BufReader::new(pipe);
    let mut line = String::new();
    reader.read_line(&mut line).context("reading what the demo prints")?;
    drain(reader);
    Ok(line)
}

/// Reads a pipe until the process ends. A full pipe would block the process.
fn drain(mut pipe: impl std::io::Read + Send + 'static) {
    std::thread::spawn(move || pipe.read_to_end(&mut Vec::new()));
}
