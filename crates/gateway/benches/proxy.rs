//! The gateway beside a bare reverse proxy, nginx and Envoy, which `cargo xtask bench` runs: the contest, and its roles, a proxy to
//! compare with, a fake provider and tenant, and a load generator. Each is a process of its own, so that the processor time of each
//! can be told apart.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it stops where it fails"
)]

#[path = "proxy/bodies.rs"]
mod bodies;
#[path = "proxy/compete.rs"]
mod compete;
#[path = "proxy/contest.rs"]
mod contest;
#[path = "proxy/figures.rs"]
mod figures;
#[path = "proxy/hold.rs"]
mod hold;
#[path = "proxy/hostile.rs"]
mod hostile;
#[path = "proxy/instructions.rs"]
mod instructions;
#[path = "proxy/load.rs"]
mod load;
#[path = "proxy/plot.rs"]
mod plot;
#[path = "proxy/record.rs"]
mod record;
#[path = "proxy/report.rs"]
mod report;
#[path = "proxy/rivals.rs"]
mod rivals;
#[path = "proxy/stage.rs"]
mod stage;
#[path = "proxy/swap.rs"]
mod swap;
#[path = "proxy/world.rs"]
mod world;

use std::path::PathBuf;

use clap::Parser;

/// The gateway beside a bare hyper proxy, nginx and Envoy.
#[derive(Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// The gateway to measure. The default was built with the benchmark: not a release, good for counting.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_gateway"))]
    gateway: PathBuf,
    /// What hostile requests and stalled clients cost, and nothing else.
    #[arg(long)]
    hostile: bool,
    /// Counts the instructions of a warm request by configuration, and compares them with the kept ones. Needs valgrind.
    #[arg(long, conflicts_with = "hostile")]
    instructions: bool,
    /// Keeps the counts that were found.
    #[arg(long, requires = "instructions")]
    bless: bool,
    /// Counts the first row and those whose names hold this text, no others.
    #[arg(long, requires = "instructions", conflicts_with = "bless", default_value = "")]
    only: String,
    /// Measures nothing: makes table and plot of the documentation from this file of figures.
    #[arg(long, value_name = "FILE")]
    render: Option<PathBuf>,
    #[command(flatten)]
    contest: compete::Options,
}

/// The processes of a run.
#[derive(clap::Subcommand)]
#[command(disable_help_subcommand = true)]
enum Role {
    /// A tenant and a provider.
    #[command(hide = true)]
    World { users: u32 },
    /// The bare proxy.
    #[command(hide = true)]
    Swap { listen: String, upstream: String, token: String },
    /// The load generator.
    #[command(hide = true)]
    Load { settings: String },
    /// Clients that begin and do not go on.
    #[command(hide = true)]
    Hold { settings: String },
    /// The calls that a profile is recorded with.
    #[command(hide = true)]
    Record { gateway: PathBuf },
}

fn main() {
    let args: Vec<_> = std::env::args_os().filter(|arg| arg != "--bench").collect();
    if args.len() == 1 {
        // Without arguments `cargo bench` only proves that it compiles.
        return println!("run `cargo xtask bench`");
    }
    // Cargo starts benchmarks in the folder of their package.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).unwrap();
    let cli = Cli::parse_from(args);
    // The roles have one thread each.
    let one = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let many = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match cli.role {
        Some(Role::World { users }) => one().block_on(world::run(users)),
        Some(Role::Swap { listen, upstream, token }) => one().block_on(swap::run(&listen, &upstream, &token)),
        Some(Role::Load { settings }) => println!("{}", one().block_on(load::run(&settings))),
        Some(Role::Hold { settings }) => one().block_on(hold::run(&settings)),
        Some(Role::Record { gateway }) => many().block_on(record::run(&gateway)),
        None if cli.instructions => many().block_on(instructions::run(&cli.gateway, cli.bless, &cli.only)),
        None if cli.hostile => many().block_on(hostile::run(&cli.gateway, cli.contest.rounds)),
        None => match &cli.render {
            Some(file) => report::render(file),
            None => many().block_on(compete::run(&cli.gateway, &cli.contest)),
        },
    }
}
