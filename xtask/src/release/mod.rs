//! Releases. `plan` says what would be released, `prepare` makes the commit, `verify` builds what will be published, `publish`
//! uploads the crates. Nothing is changed without `--execute`. Image, chart, tag and downloads are published by the hosted
//! workflow, `.github/workflows/release.yml`, with the tools made for it.

mod changes;
mod files;
mod sign;

pub(crate) use sign::list as checksums;

use crate::{api, build, chart, dist, image, package, sh};
use anyhow::{Context as _, Result, ensure};
use changes::{Bump, CHANGELOG, Fragment};
use semver::Version;
use std::path::{Path, PathBuf};

const DIST: &str = "target/dist";

#[derive(clap::Subcommand)]
pub(crate) enum Step {
    /// Says what would be released, and why.
    Plan,
    /// Version, changelog, lock file, golden renders, in one commit.
    Prepare {
        /// Does it; otherwise only says what would be done.
        #[arg(long)]
        execute: bool,
    },
    /// Packages and builds each crate on its own; checks that everything agrees.
    Verify {
        /// Also the chart, two builds of the binary in different folders, which must be the same, the image, and all that is
        /// offered for download, signed with a temporary key.
        #[arg(long)]
        full: bool,
    },
    /// Uploads the crates that the registry does not have yet, in the order of their dependencies.
    Publish {
        /// Does it; otherwise only says what would be done.
        #[arg(long)]
        execute: bool,
    },
    /// Lists and signs `target/dist`; the key is in `IDP_GATEWAY_RELEASE_KEY`.
    Sign,
    /// Two builds of the binary in different folders, which must be the same.
    Reproduce,
    /// All steps in a clone below `target`, up to the point where only publishing is missing.
    Rehearse,
}

pub(crate) fn run(root: &Path, step: &Step) -> Result<()> {
    match step {
        Step::Plan => plan(root).map(|_| ()),
        Step::Prepare { execute } => prepare(root, *execute),
        Step::Verify { full } => verify(root, *full),
        Step::Publish { execute } => publish(root, *execute),
        Step::Sign => {
            sign::list(&root.join(DIST))?;
            sign::run(&root.join(DIST))
        }
        Step::Reproduce => reproducible(root).map(|_| ()),
        Step::Rehearse => rehearse(root),
    }
}

/// What the next release is.
struct Plan {
    old: Version,
    new: Version,
    fragments: Vec<Fragment>,
}

fn plan(root: &Path) -> Result<Plan> {
    let old = version(root)?;
    let fragments = changes::fragments(root)?;
    let new = match last_release(root)? {
        // The version that the tree has was never released.
        None => old.clone(),
        Some(last) => {
            let asked = fragments.iter().map(|fragment| fragment.bump).max();
            if let Some(line) = removed(root, &last)?.first() {
                ensure!(
                    asked == Some(Bump::Breaking),
                    "`{line}` was public in {last} and is gone: that takes a fragment with `bump: breaking`"
                );
            }
            asked.map_or(old.clone(), |bump| bump.next(&last))
        }
    };
    sh::say(&format!("release: {old} -> {new}, {} change fragments", fragments.len()));
    for fragment in &fragments {
        sh::say(&format!("  {:?}: {}", fragment.bump, fragment.file.display()));
    }
    Ok(Plan { old, new, fragments })
}

/// Lines of the public API that the last release had.
fn removed(root: &Path, last: &Version) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for library in api::LIBRARIES {
        let file = format!("crates/{library}/api.txt");
        // A library that the release did not have lost nothing.
        let Ok(then) = git(root, &["show", &format!("v{last}:{file}")]) else { continue };
        let now = std::fs::read_to_string(root.join(&file)).context(file)?;
        removed.extend(api::difference(&then, &now).0.into_iter().map(str::to_owned));
    }
    Ok(removed)
}

fn prepare(root: &Path, execute: bool) -> Result<()> {
    if let Ok(version) = prepared(root)
        && !git(root, &["tag", "--list"])?.lines().any(|tag| tag == format!("v{version}"))
    {
        sh::say(&format!("release: {version} is prepared; go on with `release verify`"));
        return Ok(());
    }
    clean(root)?;
    let Plan { old, new, fragments } = plan(root)?;
    let changelog = std::fs::read_to_string(root.join(CHANGELOG))?;
    let today = sh::output(root, "date", &["-u", "+%Y-%m-%d"])?;
    let changelog = changes::changelog(&changelog, &new, today.trim(), &fragments)?;
    if !execute {
        let section = changes::section(&changelog, &new).unwrap_or_default();
        sh::say(&format!("{section}\nrelease: nothing was changed; `--execute` does"));
        return Ok(());
    }
    std::fs::write(root.join(CHANGELOG), changelog)?;
    files::write(root, &old, &new)?;
    for fragment in &fragments {
        std::fs::remove_file(&fragment.file)?;
    }
    sh::run(root, "cargo", &["update", "--workspace", "--offline", "--quiet"])?;
    files::agree(root, &new)?;
    git(root, &["add", "--all"])?;
    git(root, &["commit", "--quiet", "--message", &format!("Release {new}")])?;
    sh::say(&format!("release: {new} is prepared; go on with `release verify`"));
    Ok(())
}

