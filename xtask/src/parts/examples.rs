//! The examples of the documentation against a running demo: the TypeScript client, and the Node, Python and React apps.

use super::{browser, demo::Demo};
use crate::sh;
use anyhow::Result;
use std::net::TcpListener;
use std::path::Path;

pub(crate) fn run(root: &Path) -> Result<()> {
    browser::prepare(root)?;
    let folder = root.join("crates/gateway/tests/examples");
    sh::run(&folder, "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let origin = format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?);
    let demo = Demo::start(root, &["--origin", &origin])?;
    let mut tests = sh::command(&folder, "npm");
    tests.args(["test", "--silent"]).env("DEMO", &demo.line).env("CHROMIUM", "chromium");
    sh::run_command(tests.env("APP_ORIGIN", &origin))
}
