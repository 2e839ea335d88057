//! The stores against a server of the distribution.

use crate::sh;
use anyhow::Result;
use std::path::Path;

pub(super) fn run(root: &Path, full: bool) -> Result<()> {
    super::ensure_program(root, "redis-server", "redis-server")?;
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--package", "token-broker", "--package", "gateway", "--locked", "redis"]);
    tests.env("REDIS_SERVER", "redis-server");
    if full {
        tests.env("FLEET_ROUNDS", "100");
    }
    sh::run_command(&mut tests)
}
