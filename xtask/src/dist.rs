//! What a release offers for download: static binary, completions, man pages, chart, npm package, image, bill of
//! materials, checksums.

use crate::release::checksums;
use crate::{build, chart, client, install, sh};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

const BILL: &str = "idp-gateway.cdx.json";

pub(crate) fn run(sh: &Shell) -> Result<()> {
    let folder = stage(sh, &build::release_binary(sh)?)?;
    sh::say(&format!("dist: {}", folder.display()));
    Ok(())
}

pub(crate) fn stage(sh: &Shell, binary: &Path) -> Result<PathBuf> {
    let dist = sh::fresh(sh, "target/dist")?;
    let version = build::version(sh)?;
    let name = format!("idp-gateway-{version}-{}", build::host(sh)?);
    let folder = sh.create_dir(dist.join(&name))?;
    sh.copy_file(binary, folder.join("gateway"))?;
    for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"] {
        sh.copy_file(file, &folder)?;
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = cmd!(sh, "{binary} completions {shell}").read()?;
        ensure!(script.len() > 500, "the completions for {shell} are empty");
        sh.write_file(folder.join("completions").join(format!("gateway.{shell}")), script + "\n")?;
    }
    cmd!(sh, "bash -n {folder}/completions/gateway.bash").run()?;
    manual(sh, binary, &folder.join("man/gateway.1"))?;
    bill_of_materials(sh, &dist)?;
    archive(sh, &dist.join(format!("{name}.tar.gz")), &dist, &name)?;
    let oci = sh.current_dir().join("target/image/oci");
    if oci.is_dir() {
        let image = format!("idp-gateway-{version}-{}.oci.tar.gz", std::env::consts::ARCH);
        archive(sh, &dist.join(image), &oci, ".")?;
    }
    chart::package(sh, &dist)?;
    client::package(sh, &dist)?;
    checksums(sh, &dist)?;
    let _dist = sh.push_dir(&dist);
    cmd!(sh, "sha256sum --check --quiet SHA256SUMS").run()?;
    Ok(dist)
}

/// Names sorted, owners and times fixed: the same input makes the same archive.
fn archive(sh: &Shell, file: &Path, folder: &Path, what: &str) -> Result<()> {
    let same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    Ok(cmd!(sh, "tar {same...} --use-compress-program 'gzip -n' -cf {file} -C {folder} {what}").run()?)
}

/// `gateway man` prints one page; `mandoc`, where there is one, reads it over.
fn manual(sh: &Shell, binary: &Path, page: &Path) -> Result<()> {
    let text = cmd!(sh, "{binary} man").read()?;
    ensure!(text.contains(".TH"), "`gateway man` prints no manual page");
    sh.write_file(page, text + "\n")?;
    if sh::found("mandoc") {
        cmd!(sh, "mandoc -T lint -W error {page}").run()?;
    }
    Ok(())
}

fn bill_of_materials(sh: &Shell, dist: &Path) -> Result<()> {
    let (cyclonedx, host) = (install::CYCLONEDX.program(sh)?, build::host(sh)?);
    let format = "--format json --spec-version 1.5 --override-filename idp-gateway.cdx".split(' ');
    let what = ["--no-build-deps", "--no-default-features", "--target", &host];
    cmd!(sh, "{cyclonedx} cyclonedx {format...} {what...} --manifest-path crates/gateway/Cargo.toml")
        .env("SOURCE_DATE_EPOCH", "0")
        .run()?;
    sh.copy_file(format!("crates/gateway/{BILL}"), dist)?;
    // It writes one for each member of the workspace, into the sources.
    Ok(cmd!(sh, "find crates xtask -name {BILL} -delete").run()?)
}
