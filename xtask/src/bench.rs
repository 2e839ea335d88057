//! `cargo xtask bench`: the benchmarks, which say themselves what they must reach: the gateway beside a bare hyper proxy, and the
//! leak guard alone.

use crate::{build, install};
use anyhow::Result;
use std::path::PathBuf;
use xshell::{Shell, cmd};

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

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let gateway = match &options.gateway {
        Some(binary) => binary.canonicalize()?,
        None => build::release_binary(sh)?,
    };
    let [rounds, users, requests] =
        [options.rounds.to_string(), options.users.to_string(), options.requests.to_string()];
    let contest = cmd!(sh, "cargo bench --package gateway --bench proxy --locked --");
    if options.hostile {
        return Ok(contest.arg("hostile").arg(gateway).arg(rounds).run()?);
    }
    if options.instructions {
        install::programs(sh, &[("valgrind", "valgrind")])?;
        return Ok(contest.arg("instructions").arg(gateway).run()?);
    }
    contest.arg("compete").arg(gateway).args([rounds, users, requests]).run()?;
    Ok(cmd!(sh, "cargo bench --package leak-guard --bench scrub --locked").run()?)
}
