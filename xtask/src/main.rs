//! Everything a maintainer runs: `cargo xtask <command>`. One file per command; this one only dispatches.

mod chart;
mod ci;
mod lint;
mod parts;
mod sh;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Everything a maintainer of idp-gateway runs", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Renders every scenario of the Helm chart, compares, validates, and lets `gateway check` read the configurations.
    Chart(chart::Options),
    /// What CI runs, in the same order: tidy, lint, test.
    Ci,
    /// Formatting, clippy and rustdoc, warnings denied.
    Lint,
    /// `cargo test --workspace`, then one pass with each real part (Redis, provider SDKs, Chromium).
    Test(test::Options),
    /// Checks the repository itself: crate edges, sizes, words, links.
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            sh::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let root = sh::root()?;
    match command {
        Command::Chart(options) => chart::run(&root, &options),
        Command::Ci => ci::run(&root),
        Command::Lint => lint::run(&root),
        Command::Test(options) => test::run(&root, &options),
        Command::Tidy => tidy::run(&root),
    }
}
