//! What the process asks of the kernel before it holds its first secret (threat S04).
//!
//! Not dumpable: no core file, no `ptrace` and no `/proc/PID/mem` for other processes of the same user. A core limit of
//! zero says the same to a `core_pattern` that pipes dumps elsewhere. Both are inherited by nothing: the gateway starts no
//! other programs.

use rustix::process::{Resource, Rlimit};

/// Asks the kernel. What it refuses is reported by [`missing`], which `serve` logs.
pub fn apply() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// What is not in force, in words for operators; empty when all is.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    #[cfg(target_os = "linux")]
    if !matches!(rustix::process::dumpable_behavior(), Ok(rustix::process::DumpableBehavior::NotDumpable)) {
        missing.push("the process can be dumped and traced by its own user");
    }
    if rustix::process::getrlimit(Resource::Core).current != Some(0) {
        missing.push("the limit on core files is not zero");
    }
    missing
}
