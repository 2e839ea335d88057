//! Formatting, clippy and rustdoc with warnings denied.

use crate::sh;
use anyhow::Result;
use std::path::Path;

pub(crate) fn run(root: &Path) -> Result<()> {
    sh::run(root, "cargo", &["fmt", "--all", "--check"])?;
    sh::run(root, "cargo", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    sh::run(
        root,
        "cargo",
        &["clippy", "--package", "gateway", "--no-default-features", "--locked", "--", "-D", "warnings"],
    )?;
    let mut doc = sh::command(root, "cargo");
    doc.args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
    sh::run_command(&mut doc)
}
