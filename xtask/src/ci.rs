//! Everything CI runs, in the order in which a failure is cheapest to learn.

use crate::{api, chart, docs, lint, package, sh, supply, test, tidy};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// The command that the README gives newcomers for testing; CI runs that and nothing else.
const TEST_COMMAND: &str = "cargo xtask test";

pub(crate) fn run(root: &Path) -> Result<()> {
    let readme = std::fs::read_to_string(root.join("README.md")).context("README.md")?;
    ensure!(
        readme.lines().any(|line| line.trim() == TEST_COMMAND),
        "README.md no longer gives `{TEST_COMMAND}` as the test command; CI runs what the README says"
    );
    tidy::run(root, &tidy::Options::default())?;
    supply::run(root)?;
    docs::check(root, false)?;
    lint::run(root)?;
    api::run(root, &api::Options::default())?;
    test::run(root, &test::Options::default())?;
    chart::run(root, &chart::Options::default())?;
    package::run(root, true)?;
    sh::say("ci: all green");
    Ok(())
}
