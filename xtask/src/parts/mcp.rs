//! MCP SDKs, pinned, as clients of the endpoint of `gateway demo`.

use super::demo::Demo;
use crate::install::virtual_environment;
use crate::sh;
use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

const FOLDER: &str = "crates/gateway/tests/sdk/mcp";

/// Ports that are tried for the demo, which takes three in a row.
const TRIES: usize = 20;

pub(super) fn run(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    sh::run(&folder.join("node"), "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let python = virtual_environment(root, "mcp-venv", &folder.join("python/requirements.txt"))?;
    // The endpoint needs a public address, so the demo's port has to be known before it listens.
    let port = free_ports().context("no three ports in a row are free")?;
    let demo = Demo::start(root, &["--port", &port.to_string()])?;
    let mut node = sh::command(&folder.join("node"), "node");
    node.args(["--test", "--test-concurrency=1"]).env("DEMO", &demo.line);
    sh::run_command(&mut node)?;
    let mut tests = sh::command(&folder.join("python"), &python.to_string_lossy());
    tests.args(["-m", "unittest", "-v"]).env("DEMO", &demo.line);
    sh::run_command(&mut tests)
}

/// The first of three ports in a row that are free.
fn free_ports() -> Option<u16> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    (0..TRIES).find_map(|_| {
        let first = bind(0)?;
        let port = first.local_addr().ok()?.port();
        let _others = [bind(port.checked_add(1)?)?, bind(port.checked_add(2)?)?];
        Some(port)
    })
}
