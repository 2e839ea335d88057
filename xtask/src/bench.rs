//! `cargo xtask bench`: the benchmarks, which say themselves what they must reach: the gateway beside other proxies, and the leak guard
//! alone.

use crate::{build, install};
use anyhow::Result;
use xshell::{Shell, cmd};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What the benchmark takes: see `cargo xtask bench -- --help`. Without `--gateway FILE` the release binary is built.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(sh: &Shell, Options { args }: &Options) -> Result<()> {
    let has = |name: &str| args.iter().any(|arg| arg.starts_with(name));
    let contest = cmd!(sh, "cargo bench --package gateway --bench proxy --locked");
    if has("--instructions") {
        install::programs(sh, &[("valgrind", "valgrind")])?;
        return Ok(contest.args(["--profile", "counted", "--"]).args(args).run()?);
    }
    let mut contest = contest.arg("--").args(args);
    if !["--gateway", "--render", "--help"].into_iter().any(has) {
        contest = contest.arg("--gateway").arg(build::release_binary(sh)?);
    }
    contest.run()?;
    if args.is_empty() {
        cmd!(sh, "cargo bench --package leak-guard --bench scrub --locked").run()?;
    }
    Ok(())
}

/// The gate of CI: no configuration costs more instructions than it did.
pub(crate) fn gate(sh: &Shell) -> Result<()> {
    run(sh, &Options { args: vec!["--instructions".to_owned()] })
}
