//! Releases. `plan` says what would be released, `prepare` makes the commit, `verify` builds what will be published,
//! `publish` tags and publishes. Nothing is changed without `--execute`; each step can be run again after it was cut off.

mod changes;
mod files;
mod git;
mod publish;
mod sign;
mod version;

pub(crate) use sign::list as checksums;

use crate::{api, build, chart, dist, image, package, sh};
use anyhow::{Context as _, Result, ensure};
use changes::{CHANGELOG, Fragment};
use std::path::{Path, PathBuf};
use version::{Bump, Version};

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
        /// offered for download, signed with a key that nobody keeps.
        #[arg(long)]
        full: bool,
    },
    /// Tag, crates in the order of their dependencies, image, chart.
    Publish {
        /// Does it; otherwise only says what would be done.
        #[arg(long)]
        execute: bool,
    },
    /// Lists and signs `target/dist`; the key is in `IDP_GATEWAY_RELEASE_KEY`.
    Sign,
    /// Checks a downloaded release: the signature of `SHA256SUMS`, and every file that it names.
    Check {
        /// The maintainers' public key, PEM.
        #[arg(long)]
        key: PathBuf,
        /// Where the files are.
        #[arg(default_value = "target/dist")]
        folder: PathBuf,
    },
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
        Step::Publish { execute } => publish::run(root, *execute),
        Step::Sign => {
            sign::list(&root.join(DIST))?;
            sign::run(&root.join(DIST))
        }
        Step::Check { key, folder } => sign::check(folder, &std::fs::read_to_string(key)?),
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
    let old = files::version(root)?;
    let fragments = changes::fragments(root)?;
    let (new, why) = match git::last_release(root)? {
        // The version that the tree has was never released.
        None => (old, "the first release".to_owned()),
        Some(last) => {
            let gone = removed(root, last)?;
            let asked = fragments.iter().map(|fragment| fragment.bump).max();
            if let Some(line) = gone.first() {
                ensure!(
                    asked == Some(Bump::Breaking),
                    "`{line}` was public in {last} and is gone: that takes a fragment with `bump: breaking`"
                );
            }
            let new = asked.map_or(old, |bump| last.next(bump));
            (new, format!("{} change fragments since {last}", fragments.len()))
        }
    };
    sh::say(&format!("release: {old} -> {new} ({why})"));
    for fragment in &fragments {
        sh::say(&format!("  {:?}: {}", fragment.bump, fragment.file.display()));
    }
    Ok(Plan { old, new, fragments })
}

/// Lines of the public API that the last release had.
fn removed(root: &Path, last: Version) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for library in api::LIBRARIES {
        let file = format!("crates/{library}/api.txt");
        let Some(then) = git::file_at(root, &last.tag(), &file) else { continue };
        let now = std::fs::read_to_string(root.join(&file)).context(file)?;
        removed.extend(api::difference(&then, &now).0.into_iter().map(str::to_owned));
    }
    Ok(removed)
}

fn prepare(root: &Path, execute: bool) -> Result<()> {
    git::clean(root)?;
    let version = files::version(root)?;
    let changelog = std::fs::read_to_string(root.join(CHANGELOG))?;
    if changes::section(&changelog, version).is_some() && !git::has_tag(root, version)? {
        sh::say(&format!("release: {version} is prepared; go on with `release verify`"));
        return Ok(());
    }
    let plan = plan(root)?;
    ensure!(
        !plan.fragments.is_empty() || changes::waits(&changelog),
        "nothing to release: no change fragment, and nothing under `Unreleased`"
    );
    let new = changes::changelog(&changelog, plan.new, &git::today(root)?, &plan.fragments)?;
    if !execute {
        let section = changes::section(&new, plan.new).unwrap_or_default();
        sh::say(&format!("{section}\nrelease: nothing was changed; `--execute` does"));
        return Ok(());
    }
    std::fs::write(root.join(CHANGELOG), new)?;
    files::write(root, plan.old, plan.new)?;
    for fragment in &plan.fragments {
        std::fs::remove_file(&fragment.file)?;
    }
    sh::run(root, "cargo", &["update", "--workspace", "--offline", "--quiet"])?;
    files::agree(root)?;
    sh::run(root, "git", &["add", "--all"])?;
    sh::run(root, "git", &["commit", "--quiet", "--message", &format!("Release {}", plan.new)])?;
    sh::say(&format!("release: {} is prepared; go on with `release verify`", plan.new));
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
        sign::rehearse(&dist::stage(root, &binary)?)?;
    }
    sh::say(&format!("release: {version} is ready; only `release publish --execute` is missing"));
    Ok(())
}

/// The version of a tree that is clean, agrees with itself, and has its section in the changelog and no fragment left.
fn prepared(root: &Path) -> Result<Version> {
    git::clean(root)?;
    files::agree(root)?;
    let version = files::version(root)?;
    let changelog = std::fs::read_to_string(root.join(CHANGELOG))?;
    ensure!(
        changes::section(&changelog, version).is_some() && changes::fragments(root)?.is_empty(),
        "{version} is not prepared; `release prepare --execute`"
    );
    Ok(version)
}

/// Two builds of the same commit in different folders give the same bytes.
fn reproducible(root: &Path) -> Result<PathBuf> {
    let here = build::release_binary(root)?;
    let elsewhere = git::clone(root, &root.join("target/second-build"))?;
    let there = build::release_binary(&elsewhere)?;
    ensure!(
        std::fs::read(&here)? == std::fs::read(&there)?,
        "two builds differ: {} and {}",
        here.display(),
        there.display()
    );
    sh::say("release: two builds in different folders are the same, byte for byte");
    Ok(here)
}

/// The whole way in a clone, with a made-up earlier release so that fragments count.
fn rehearse(root: &Path) -> Result<()> {
    let copy = git::clone(root, &root.join("target/rehearsal"))?;
    let old = files::version(&copy)?;
    std::fs::write(copy.join("dirt"), "x")?;
    ensure!(prepare(&copy, true).is_err(), "prepare accepts a dirty tree");
    std::fs::remove_file(copy.join("dirt"))?;
    if git::last_release(&copy)?.is_none() {
        sh::run(&copy, "git", &["tag", &old.tag()])?;
    }
    std::fs::write(copy.join(".changes/rehearsal.md"), "bump: breaking\n\n- A rehearsal.\n")?;
    sh::run(&copy, "git", &["add", "--all"])?;
    sh::run(&copy, "git", &["commit", "--quiet", "--message", "A change"])?;
    ensure!(publish::run(&copy, false).is_err(), "publish accepts what is not prepared");
    prepare(&copy, false)?;
    ensure!(files::version(&copy)? == old, "a dry run changed the version");
    prepare(&copy, true)?;
    ensure!(files::version(&copy)? > old, "the version did not move");
    prepare(&copy, true).context("preparing once more")?;
    verify(&copy, false)?;
    publish::run(&copy, false)?;
    sh::say("release: rehearsed; only publishing is missing");
    Ok(())
}
