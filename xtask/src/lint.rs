//! Formatting, clippy and rustdoc with warnings denied, the libraries with ring, and the oldest compiler.

use crate::api::PUBLISHED;
use crate::{backends, sh};
use anyhow::{Result, ensure};
use std::path::Path;

/// The oldest compiler that the published crates build with: what their dependencies need.
const OLDEST: &str = "1.90.0";

pub(crate) fn run(root: &Path) -> Result<()> {
    sh::run(root, "cargo", &["fmt", "--all", "--check"])?;
    sh::run(root, "cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    sh::run(
        root,
        "cargo",
        &["clippy", "--package", "gateway", "--no-default-features", "--locked", "--", "-D", "warnings"],
    )?;
    backends::lint(root)?;
    let mut doc = sh::command(root, "cargo");
    doc.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
    sh::run_command(&mut doc)?;
    oldest(root)
}

/// Checks the published crates with the oldest compiler, where rustup has it.
fn oldest(root: &Path) -> Result<()> {
    if sh::output(root, "rustup", &["run", OLDEST, "rustc", "--version"]).is_err() {
        ensure!(
            std::env::var_os("DATA_REQUIRED").is_none(),
            "`rustup toolchain install {OLDEST}` is missing"
        );
        sh::say(&format!("lint: skipped Rust {OLDEST}, which rustup does not have"));
        return Ok(());
    }
    let mut check = sh::command(root, "rustup");
    check.args(["run", OLDEST, "cargo", "check", "--quiet", "--locked", "--lib", "--all-features"]);
    check.args(PUBLISHED.iter().flat_map(|(package, _)| ["--package", package]));
    sh::run_command(check.env("CARGO_TARGET_DIR", root.join("target/oldest")))
}
