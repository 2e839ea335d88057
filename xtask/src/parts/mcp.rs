//! MCP SDKs, pinned, as clients of the endpoint of `gateway demo`.

use super::{demo::Demo, ports::free_ports};
use crate::install::virtual_environment;
use crate::sh;
use anyhow::Result;
use std::path::Path;

const FOLDER: &str = "crates/gateway/tests/sdk/mcp";

pub(super) fn run(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    sh::run(&folder.join("node"), "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let python = virtual_environment(root, "mcp-venv", &folder.join("python/requirements.txt"))?;
    // The endpoint needs a public address, so the demo's port has to be known before it listens.
    let port = free_ports(3)?;
    let demo = Demo::start(root, &["--port", &port.to_string()])?;
    let mut node = sh::command(&folder.join("node"), "node");
    node.args(["--test", "--test-concurrency=1"]).env("DEMO", &demo.line);
    sh::run_command(&mut node)?;
    let mut tests = sh::command(&folder.join("python"), &python.to_string_lossy());
    tests.args(["-m", "unittest", "-v"]).env("DEMO", &demo.line);
    sh::run_command(&mut tests)
}
