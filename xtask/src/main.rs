//! Everything a maintainer runs: `cargo xtask <command>`. One file per command; this one only dispatches.

mod api;
mod bench;
mod build;
mod chart;
mod ci;
mod client;
mod dist;
mod docs;
mod fuzz;
mod image;
mod install;
mod lint;
mod monitoring;
mod package;
mod parts;
mod profile;
mod release;
mod sh;
mod supply;
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
    /// Checks the dependencies: advisories, licences, sources, bans (cargo-deny), and unused ones (cargo-machete).
    Advisories,
    /// Renders every scenario of the Helm chart, compares, validates, and lets `gateway check` read the configurations.
    Chart(chart::Options),
    /// Snapshots of the public API of the libraries.
    Api(api::Options),
    /// The gateway beside a bare hyper proxy, nginx and Envoy; instructions by feature. Reports against the goals.
    Bench(bench::Options),
    /// The configuration reference, the table of contents, links; the book when it is asked for.
    Docs(docs::Options),
    /// Releases, step by step; changes nothing without `--execute`.
    #[command(subcommand)]
    Release(release::Step),
    /// The static release binary alone, with the list of its dependencies inside.
    Binary(build::Options),
    /// Static binary, completions, manual page, bill of materials and checksums, in `target/dist`.
    Dist,
    /// Builds the container image with Buildah and runs it as the restricted profile would.
    Image(image::Options),
    /// What CI runs, in the same order: tidy, advisories, docs, lint, api, test, instructions, chart, package.
    Ci,
    /// Runs the fuzz targets for a while.
    Fuzz(fuzz::Options),
    /// Formatting, clippy and rustdoc, warnings denied.
    Lint,
    /// Alert rules, their firing and quiet cases, their runbooks, the dashboard.
    Monitoring(monitoring::Options),
    /// Packages the libraries as for the registry, and builds each on its own.
    Package,
    /// Records what the optimiser should know of warm calls (`crates/gateway/profile`); done before a release.
    Profile,
    /// `cargo test --workspace`, then one pass with each real part (Redis, PostgreSQL, provider SDKs, Chromium).
    Test(test::Options),
    /// Checks the repository itself: crate edges, imports, sizes, words, hazards.
    Tidy(tidy::Options),
}

fn main() -> ExitCode {
    run(Cli::parse().command).map_or_else(
        |error| {
            sh::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run(command: Command) -> anyhow::Result<()> {
    let sh = &sh::root()?;
    match command {
        Command::Advisories => supply::run(sh),
        Command::Chart(options) => chart::run(sh, &options),
        Command::Api(options) => api::run(sh, &options),
        Command::Bench(options) => bench::run(sh, &options),
        Command::Docs(options) => docs::run(sh, &options),
        Command::Release(step) => release::run(sh, &step),
        Command::Binary(options) => build::run(sh, &options),
        Command::Dist => dist::run(sh),
        Command::Image(options) => image::run(sh, &options),
        Command::Ci => ci::run(sh),
        Command::Fuzz(options) => fuzz::run(sh, &options),
        Command::Lint => lint::run(sh),
        Command::Monitoring(options) => monitoring::run(sh, &options),
        Command::Package => package::run(sh, true),
        Command::Profile => profile::run(sh),
        Command::Test(options) => test::run(sh, &options),
        Command::Tidy(options) => tidy::run(sh, &options),
    }
}
