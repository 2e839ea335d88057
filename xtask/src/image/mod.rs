//! The container image, built with Buildah from the static release binary and the last stage of the Dockerfile, and then
//! run as Kubernetes' restricted profile would run it.

mod elf;
mod trial;

use crate::{build, install, sh};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};

const DOCKERFILE: &str = "deploy/image/Dockerfile";
/// The largest size of the image, in bytes of the unpacked root.
const CEILING: u64 = 20_000_000;
/// All that is in it, in the order of their names.
const FILES: [&str; 2] = ["./etc/ssl/certs/ca-certificates.crt", "./gateway"];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Takes this static binary instead of building it.
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    for (program, package) in [("buildah", "buildah"), ("bwrap", "bubblewrap")] {
        install::ensure_program(root, program, package)?;
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build::release_binary(root)?,
    };
    elf::check(&binary)?;
    let image = bake(root, &binary)?;
    let (rootfs, config) = unpack(&image)?;
    contents(&rootfs, &config)?;
    let mut size = 0;
    for file in FILES {
        size += std::fs::metadata(rootfs.join(file))?.len();
    }
    ensure!(size <= CEILING, "the image has {size} bytes; the ceiling is {CEILING}");
    elf::lists_dependencies(&rootfs.join("gateway"))?;
    let ready = trial::run(root, &rootfs, &config)?;
    sh::say(&format!("image: {:.1} MB, serves /livez {ready} ms after its start", size as f64 / 1e6));
    Ok(())
}

/// Builds the image and leaves it as an OCI layout in `target/image/oci`.
fn bake(root: &Path, binary: &Path) -> Result<PathBuf> {
    let place = root.join("target/image");
    let context = place.join("context");
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(context.join("etc/ssl/certs"))?;
    std::fs::copy(binary, context.join("gateway"))?;
    let roots = "etc/ssl/certs/ca-certificates.crt";
    std::fs::copy(Path::new("/").join(roots), context.join(roots)).context("install ca-certificates")?;
    std::fs::write(place.join("Containerfile"), last_stage_of(root)?)?;
    let storage = ["--root", "storage", "--runroot", "run", "--storage-driver", "vfs"];
    let tag = format!("idp-gateway:{}", build::version(root)?);
    let mut bud = sh::command(&place, "buildah");
    bud.args(storage).args(["bud", "--isolation", "chroot", "--timestamp", "0", "--quiet"]);
    bud.args(["--file", "Containerfile", "--tag", &tag, "context"]);
    sh::run_command(&mut bud)?;
    let mut push = sh::command(&place, "buildah");
    push.args(storage).args(["push", "--quiet", &tag, "oci:oci"]);
    sh::run_command(&mut push)?;
    Ok(place.join("oci"))
}

/// The last stage of the Dockerfile.
pub(crate) fn last_stage_of(root: &Path) -> Result<String> {
    last_stage(&std::fs::read_to_string(root.join(DOCKERFILE))?)
}

/// The last stage, with files of the build stage taken from the context instead.
fn last_stage(dockerfile: &str) -> Result<String> {
    let start = dockerfile
        .rfind("\nFROM scratch")
        .with_context(|| format!("{DOCKERFILE} ends in no scratch stage"))?;
    Ok(dockerfile[start + 1..].replace("COPY --from=build ", "COPY "))
}

/// Unpacks the layers, and reads the image's configuration.
fn unpack(image: &Path) -> Result<(PathBuf, Value)> {
    let blob = |digest: &Value| {
        let digest = digest.as_str().unwrap_or_default().replace(':', "/");
        image.join("blobs").join(digest)
    };
    let json =
        |path: PathBuf| -> Result<Value> { Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?) };
    let index = json(image.join("index.json"))?;
    let manifest = json(blob(&index["manifests"][0]["digest"]))?;
    let config = json(blob(&manifest["config"]["digest"]))?;
    let rootfs = image.with_file_name("rootfs");
    std::fs::create_dir_all(&rootfs)?;
    for layer in manifest["layers"].as_array().context("an image without layers")? {
        sh::run(&rootfs, "tar", &["-xzf", &blob(&layer["digest"]).to_string_lossy()])?;
    }
    Ok((rootfs, config["config"].clone()))
}

/// One program and the CA roots, no shell, a numeric user.
fn contents(rootfs: &Path, config: &Value) -> Result<()> {
    let files = sh::output(rootfs, "find", &[".", "-type", "f"])?;
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
