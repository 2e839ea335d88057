//! The example single-page app, the console and the examples of the documentation, driven in the distribution's Chromium.

use super::demo::{Demo, free_ports};
use crate::{client, install};
use anyhow::Result;
use xshell::{Shell, cmd};

const FOLDER: &str = "crates/gateway/tests/browser";
const EXAMPLES: &str = "crates/gateway/tests/examples";

/// An app of one's own, beside the ports of the demo.
const APP_ORIGIN: &str = "http://localhost:28090";

/// Each file with the arguments of its demo.
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

pub(crate) fn run(sh: &Shell) -> Result<()> {
    prepare(sh)?;
    for (file, arguments) in FILES {
        Demo::start(sh, arguments)?.test(sh, FOLDER, "node", file, &[("APP_ORIGIN", APP_ORIGIN)])?;
    }
    Ok(())
}

/// The TypeScript client, also as a package for npm, and the Node, Python and React apps.
pub(crate) fn examples(sh: &Shell) -> Result<()> {
    prepare(sh)?;
    client::package(sh, &sh.current_dir().join("target"))?;
    for built in ["client", "react"] {
        let _folder = sh.push_dir(EXAMPLES);
        cmd!(sh, "npm run --silent {built}").run()?;
    }
    let origin = format!("http://127.0.0.1:{}", free_ports(1)?);
    for file in ["backends.test.mjs", "client.test.mjs", "react.test.mjs"] {
        let demo = Demo::start(sh, &["--origin", &origin])?;
        demo.test(sh, EXAMPLES, "node", file, &[("APP_ORIGIN", &origin)])?;
    }
    Ok(())
}

/// What tests in a browser need: the browser, and the packages that they share.
fn prepare(sh: &Shell) -> Result<()> {
    install::programs(sh, &[("chromium", "chromium")])?;
    install::npm(sh, FOLDER)
}
