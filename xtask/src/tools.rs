//! Cargo's helper programs, pinned and installed from the registry when they are first needed.

use crate::sh;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of the registry with its version.
#[derive(Clone, Copy)]
pub(crate) struct Tool(&'static str, &'static str);

pub(crate) const AUDITABLE: Tool = Tool("cargo-auditable", "0.7.7");
pub(crate) const CYCLONEDX: Tool = Tool("cargo-cyclonedx", "0.5.9");
pub(crate) const DENY: Tool = Tool("cargo-deny", "0.20.2");
pub(crate) const FUZZ: Tool = Tool("cargo-fuzz", "0.13.2");
pub(crate) const MACHETE: Tool = Tool("cargo-machete", "0.9.2");
pub(crate) const MDBOOK: Tool = Tool("mdbook", "0.5.4");
pub(crate) const SEMVER_CHECKS: Tool = Tool("cargo-semver-checks", "0.51.0");

impl Tool {
    /// A command that runs this tool in `folder`. Built without optimisation: that takes half the time, and no tool runs long.
    pub(crate) fn command(self, root: &Path, folder: &Path) -> Result<Command> {
        Ok(sh::command(folder, &self.install(root)?.to_string_lossy()))
    }

    /// The program below `target/tools`, which CI may keep between runs.
    fn install(self, root: &Path) -> Result<PathBuf> {
        let Self(name, version) = self;
        let tools = root.join("target/tools");
        let place = tools.join(format!("{name}-{version}"));
        let program = place.join("bin").join(name);
        if !program.is_file() {
            let build = tools.join("build");
            let mut cargo = sh::command(root, "cargo");
            cargo.args(["install", "--quiet", "--locked", "--debug", name, "--version", version]);
            sh::run_command(cargo.arg("--root").arg(&place).arg("--target-dir").arg(&build))
                .with_context(|| format!("installing {name} {version}"))?;
            std::fs::remove_dir_all(build)?;
        }
        Ok(program)
    }
}
