//! The steps that others see. Each is remembered once done, so that a run that was cut off goes on where it stopped.

use super::{files, git, version::Version};
use crate::api::LIBRARIES;
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

const REGISTRY: &str = "ghcr.io/idp-gateway";

/// A command that publishes something.
struct Publication {
    name: String,
    program: &'static str,
    args: Vec<String>,
}

impl Publication {
    fn new(name: impl Into<String>, program: &'static str, args: &[&str]) -> Self {
        Self { name: name.into(), program, args: args.iter().map(|&arg| arg.to_owned()).collect() }
    }
}

pub(super) fn run(root: &Path, execute: bool) -> Result<()> {
    git::clean(root)?;
    let version = files::version(root)?;
    let done = Done::open(root, version)?;
    let mut open = 0;
    for publication in publications(version) {
        if done.has(&publication.name)? {
            sh::say(&format!("release: {} is done", publication.name));
        } else if execute {
            sh::run(root, publication.program, &publication.args)?;
            done.remember(&publication.name)?;
        } else {
            open += 1;
            sh::say(&format!("would run: {} {}", publication.program, publication.args.join(" ")));
        }
    }
    if !execute {
        sh::say(&format!(
            "release: {open} steps of {version} are open; nothing was published; `--execute` does"
        ));
    }
    Ok(())
}

/// Crates come before what is made of them, the tag last: it is what people and the download job look at.
fn publications(version: Version) -> Vec<Publication> {
    let mut all: Vec<_> = LIBRARIES
        .iter()
        .map(|library| {
            Publication::new(*library, "cargo", &["publish", "--locked", "--no-verify", "--package", library])
        })
        .collect();
    let image = format!("docker://{REGISTRY}/idp-gateway:{version}");
    all.push(Publication::new("image", "skopeo", &["copy", "oci:target/image/oci", &image]));
    all.push(Publication::new(
        "chart package",
        "helm",
        &["package", "deploy/helm/idp-gateway", "--destination", "target/dist"],
    ));
    let chart = format!("target/dist/idp-gateway-{version}.tgz");
    all.push(Publication::new("chart", "helm", &["push", &chart, &format!("oci://{REGISTRY}/charts")]));
    let message = format!("Release {version}");
    all.push(Publication::new("tag", "git", &["tag", "--annotate", &version.tag(), "--message", &message]));
    all.push(Publication::new("push", "git", &["push", "origin", "HEAD", &version.tag()]));
    all
}

/// What was published, in a file that outlives the process.
struct Done(PathBuf);

impl Done {
    fn open(root: &Path, version: Version) -> Result<Self> {
        let folder = root.join("target/releases");
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder.join(version.to_string())))
    }

    fn has(&self, name: &str) -> Result<bool> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => Ok(text.lines().any(|line| line == name)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context(self.0.display().to_string()),
        }
    }

    fn remember(&self, name: &str) -> Result<()> {
        ensure!(!name.contains('\n'), "a name is one line");
        let before = std::fs::read_to_string(&self.0).unwrap_or_default();
        std::fs::write(&self.0, format!("{before}{name}\n")).context(self.0.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_not_done_again() {
        let folder = std::env::temp_dir().join(format!("xtask-done-{}", std::process::id()));
        let done = Done::open(&folder, Version(1, 2, 3)).unwrap();
        assert!(!done.has("tag").unwrap());
        done.remember("mgmt-auth").unwrap();
        done.remember("tag").unwrap();
        let again = Done::open(&folder, Version(1, 2, 3)).unwrap();
        assert!(again.has("tag").unwrap() && again.has("mgmt-auth").unwrap() && !again.has("chart").unwrap());
        assert!(!Done::open(&folder, Version(1, 2, 4)).unwrap().has("tag").unwrap());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn crates_come_in_the_order_of_their_dependencies() {
        let names: Vec<_> =
            publications(Version(1, 0, 0)).into_iter().map(|publication| publication.name).collect();
        assert_eq!(names[..5], LIBRARIES);
        assert_eq!(names.last().unwrap(), "push");
    }
}
