//! The gateway binary: hardens the process, installs the crypto provider and hands over to the command line.

use std::process::ExitCode;

/// The system's allocator merges and splits the short-lived blocks of each request; this one keeps them by size and thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gateway::hardening::apply();
    // Fails only when something has installed a provider before, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    gateway::cli::main()
}
