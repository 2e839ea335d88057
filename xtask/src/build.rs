//! The static release binary, which image and archives are made of.

use crate::{sh, tools};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to leave it.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let binary = release_binary(root)?;
    std::fs::copy(&binary, &options.out).with_context(|| options.out.display().to_string())?;
    Ok(())
}

/// Builds the static binary. The target is named so that the flags do not reach build scripts and procedural macros,
/// which must stay dynamic. Paths are mapped away: a binary does not depend on where it was built.
pub(crate) fn release_binary(root: &Path) -> Result<PathBuf> {
    binary_in(root, &root.join("target"))
}

/// The same into another target folder.
pub(crate) fn binary_in(root: &Path, target: &Path) -> Result<PathBuf> {
    sh::run_command(&mut command(root, target)?)?;
    binary(root, target)
}

/// Where [`command`] leaves the binary.
pub(crate) fn binary(root: &Path, target: &Path) -> Result<PathBuf> {
    let binary = target.join(host(root)?).join("release/gateway");
    ensure!(binary.is_file(), "cargo left no {}", binary.display());
    Ok(binary)
}

/// Builds the binary into this target folder.
pub(crate) fn command(root: &Path, target: &Path) -> Result<Command> {
    let triple = host(root)?;
    // The list of dependencies goes into the section `.dep-v0`, which `cargo audit bin`, Trivy, Grype and Syft read.
    let mut cargo = tools::AUDITABLE.command(root, root)?;
    cargo
        .args([
            "auditable",
            "build",
            "--release",
            "--locked",
            "--package",
            "gateway",
            "--no-default-features",
        ])
        .args(["--target", &triple])
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root, &triple).join("\u{1f}"))
        // AES-GCM for processors with AVX-512 would be the largest functions of the binary; the ones for AVX are fast enough.
        .env("AWS_LC_SYS_CFLAGS", "-DMY_ASSEMBLER_IS_TOO_OLD_FOR_512AVX")
        .env("SOURCE_DATE_EPOCH", epoch(root))
        .env("IDP_GATEWAY_COMMIT", commit(root));
    Ok(cargo)
}

/// Static, position independent, without the paths of this machine, and small.
fn flags(root: &Path, triple: &str) -> Vec<String> {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .unwrap_or_default();
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned(), "-Crelocation-model=pie".to_owned()];
    flags.push(format!("--remap-path-prefix={}=/src", root.display()));
    flags.push(format!("--remap-path-prefix={home}=/cargo"));
    // The folder of each registry is named by a hash of its address, which a mirror changes; the last that fits counts. In
    // some eight hundred places where code can panic, a short name is also less to carry.
    let sources = std::fs::read_dir(Path::new(&home).join("registry/src")).into_iter().flatten().flatten();
    let mut sources: Vec<_> = sources.map(|source| source.path()).collect();
    // Same flags, same order: cargo builds anew when they change.
    sources.sort();
    flags.extend(sources.iter().map(|source| format!("--remap-path-prefix={}=/dep", source.display())));
    // There rustc links with LLD, which keeps one of each set of functions that are the same byte for byte.
    if triple == "x86_64-unknown-linux-gnu" {
        flags.extend(["-Clink-arg=-Wl,--icf=all".to_owned(), "-Clink-arg=-Wl,-O2".to_owned()]);
        flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned());
    }
    flags
}

/// The gateway as `cargo test --workspace` builds it: with the same features, so that nothing is built twice.
pub(crate) fn debug_binary(root: &Path) -> Result<PathBuf> {
    sh::run(root, "cargo", &["test", "--workspace", "--locked", "--no-run", "--quiet"])?;
    Ok(root.join("target/debug/gateway"))
}

/// `x86_64-unknown-linux-gnu` and the like.
pub(crate) fn host(root: &Path) -> Result<String> {
    let version = sh::output(root, "rustc", &["-vV"])?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc names no host")?.to_owned())
}

/// The workspace's version, which crates, image and chart share.
pub(crate) fn version(root: &Path) -> Result<String> {
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
    let version = manifest["workspace"]["package"]["version"].as_str();
    Ok(version.context("the workspace has no version")?.to_owned())
}

/// In a build without git, as in a container, the variable says it.
fn commit(root: &Path) -> String {
    let told = std::env::var("IDP_GATEWAY_COMMIT").ok().filter(|commit| !commit.is_empty());
    told.or_else(|| git(root, &["rev-parse", "--short=12", "HEAD"])).unwrap_or_else(|| "unknown".to_owned())
}

fn epoch(root: &Path) -> String {
    let told = std::env::var("SOURCE_DATE_EPOCH").ok().filter(|epoch| !epoch.is_empty());
    told.or_else(|| git(root, &["log", "-1", "--format=%ct"])).unwrap_or_else(|| "0".to_owned())
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = sh::command(root, "git").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
