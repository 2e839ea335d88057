//! What a release offers for download: static binary, completions, man pages, chart, npm package, image, bill of
//! materials, checksums.

use crate::release::checksums;
use crate::{build, chart, client, sh, tools};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

const BILL: &str = "idp-gateway.cdx";
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

pub(crate) fn run(root: &Path) -> Result<()> {
    let binary = build::release_binary(root)?;
    let folder = stage(root, &binary)?;
    sh::say(&format!("dist: {}", folder.display()));
    Ok(())
}

/// Fills `target/dist` anew.
pub(crate) fn stage(root: &Path, binary: &Path) -> Result<PathBuf> {
    let dist = root.join("target/dist");
    let _ = std::fs::remove_dir_all(&dist);
    let name = format!("idp-gateway-{}-{}", build::version(root)?, build::host(root)?);
    let folder = dist.join(&name);
    std::fs::create_dir_all(folder.join("completions"))?;
    std::fs::create_dir_all(folder.join("man"))?;
    std::fs::copy(binary, folder.join("gateway"))?;
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"] {
        std::fs::copy(root.join(file), folder.join(file))?;
    }
    let program = binary.to_string_lossy();
    for shell in SHELLS {
        let script = sh::output(root, &program, &["completions", shell])?;
        ensure!(script.len() > 500, "the completions for {shell} are empty");
        std::fs::write(folder.join("completions").join(format!("gateway.{shell}")), script)?;
    }
    sh::run(&folder, "bash", &["-n", "completions/gateway.bash"])?;
    manual(root, &program, &folder.join("man"))?;
    bill_of_materials(root, &dist)?;
    archive(&dist, &format!("{name}.tar.gz"), &dist, &name)?;
    let oci = root.join("target/image/oci");
    if oci.is_dir() {
        let image = format!("idp-gateway-{}-{}.oci.tar.gz", build::version(root)?, std::env::consts::ARCH);
        archive(&dist, &image, &oci, ".")?;
    }
    chart::package(root, &dist)?;
    client::prepare(root)?;
    client::try_out(root, &client::pack(root, &dist)?)?;
    checksums(&dist)?;
    sh::run(&dist, "sha256sum", &["--check", "--quiet", "SHA256SUMS"])?;
    Ok(dist)
}

/// Names sorted, owners and times fixed: the same input makes the same archive.
fn archive(dist: &Path, name: &str, folder: &Path, what: &str) -> Result<()> {
    let same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    let mut tar = sh::command(dist, "tar");
    tar.args(same).args(["--use-compress-program", "gzip -n", "-cf", name, "-C"]).arg(folder).arg(what);
    sh::run_command(&mut tar)
}

/// `gateway man` prints one page; `mandoc`, where there is one, reads it over.
fn manual(root: &Path, program: &str, folder: &Path) -> Result<()> {
    let page = folder.join("gateway.1");
    let text = sh::output(root, program, &["man"])?;
    ensure!(text.contains(".TH"), "`gateway man` prints no manual page");
    std::fs::write(&page, text)?;
    if sh::found("mandoc") {
        sh::run(root, "mandoc", &["-T", "lint", "-W", "error", &page.to_string_lossy()])?;
    }
    Ok(())
}

/// The CycloneDX bill of materials of the release binary.
fn bill_of_materials(root: &Path, dist: &Path) -> Result<()> {
    let mut cyclonedx = tools::CYCLONEDX.command(root, root)?;
    cyclonedx.args([
        "cyclonedx",
        "--format",
        "json",
        "--spec-version",
        "1.5",
        "--no-build-deps",
        "--no-default-features",
    ]);
    cyclonedx.args(["--manifest-path", "crates/gateway/Cargo.toml", "--target", &build::host(root)?]);
    cyclonedx.args(["--override-filename", BILL]).env("SOURCE_DATE_EPOCH", "0");
    sh::run_command(&mut cyclonedx)?;
    let bill = format!("{BILL}.json");
    std::fs::copy(root.join("crates/gateway").join(&bill), dist.join(&bill))?;
    // It writes one for each member of the workspace, into the sources.
    sh::run(root, "find", &["crates", "xtask", "-name", &bill, "-delete"])
}
