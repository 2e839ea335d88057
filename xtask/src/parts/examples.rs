//! The examples of the documentation against a running demo: the TypeScript client, also as a package for npm, and the Node,
//! Python and React apps.

use super::{browser, demo::Demo, ports::free_ports};
use crate::{client, sh};
use anyhow::Result;
use std::path::Path;

/// Each file has a demo of its own: a user whom one has read is known to the gateway, and a consent changes more.
const FILES: [&str; 3] = ["backends.test.mjs", "client.test.mjs", "react.test.mjs"];

pub(crate) fn run(root: &Path) -> Result<()> {
    browser::prepare(root)?;
    let folder = root.join("crates/gateway/tests/examples");
    client::prepare(root)?;
    client::try_out(root, &client::pack(root, &root.join("target"))?)?;
    for built in ["client", "react"] {
        sh::run(&folder, "npm", &["run", "--silent", built])?;
    }
    let origin = format!("http://127.0.0.1:{}", free_ports(1)?);
    for file in FILES {
        let demo = Demo::start(root, &["--origin", &origin])?;
        let mut node = sh::command(&folder, "node");
        node.args(["--test", file]).env("DEMO", &demo.line).env("CHROMIUM", "chromium");
        sh::run_command(node.env("APP_ORIGIN", &origin))?;
    }
    Ok(())
}
