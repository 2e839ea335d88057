//! The gateway binary: hardens the process, installs the crypto provider and hands over to the command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// Most of what a request allocates is small and short-lived. Memory is overwritten when it is freed: buffers that held a token
/// would stay as they are until something else is put there.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    gateway::hardening::apply();
    // Fails only when something has installed a provider before, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    gateway::cli::main()
}
