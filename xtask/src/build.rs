//! The static release binary, which image and archives are made of.

use crate::{install, sh};
use anyhow::{Context as _, Result, ensure};
use semver::Version;
use std::path::{Path, PathBuf};
use xshell::{Cmd, Shell, cmd};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to leave it.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let binary = release_binary(sh)?;
    Ok(sh.copy_file(binary, std::path::absolute(&options.out)?)?)
}

/// Builds the static binary. The target is named so that the flags do not reach build scripts and procedural macros,
/// which must stay dynamic. Paths are mapped away: a binary does not depend on where it was built.
pub(crate) fn release_binary(sh: &Shell) -> Result<PathBuf> {
    let target = sh.current_dir().join("target");
    command(sh, &target)?.run()?;
    let binary = target.join(host(sh)?).join("release/gateway");
    ensure!(binary.is_file(), "cargo left no {}", binary.display());
    Ok(binary)
}

/// Builds the binary into this target folder.
pub(crate) fn command<'a>(sh: &'a Shell, target: &Path) -> Result<Cmd<'a>> {
    let triple = host(sh)?;
    let commit = told(sh, "IDP_GATEWAY_COMMIT", cmd!(sh, "git rev-parse --short=12 HEAD"), "unknown");
    let epoch = told(sh, "SOURCE_DATE_EPOCH", cmd!(sh, "git log -1 --format=%ct"), "0");
    // The list of dependencies goes into the section `.dep-v0`, which `cargo audit bin`, Trivy, Grype and Syft read.
    let auditable = install::AUDITABLE.program(sh)?;
    let gateway = ["--package", "gateway", "--no-default-features", "--target", &triple];
    Ok(cmd!(sh, "cargo build --release --locked {gateway...}")
        .env("IDP_GATEWAY_AUDITABLE", auditable) // see crates/gateway/profile/rustc.sh
        .env("CARGO_AUDITABLE_ORIG_ARGS", r#"{"locked":true,"offline":false,"frozen":false,"config":[]}"#)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(sh, &triple).join("\u{1f}"))
        // AES-GCM for processors with AVX-512 would be the largest functions of the binary; the ones for AVX are fast enough.
        .env("AWS_LC_SYS_CFLAGS", "-DMY_ASSEMBLER_IS_TOO_OLD_FOR_512AVX")
        .env("SOURCE_DATE_EPOCH", epoch)
        .env("IDP_GATEWAY_COMMIT", commit))
}

/// Static, position independent, without the paths of this machine, and small.
fn flags(sh: &Shell, triple: &str) -> Vec<String> {
    let home = sh::cargo_home(sh);
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned(), "-Crelocation-model=pie".to_owned()];
    flags.push(format!("--remap-path-prefix={}=/src", sh.current_dir().display()));
    flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    // The folder of each registry is named by a hash of its address, which a mirror changes; the last that fits counts. In
    // some eight hundred places where code can panic, a short name is also less to carry. The folders come sorted: cargo builds
    // anew when flags change their order.
    let sources = sh.read_dir(home.join("registry/src")).unwrap_or_default();
    flags.extend(sources.iter().map(|source| format!("--remap-path-prefix={}=/dep", source.display())));
    // There rustc links with LLD, which keeps one of each set of functions that are the same byte for byte.
    if triple == "x86_64-unknown-linux-gnu" {
        flags.extend(["-Clink-arg=-Wl,--icf=all".to_owned(), "-Clink-arg=-Wl,-O2".to_owned()]);
        flags.push("-Clink-arg=-Wl,-z,pack-relative-relocs".to_owned());
    }
    flags
}

/// The gateway as `cargo test --workspace` builds it: with the same features, so that nothing is built twice.
pub(crate) fn debug_binary(sh: &Shell) -> Result<PathBuf> {
    cmd!(sh, "cargo test --workspace --locked --no-run --quiet").run()?;
    Ok(sh.current_dir().join("target/debug/gateway"))
}

pub(crate) fn host(sh: &Shell) -> Result<String> {
    Ok(cmd!(sh, "rustc --print host-tuple").read()?)
}

/// The workspace's version, which crates, image and chart share.
pub(crate) fn version(sh: &Shell) -> Result<Version> {
    let manifest: toml::Table = sh.read_file("Cargo.toml")?.parse()?;
    let version = manifest["workspace"]["package"]["version"].as_str();
    Ok(version.context("the workspace has no version")?.parse()?)
}

/// What the variable says, else git. In a container there is no git.
fn told(sh: &Shell, variable: &str, git: Cmd<'_>, otherwise: &str) -> String {
    let told = sh.var(variable).ok().filter(|told| !told.is_empty());
    told.or_else(|| git.ignore_stderr().read().ok()).unwrap_or_else(|| otherwise.to_owned())
}
