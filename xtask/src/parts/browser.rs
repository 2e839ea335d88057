//! The example single-page app and the console, driven in the distribution's Chromium.

use super::demo::Demo;
use crate::install::ensure_program;
use crate::sh;
use anyhow::Result;
use std::path::{Path, PathBuf};

const FOLDER: &str = "crates/gateway/tests/browser";

/// An app of one's own, beside the ports of the demo.
const APP_ORIGIN: &str = "http://localhost:28090";

/// Each file has a demo of its own: a consent in one does not change the others.
const FILES: [(&str, &[&str]); 8] = [
    ("app.test.mjs", &[]),
    ("console.test.mjs", &[]),
    ("keyboard.test.mjs", &[]),
    // Hosted connect and the MCP endpoint need to know the gateway's address beforehand.
    ("connect.test.mjs", &["--port", "28080"]),
    ("mcp.test.mjs", &["--port", "28080"]),
    ("tls.test.mjs", &["--port", "28080", "--tls"]),
    ("own-app.test.mjs", &["--port", "28080", "--origin", APP_ORIGIN]),
    ("pages.test.mjs", &["--port", "28080"]),
];

pub(crate) fn run(root: &Path) -> Result<()> {
    let folder = prepare(root)?;
    for (file, arguments) in FILES {
        let demo = Demo::start(root, arguments)?;
        let mut node = sh::command(&folder, "node");
        node.args(["--test", file])
            .env("DEMO", &demo.line)
            .env("CHROMIUM", "chromium")
            .env("APP_ORIGIN", APP_ORIGIN);
        sh::run_command(&mut node)?;
    }
    Ok(())
}

/// What tests in a browser need. Returns the folder with the packages that they share.
pub(super) fn prepare(root: &Path) -> Result<PathBuf> {
    ensure_program(root, "node", "nodejs")?;
    ensure_program(root, "npm", "npm")?;
    ensure_program(root, "chromium", "chromium")?;
    let folder = root.join(FOLDER);
    sh::run(&folder, "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    Ok(folder)
}
