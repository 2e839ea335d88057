//! Provider SDKs, pinned, as clients of `gateway demo`.

use super::demo::{Demo, TlsFront};
use crate::install::{ensure_program, virtual_environment};
use crate::sh;
use anyhow::Result;
use std::path::Path;

const FOLDER: &str = "crates/gateway/tests/sdk";

pub(crate) fn run(root: &Path) -> Result<()> {
    ensure_program(root, "node", "nodejs")?;
    ensure_program(root, "npm", "npm")?;
    ensure_program(root, "openssl", "openssl")?;
    let folder = root.join(FOLDER);
    sh::run(&folder.join("node"), "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let python = virtual_environment(root, "sdk-venv", &folder.join("python/requirements.txt"))?;
    let demo = Demo::start(root)?;
    let front = TlsFront::start(root, &demo)?;
    let mut node = sh::command(&folder.join("node"), "node");
    node.args(["--import", "./dns.mjs", "--test", "--test-concurrency=1"]);
    node.env("DEMO", &demo.line).env("GATEWAY_TLS", &front.url).env("NODE_EXTRA_CA_CERTS", &front.roots);
    sh::run_command(&mut node)?;
    let mut tests = sh::command(&folder.join("python"), &python.to_string_lossy());
    tests.args(["-m", "unittest", "-v"]).env("DEMO", &demo.line);
    sh::run_command(&mut tests)
}
