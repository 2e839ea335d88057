//! Provider SDKs, pinned, as clients of `gateway demo`.

use super::{ensure_program, virtual_environment};
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Stdio};

const FOLDER: &str = "crates/gateway/tests/sdk";

pub(super) fn run(root: &Path) -> Result<()> {
    ensure_program(root, "node", "nodejs")?;
    ensure_program(root, "npm", "npm")?;
    let folder = root.join(FOLDER);
    sh::run(&folder.join("node"), "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let python = virtual_environment(root, "sdk-venv", &folder.join("python/requirements.txt"))?;
    let demo = Demo::start(root)?;
    let mut node = sh::command(&folder.join("node"), "node");
    node.args(["--import", "./dns.mjs", "--test", "--test-concurrency=1"]);
    node.env("DEMO", &demo.description).env("NODE_EXTRA_CA_CERTS", &demo.description);
    sh::run_command(&mut node)?;
    let mut tests = sh::command(&folder.join("python"), &python.to_string_lossy());
    tests.args(["-m", "unittest", "-v"]).env("DEMO", &demo.description);
    sh::run_command(&mut tests)
}

/// A running `gateway demo`, ended when dropped.
pub(super) struct Demo {
    child: Child,
    /// The JSON object that `gateway demo --json` prints: addresses and caller tokens.
    pub(super) description: String,
}

impl Demo {
    pub(super) fn start(root: &Path) -> Result<Self> {
        sh::run(root, "cargo", &["build", "--package", "gateway", "--locked"])?;
        let mut child = sh::command(root, "target/debug/gateway")
            .args(["demo", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("target/debug/gateway demo --json")?;
        let stdout = child.stdout.take().context("the demo has no stdout")?;
        let stderr = child.stderr.take().context("the demo has no stderr")?;
        // Both pipes are drained for as long as the demo lives; a full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut BufReader::new(stderr), &mut std::io::sink()));
        let mut reader = BufReader::new(stdout);
        let mut description = String::new();
        reader.read_line(&mut description).context("reading what the demo prints")?;
        std::thread::spawn(move || reader.read_to_end(&mut Vec::new()));
        let demo = Self { child, description };
        ensure!(
            demo.description.trim_start().starts_with('{'),
            "the demo did not start; run `gateway demo` to see why"
        );
        Ok(demo)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Already gone is as good as ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
