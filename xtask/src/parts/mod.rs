//! The real parts that users have: each is fetched where it can be, and one pass of tests runs against it.

mod browser;
mod demo;
mod haproxy;
mod prometheus;
mod redis;
mod sdk;

use crate::sh;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// A real part.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Part {
    /// A Redis or Valkey server under the token broker's stores.
    Redis,
    /// Prometheus scraping a running gateway with our rules.
    Prometheus,
    /// Provider SDKs from npm and PyPI as clients of a running gateway.
    Sdk,
    /// HAProxy ahead of a running gateway and behind it.
    Haproxy,
    /// The example single-page app in Chromium.
    Browser,
}

impl Part {
    /// What `cargo xtask test` runs after the workspace's own tests.
    pub(crate) const ALL: [Self; 5] =
        [Self::Redis, Self::Haproxy, Self::Prometheus, Self::Sdk, Self::Browser];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Redis => "Redis server",
            Self::Prometheus => "Prometheus",
            Self::Haproxy => "HAProxy",
            Self::Sdk => "provider SDKs",
            Self::Browser => "browser",
        }
    }

    /// Runs the pass; `full` with its long rounds.
    pub(crate) fn run(self, root: &Path, full: bool) -> Result<()> {
        match self {
            Self::Redis => redis::run(root, full),
            Self::Prometheus => prometheus::run(root),
            Self::Haproxy => haproxy::run(root),
            Self::Sdk => sdk::run(root),
            Self::Browser => browser::run(root),
        }
    }
}

/// Makes sure that a program of the distribution is there: installs the package as root, else says what to install.
pub(crate) fn ensure_program(root: &Path, program: &str, package: &str) -> Result<()> {
    if sh::found(program) {
        return Ok(());
    }
    if !sh::found("apt-get") || !sh::is_root() {
        bail!(
            "`{program}` is missing: install the package `{package}` of your distribution and run this again"
        );
    }
    sh::run(root, "apt-get", &["update", "-qq"])?;
    sh::run(root, "apt-get", &["install", "-y", "-qq", "--no-install-recommends", package])
}

/// A Python virtual environment with pinned packages, kept below `target` between runs.
pub(crate) fn virtual_environment(root: &Path, name: &str, requirements: &Path) -> Result<PathBuf> {
    let place = root.join("target").join(name);
    let python = place.join("bin/python");
    if !python.exists() {
        sh::run(root, "python3", &["-m", "venv", &place.to_string_lossy()])?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--requirement", &requirements.to_string_lossy()];
    sh::run(root, &python.to_string_lossy(), &pip)?;
    Ok(python)
}
