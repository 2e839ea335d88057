//! The real parts that users have: each is fetched where it can be, and one pass of tests runs against it.

mod browser;
mod demo;
mod sdk;

use anyhow::Result;
use std::path::Path;

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

    /// Runs the pass.
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        match self {
            // Tests of the workspace start these themselves.
            Self::Redis | Self::Haproxy | Self::Prometheus => Ok(()),
            Self::Sdk => sdk::run(root),
            Self::Browser => browser::run(root),
        }
    }
}
