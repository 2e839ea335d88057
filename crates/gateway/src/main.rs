//! The gateway binary: hardens the process, installs the crypto provider and hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::hardening::apply();
    // Fails only when something has installed a provider before, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    gateway::cli::main()
}
