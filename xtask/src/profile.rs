//! `cargo xtask profile`: records which code warm calls run, for the optimiser (`crates/gateway/profile`).

use crate::{build, sh};
use anyhow::Result;
use std::path::Path;
use xshell::{Shell, cmd};

/// The names of functions differ between a build for the host and one for a named target. So both are recorded: `cargo build --release`
/// and the release binary.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let raw = sh::fresh(sh, "target/profile/raw")?;
    let place = sh.current_dir().join("target/profile");
    let plain = cmd!(sh, "cargo build --release --locked --package gateway").env("CARGO_TARGET_DIR", &place);
    for build in [plain, build::command(sh, &place)?] {
        // `profile/rustc.sh` instruments what it compiles.
        build.env("IDP_GATEWAY_RECORD", &raw).run()?;
    }
    for binary in [place.join("release/gateway"), place.join(build::host(sh)?).join("release/gateway")] {
        cmd!(sh, "cargo bench --package gateway --bench proxy --locked -- record {binary}").run()?;
    }
    // The compiler's own merger reads what it has written.
    cmd!(sh, "rustup component add llvm-tools").run()?;
    let sysroot = cmd!(sh, "rustc --print sysroot").read()?;
    let tools = Path::new(&sysroot).join("lib/rustlib").join(build::host(sh)?).join("bin/llvm-profdata");
    cmd!(sh, "{tools} merge --sparse {raw} --output crates/gateway/profile/calls.profdata").run()?;
    sh.copy_file("target/profile/raw.builds", "crates/gateway/profile/builds")?;
    sh.write_file("crates/gateway/profile/rustc-version", cmd!(sh, "rustc -V").read()?)?;
    sh::say("profile: commit crates/gateway/profile");
    Ok(())
}
