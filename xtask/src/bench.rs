//! `cargo xtask bench`: the benchmarks, which say themselves what they must reach: the gateway beside a bare hyper proxy, and the
//! leak guard alone.

use crate::{build, install, sh};
use anyhow::Result;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Interleaved rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Users with a warm cache.
    #[arg(long, default_value_t = 1000)]
    users: u32,
    /// Requests in each round.
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Measures what hostile requests and stalled clients cost, and nothing else.
    #[arg(long)]
    hostile: bool,
    /// Counts the instructions of a warm request, with and without rules and quotas, and nothing else. Needs valgrind.
    #[arg(long, conflicts_with = "hostile")]
    instructions: bool,
    /// Measures this binary instead of building the release one.
    #[arg(long)]
    gateway: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let gateway = match &options.gateway {
        Some(binary) => binary.canonicalize()?,
        None => build::release_binary(root)?,
    };
    let Options { rounds, users, requests, .. } = options;
    let mut contest = sh::command(root, "cargo");
    contest.args(["bench", "--package", "gateway", "--bench", "proxy", "--locked", "--"]);
    if options.hostile {
        contest.arg("hostile").arg(gateway).arg(rounds.to_string());
        return sh::run_command(&mut contest);
    }
    if options.instructions {
        install::ensure_program(root, "valgrind", "valgrind")?;
        contest.arg("instructions").arg(gateway);
        return sh::run_command(&mut contest);
    }
    contest.arg("compete").arg(gateway).args([rounds.to_string(), users.to_string(), requests.to_string()]);
    sh::run_command(&mut contest)?;
    sh::run(root, "cargo", &["bench", "--package", "leak-guard", "--bench", "scrub", "--locked"])
}
