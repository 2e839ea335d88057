//! Programs of the distribution and Python packages, installed where they are missing.

use crate::sh;
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};

/// Makes sure that a program of the distribution is there: installs the package as root, else says what to install.
pub(crate) fn ensure_program(root: &Path, program: &str, package: &str) -> Result<()> {
    ensure_package(root, program, package, &|| sh::found(program))
}

/// Makes sure that a server of the distribution is there, and says where: Debian keeps PostgreSQL's programs out of the path.
pub(crate) fn server(root: &Path, program: &str, package: &str) -> Result<PathBuf> {
    let kept = || {
        let versions = std::fs::read_dir(Path::new("/usr/lib").join(package)).ok()?;
        let programs = versions.flatten().map(|version| version.path().join("bin").join(program));
        programs.filter(|program| program.exists()).max()
    };
    ensure_package(root, program, package, &|| sh::found(program) || kept().is_some())?;
    Ok(if sh::found(program) { program.into() } else { kept().unwrap_or_default() })
}

/// The same for a file.
pub(crate) fn ensure_file(root: &Path, file: &str, package: &str) -> Result<()> {
    ensure_package(root, file, package, &|| Path::new(file).exists())
}

fn ensure_package(root: &Path, what: &str, package: &str, found: &dyn Fn() -> bool) -> Result<()> {
    if found() {
        return Ok(());
    }
    if !sh::found("apt-get") || !sh::is_root() {
        bail!("`{what}` is missing: install the package `{package}` of your distribution and run this again");
    }
    sh::run(root, "apt-get", &["update", "-qq"])?;
    sh::run(root, "apt-get", &["install", "-y", "-qq", "--no-install-recommends", package])?;
    ensure!(found(), "the package `{package}` is installed, but `{what}` is not to be found");
    Ok(())
}

/// A Python virtual environment with pinned packages, kept below `target` between runs.
pub(crate) fn virtual_environment(root: &Path, name: &str, requirements: &Path) -> Result<PathBuf> {
    let place = root.join("target").join(name);
    let python = place.join("bin/python");
    if !python.exists() {
        sh::run(root, "python3", &["-m", "venv", &place.to_string_lossy()])?;
    }
    let pip =
        ["-m", "pip", "install", "--quiet", "--no-compile", "--requirement", &requirements.to_string_lossy()];
    sh::run(root, &python.to_string_lossy(), &pip)?;
    Ok(python)
}
