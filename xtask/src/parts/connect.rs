//! Hosted connect with another OpenID provider, and webhooks verified by their own library: gateways of the tests' own over the
//! sandbox of a demo.

use super::demo::Demo;
use crate::{build, sh};
use anyhow::Result;
use std::path::Path;

const FOLDER: &str = "crates/gateway/tests/sdk/connect/node";

pub(super) fn run(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    sh::run(&folder, "npm", &["ci", "--no-audit", "--no-fund", "--silent"])?;
    let gateway = build::debug_binary(root)?;
    for file in ["oidc.test.mjs", "webhooks.test.mjs"] {
        let demo = Demo::start(root, &[])?;
        // The library needs a newer Node than distributions have.
        let mut node = sh::command(&folder, "node_modules/.bin/node");
        node.args(["--test", file]).env("DEMO", &demo.line).env("GATEWAY", &gateway);
        sh::run_command(&mut node)?;
    }
    Ok(())
}
