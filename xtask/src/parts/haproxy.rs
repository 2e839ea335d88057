//! HAProxy of the distribution ahead of the gateway and behind it: both must read every raw payload in the same way.

use crate::sh;
use anyhow::{Result, ensure};
use std::path::Path;

pub(super) fn run(root: &Path) -> Result<()> {
    super::ensure_program(root, "haproxy", "haproxy")?;
    // Distributions install it where only root's PATH leads.
    ensure!(sh::found("haproxy"), "`haproxy` is installed, but its folder is not in PATH");
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--package", "gateway", "--test", "it", "--locked", "haproxy"]);
    sh::run_command(tests.env("HAPROXY", "haproxy"))
}
