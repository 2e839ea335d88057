//! The container image, built with Buildah from the static release binary and the last stage of the Dockerfile, and then
//! run as Kubernetes' restricted profile would run it.

mod elf;
mod trial;

use crate::{build, install, sh};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

pub(crate) const DOCKERFILE: &str = "deploy/image/Dockerfile";
/// The largest size of the image, in bytes of the unpacked root.
const CEILING: u64 = 20_000_000;
const ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";
/// All that is in it, in the order of their names.
const FILES: [&str; 2] = ["./etc/ssl/certs/ca-certificates.crt", "./gateway"];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Takes this static binary instead of building it.
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    install::programs(sh, &[("buildah", "buildah"), ("bwrap", "bubblewrap")])?;
    let binary = match &options.binary {
        Some(binary) => binary.canonicalize()?,
        None => build::release_binary(sh)?,
    };
    elf::check(&binary)?;
    let image = bake(sh, &binary)?;
    let (rootfs, config) = unpack(sh, &image)?;
    contents(sh, &rootfs, &config)?;
    let sizes = FILES.iter().map(|file| Ok(rootfs.join(file).metadata()?.len()));
    let size = sizes.sum::<Result<u64>>()?;
    ensure!(size <= CEILING, "the image has {size} bytes; the ceiling is {CEILING}");
    elf::lists_dependencies(&rootfs.join("gateway"))?;
    let ready = trial::run(sh, &rootfs, &config)?;
    sh::say(&format!("image: {:.1} MB, serves /livez {ready} ms after its start", size as f64 / 1e6));
    Ok(())
}

/// Builds the image and leaves it as an OCI layout in `target/image/oci`.
fn bake(sh: &Shell, binary: &Path) -> Result<PathBuf> {
    let place = sh::fresh(sh, "target/image")?;
    let context = sh.create_dir(place.join("context/etc/ssl/certs"))?;
    sh.copy_file(binary, place.join("context/gateway"))?;
    sh.copy_file(Path::new("/").join(ROOTS), context).context("install ca-certificates")?;
    sh.write_file(place.join("Containerfile"), last_stage(&sh.read_file(DOCKERFILE)?)?)?;
    let tag = format!("idp-gateway:{}", build::version(sh)?);
    let _place = sh.push_dir(&place);
    let storage = ["--root", "storage", "--runroot", "run", "--storage-driver", "vfs"];
    let same = ["--isolation", "chroot", "--timestamp", "0", "--quiet"];
    cmd!(sh, "buildah {storage...} bud {same...} --file Containerfile --tag {tag} context").run()?;
    cmd!(sh, "buildah {storage...} push --quiet {tag} oci:oci").run()?;
    Ok(place.join("oci"))
}

/// The last stage, with files of the build stage taken from the context instead.
pub(crate) fn last_stage(dockerfile: &str) -> Result<String> {
    let start = dockerfile
        .rfind("\nFROM scratch")
        .with_context(|| format!("{DOCKERFILE} ends in no scratch stage"))?;
    Ok(dockerfile[start + 1..].replace("COPY --from=build ", "COPY "))
}

fn unpack(sh: &Shell, image: &Path) -> Result<(PathBuf, Value)> {
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap_or_default().replace(':', "/");
        image.join("blobs").join(digest)
    };
    let json = |path: PathBuf| anyhow::Ok(serde_json::from_str::<Value>(&sh.read_file(path)?)?);
    let index = json(image.join("index.json"))?;
    let manifest = json(blob(&index["manifests"][0]))?;
    let config = json(blob(&manifest["config"]))?;
    let rootfs = sh.create_dir(image.with_file_name("rootfs"))?;
    for layer in manifest["layers"].as_array().context("an image without layers")? {
        let layer = blob(layer);
        cmd!(sh, "tar -xzf {layer} -C {rootfs}").run()?;
    }
    Ok((rootfs, config["config"].clone()))
}

/// One program and the CA roots, no shell, a numeric user.
fn contents(sh: &Shell, rootfs: &Path, config: &Value) -> Result<()> {
    let _rootfs = sh.push_dir(rootfs);
    let files = cmd!(sh, "find . -type f").read()?;
    let mut files: Vec<_> = files.lines().collect();
    files.sort_unstable();
    ensure!(files == FILES, "the image holds {files:?}");
    ensure!(config["User"] == "65532:65532", "the image's user is {}", config["User"]);
    ensure!(config["Entrypoint"][0] == "/gateway", "the image starts {}", config["Entrypoint"]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_copies_from_the_context() {
        let text = "FROM rust AS build\nRUN x\n\nFROM scratch\nCOPY --from=build /gateway /gateway\nUSER 1\n";
        assert_eq!(last_stage(text).unwrap(), "FROM scratch\nCOPY /gateway /gateway\nUSER 1\n");
        assert!(last_stage("FROM debian\n").is_err());
    }
}
