//! The stores against a server of the distribution.

use crate::sh;
use anyhow::Result;
use std::path::Path;

pub(super) fn run(root: &Path, full: bool) -> Result<()> {
    super::ensure_program(root, "redis-server", "redis-server")?;
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--package", "token-broker", "--package", "gateway", "--locked", "--", "redis"]);
    tests.env("REDIS_SERVER", "redis-server");
    if full {
        // The long rounds of the file store need no server, and time all the same.
        tests.arg("no_kill_loses").env("FLEET_ROUNDS", "100");
    }
    sh::run_command(&mut tests)
}