fn verify(root: &Path, full: bool) -> Result<()> {
    let version = prepared(root)?;
    // What is published is what is committed.
    package::run(root, false)?;
    if full {
        chart::run(root, &chart::Options::default())?;
        let binary = reproducible(root)?;
        image::run(root, &image::Options { binary: Some(binary.clone()) })?;
        sign::rehearse(root, &dist::stage(root, &binary)?)?;
    }
    sh::say(&format!("release: {version} is ready; only publishing is missing"));
    Ok(())
}

/// `cargo publish` keeps the order of the dependencies and waits for each; a run that was cut off goes on where it stopped.
fn publish(root: &Path, execute: bool) -> Result<()> {
    let version = prepared(root)?;
    let there = |package: &&str| {
        let info = ["info", "--quiet", "--registry", "crates-io", &format!("{package}@{version}")];
        sh::pipe(root, "cargo", &info, b"").is_ok()
    };
    let published = api::PUBLISHED.into_iter().map(|(package, _)| package);
    let open: Vec<_> = published.filter(|package| !execute || !there(package)).collect();
    let packages: Vec<_> = open.iter().flat_map(|package| ["--package", package]).collect();
    match (execute, open.is_empty()) {
        (_, true) => sh::say(&format!("release: the registry has all crates of {version}")),
        (true, false) => sh::run(root, "cargo", &[["publish", "--locked"].as_slice(), &packages].concat())?,
        (false, false) => sh::say(&format!("release: `--execute` publishes {}", open.join(", "))),
    }
    Ok(())
}

/// The version of a tree that is clean, agrees with itself, and has its section in the changelog and no fragment left.
fn prepared(root: &Path) -> Result<Version> {
    clean(root)?;
    let version = version(root)?;
    files::agree(root, &version)?;
    let changelog = std::fs::read_to_string(root.join(CHANGELOG))?;
    ensure!(
        changes::section(&changelog, &version).is_some() && changes::fragments(root)?.is_empty(),
        "{version} is not prepared; `release prepare --execute`"
    );
    Ok(version)
}

/// Two builds of the same commit in different folders give the same bytes.
fn reproducible(root: &Path) -> Result<PathBuf> {
    let here = build::release_binary(root)?;
    let there = build::release_binary(&clone(root, "second-build")?)?;
    ensure!(
        std::fs::read(&here)? == std::fs::read(&there)?,
        "two builds differ: {} and {}",
        here.display(),
        there.display()
    );
    sh::say("release: two builds in different folders are the same, byte for byte");
    Ok(here)
}

/// The whole way in a clone, with an invented earlier release so that fragments count.
fn rehearse(root: &Path) -> Result<()> {
    let copy = clone(root, "rehearsal")?;
    let old = version(&copy)?;
    std::fs::write(copy.join("dirt"), "x")?;
    ensure!(prepare(&copy, true).is_err(), "prepare accepts a dirty tree");
    std::fs::remove_file(copy.join("dirt"))?;
    if last_release(&copy)?.is_none() {
        git(&copy, &["tag", &format!("v{old}")])?;
    }
    std::fs::write(copy.join(".changes/rehearsal.md"), "bump: breaking\n\n- A rehearsal.\n")?;
    git(&copy, &["add", "--all"])?;
    git(&copy, &["commit", "--quiet", "--message", "A change"])?;
    ensure!(publish(&copy, false).is_err(), "publish accepts what is not prepared");
    prepare(&copy, false)?;
    ensure!(version(&copy)? == old, "a dry run changed the version");
    prepare(&copy, true)?;
    ensure!(version(&copy)? > old, "the version did not move");
    prepare(&copy, true).context("preparing once more")?;
    verify(&copy, false)?;
    publish(&copy, false)?;
    sh::say("release: rehearsed; only publishing is missing");
    Ok(())
}

fn version(root: &Path) -> Result<Version> {
    Ok(build::version(root)?.parse()?)
}

fn git(root: &Path, args: &[&str]) -> Result<String> {
    Ok(String::from_utf8(sh::pipe(root, "git", args, b"")?)?)
}

/// Fails when anything is not committed.
fn clean(root: &Path) -> Result<()> {
    let status = git(root, &["status", "--porcelain"])?;
    ensure!(status.trim().is_empty(), "the tree is not clean; commit first:\n{status}");
    Ok(())
}

/// The highest released version that this commit contains.
fn last_release(root: &Path) -> Result<Option<Version>> {
    let tags = git(root, &["tag", "--list", "v*", "--merged", "HEAD"])?;
    Ok(tags.lines().filter_map(|tag| tag.strip_prefix('v')?.parse().ok()).max())
}

/// A fresh clone below `target` of what is committed, with an author.
fn clone(root: &Path, name: &str) -> Result<PathBuf> {
    let place = root.join("target").join(name);
    let _ = std::fs::remove_dir_all(&place);
    git(root, &["clone", "--quiet", "--no-hardlinks", ".", &place.to_string_lossy()])?;
    for key in ["user.name", "user.email"] {
        let value = git(root, &["config", "--default", "xtask@localhost", key])?;
        git(&place, &["config", key, value.trim()])?;
    }
    Ok(place)
}
