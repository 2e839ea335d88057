//! The steps that others see. Each is remembered once done, so that a run that was cut off goes on where it stopped.

use super::{DIST, prepared, version::Version};
use crate::api::LIBRARIES;
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

const REGISTRY: &str = "ghcr.io/idp-gateway";

/// A command that publishes something, and one that tells whether it is there already.
struct Publication {
    name: String,
    publish: Command,
    exists: Option<Command>,
}

type Command = Vec<String>;

fn command(words: &[&str]) -> Command {
    words.iter().map(|&word| word.to_owned()).collect()
}

impl Publication {
    fn new(name: impl Into<String>, publish: &[&str]) -> Self {
        Self { name: name.into(), publish: command(publish), exists: None }
    }

    /// Succeeds where somebody, on whatever machine, has published it.
    fn unless(mut self, exists: &[&str]) -> Self {
        self.exists = Some(command(exists));
        self
    }

    fn is_there(&self, root: &Path) -> bool {
        let output = self.exists.as_deref().and_then(|words| {
            let (program, args) = words.split_first()?;
            sh::command(root, program).args(args).output().ok()
        });
        output.is_some_and(|output| output.status.success())
    }

    fn run(&self, root: &Path) -> Result<()> {
        let (program, args) = self.publish.split_first().context("nothing to run")?;
        sh::run(root, program, args)
    }
}

pub(super) fn run(root: &Path, execute: bool) -> Result<()> {
    let version = prepared(root)?;
    let chart = root.join(DIST).join(format!("idp-gateway-{version}.tgz"));
    ensure!(
        !execute || chart.is_file(),
        "there is no {}: `release verify --full` makes what is offered for download",
        chart.display()
    );
    let done = Done::open(root, version)?;
    let commit = sh::output(root, "git", &["rev-parse", "--short=12", "HEAD"])?;
    let mut open = 0;
    for publication in publications(version, commit.trim()) {
        if done.has(&publication.name)? || (execute && publication.is_there(root)) {
            sh::say(&format!("release: {} is done", publication.name));
        } else if execute {
            publication.run(root)?;
            done.remember(&publication.name)?;
        } else {
            open += 1;
            sh::say(&format!("would run: {}", publication.publish.join(" ")));
        }
    }
    if !execute {
        sh::say(&format!(
            "release: {open} steps of {version} are open; nothing was published; `--execute` does"
        ));
    }
    Ok(())
}

/// Crates come before what is made of them; tag and downloads, which people look at, last.
fn publications(version: Version, commit: &str) -> Vec<Publication> {
    let mut all: Vec<_> = LIBRARIES
        .iter()
        .map(|library| {
            let named = format!("{library}@{version}");
            Publication::new(*library, &["cargo", "publish", "--locked", "--no-verify", "--package", library])
                .unless(&["cargo", "info", "--registry", "crates-io", &named])
        })
        .collect();
    let image = format!("{REGISTRY}/idp-gateway:{version}");
    let built = format!("IDP_GATEWAY_COMMIT={commit}");
    let platforms = ["--platform", "linux/amd64,linux/arm64", "--file", "deploy/image/Dockerfile"];
    let more =
        ["--build-arg", &built, "--provenance=mode=max", "--sbom=true", "--tag", &image, "--push", "."];
    all.push(
        Publication::new("image", &[&["docker", "buildx", "build"], platforms.as_slice(), &more].concat())
            .unless(&["docker", "buildx", "imagetools", "inspect", &image]),
    );
    all.push(Publication::new("image signature", &["cosign", "sign", "--yes", "--recursive", &image]));
    let chart = format!("{DIST}/idp-gateway-{version}.tgz");
    let charts = format!("{REGISTRY}/charts");
    all.push(Publication::new("chart", &["helm", "push", &chart, &format!("oci://{charts}")]).unless(&[
        "helm",
        "show",
        "chart",
        &format!("oci://{charts}/idp-gateway"),
        "--version",
        &version.to_string(),
    ]));
    all.push(Publication::new(
        "chart signature",
        &["cosign", "sign", "--yes", &format!("{charts}/idp-gateway:{version}")],
    ));
    all.push(Publication::new("signed checksums", &["cargo", "xtask", "release", "sign"]));
    let (tag, message) = (version.tag(), format!("Release {version}"));
    all.push(Publication::new("tag", &["git", "tag", "--annotate", &tag, "--message", &message]).unless(&[
        "git",
        "rev-parse",
        "--verify",
        "--quiet",
        &format!("refs/tags/{tag}"),
    ]));
    all.push(Publication::new("push", &["git", "push", "origin", "HEAD", &tag]));
    // A shell, for the list of files.
    let downloads = format!(
        "gh release create {tag} --verify-tag --title '{message}' --notes-file CHANGELOG.md $(find {DIST} -maxdepth 1 -type f)"
    );
    all.push(
        Publication::new("downloads", &["sh", "-c", &downloads]).unless(&["gh", "release", "view", &tag]),
    );
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
        let names: Vec<_> = publications(Version(1, 0, 0), "c0ffee")
            .into_iter()
            .map(|publication| publication.name)
            .collect();
        assert_eq!(names[..LIBRARIES.len()], LIBRARIES);
        assert_eq!(names[names.len() - 3..], ["tag", "push", "downloads"]);
    }
}
