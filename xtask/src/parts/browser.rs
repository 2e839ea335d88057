//! The example single-page app and the console, driven in the distribution's Chromium.

use super::demo::Demo;
use crate::install::ensure_program;
use crate::sh;
use anyhow::Result;
use std::path::Path;

const FOLDER: &str = "crates/gateway/tests/browser";

pub(crate) fn run(root: &Path) -> Result<()> {
    ensure_program(root, "node", "nodejs")?;
    ensure_program(root, "npm", "npm")?;
    ensure_program(root, "chromium", "chromium")?;
    let folder = root.join(FOLDER);
    sh::run(&folder, "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let demo = Demo::start(root)?;
    let mut node = sh::command(&folder, "node");
    node.args(["--test"]).env("DEMO", &demo.line).env("CHROMIUM", "chromium");
    sh::run_command(&mut node)
}
