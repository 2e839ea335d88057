//! `cargo xtask profile`: records which code warm calls run, for the optimiser (`crates/gateway/profile`).

use crate::{build, sh};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// Names of functions differ between a build for the host and one for a named target, so both are recorded: `cargo build --release`
/// and the release binary.
pub(crate) fn run(root: &Path) -> Result<()> {
    let place = root.join("target/profile");
    let raw = place.join("raw");
    let _ = std::fs::remove_dir_all(&raw);
    let mut plain = sh::command(root, "cargo");
    plain.args(["build", "--release", "--locked", "--package", "gateway"]);
    sh::run_command(recording(&mut plain, &raw).env("CARGO_TARGET_DIR", &place))?;
    let mut release = build::command(root, &place)?;
    sh::run_command(recording(&mut release, &raw))?;
    for binary in [place.join("release/gateway"), build::binary(root, &place)?] {
        let mut calls = sh::command(root, "cargo");
        calls.args(["bench", "--package", "gateway", "--bench", "proxy", "--locked", "--", "record"]);
        sh::run_command(calls.arg(binary))?;
    }
    let kept = root.join("crates/gateway/profile");
    let merged = kept.join("calls.profdata");
    let paths = [raw.as_path(), merged.as_path()].map(|path| path.to_string_lossy().into_owned());
    let merger = tool(root)?;
    let args = ["merge", "--sparse", paths[0].as_str(), "--output", paths[1].as_str()];
    sh::run(root, &merger.to_string_lossy(), &args)?;
    std::fs::write(kept.join("rustc-version"), sh::output(root, "rustc", &["-V"])?)?;
    sh::say(&format!("profile: {}", merged.display()));
    Ok(())
}

/// Has `profile/rustc.sh` instrument what it compiles. The bench must not be: its profile is not wanted.
fn recording<'a>(cargo: &'a mut std::process::Command, raw: &Path) -> &'a mut std::process::Command {
    cargo.env("IDP_GATEWAY_RECORD", raw)
}

/// The compiler's own `llvm-profdata`, which reads what it writes.
fn tool(root: &Path) -> Result<PathBuf> {
    sh::run(root, "rustup", &["component", "add", "llvm-tools"])?;
    let sysroot = sh::output(root, "rustc", &["--print", "sysroot"])?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(build::host(root)?).join("bin");
    folder.join("llvm-profdata").canonicalize().context("rustup has left no llvm-profdata")
}
