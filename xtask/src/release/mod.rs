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
use std::path::PathBuf;
use xshell::{Shell, cmd};

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

pub(crate) fn run(sh: &Shell, step: &Step) -> Result<()> {
    match step {
        Step::Plan => plan(sh).map(|_| ()),
        Step::Prepare { execute } => prepare(sh, *execute),
        Step::Verify { full } => verify(sh, *full),
        Step::Publish { execute } => publish(sh, *execute),
        Step::Sign => {
            let dist = sh.current_dir().join("target/dist");
            sign::list(sh, &dist)?;
            sign::run(sh, &dist)
        }
        Step::Reproduce => reproducible(sh).map(|_| ()),
        Step::Rehearse => rehearse(sh),
    }
}

/// The version of the tree, the next one, and what it is made of.
fn plan(sh: &Shell) -> Result<(Version, Version, Vec<Fragment>)> {
    let old = build::version(sh)?;
    let fragments = changes::fragments(sh)?;
    let new = match last_release(sh)? {
        // The version that the tree has was never released.
        None => old.clone(),
        Some(last) => {
            let asked = fragments.iter().map(|fragment| fragment.bump).max();
            if let Some(line) = removed(sh, &last)? {
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
    Ok((old, new, fragments))
}

/// A line of the public API that the last release had.
fn removed(sh: &Shell, last: &Version) -> Result<Option<String>> {
    let tag = format!("v{last}");
    for library in api::libraries() {
        let file = format!("crates/{library}/api.txt");
        // A library that the release did not have lost nothing.
        let Ok(then) = cmd!(sh, "git show {tag}:{file}").ignore_stderr().read() else { continue };
        if let Some(line) = api::difference(&then, &sh.read_file(&file)?).0.first() {
            return Ok(Some((*line).to_owned()));
        }
    }
    Ok(None)
}

fn prepare(sh: &Shell, execute: bool) -> Result<()> {
    if let Ok(version) = prepared(sh)
        && cmd!(sh, "git tag --list").arg(format!("v{version}")).read()?.is_empty()
    {
        sh::say(&format!("release: {version} is prepared; go on with `release verify`"));
        return Ok(());
    }
    clean(sh)?;
    let (old, new, fragments) = plan(sh)?;
    let today = cmd!(sh, "date -u +%Y-%m-%d").read()?;
    let changelog = changes::changelog(&sh.read_file(CHANGELOG)?, &new, &today, &fragments)?;
    if !execute {
        let section = changes::section(&changelog, &new).unwrap_or_default();
        sh::say(&format!("{section}\nrelease: nothing was changed; `--execute` does"));
        return Ok(());
    }
    sh.write_file(CHANGELOG, changelog)?;
    files::write(sh, &old, &new)?;
    for fragment in &fragments {
        sh.remove_path(&fragment.file)?;
    }
    cmd!(sh, "cargo update --workspace --offline --quiet").run()?;
    files::agree(sh, &new)?;
    commit(sh, &format!("Release {new}"))?;
    sh::say(&format!("release: {new} is prepared; go on with `release verify`"));
    Ok(())
}

fn verify(sh: &Shell, full: bool) -> Result<()> {
    let version = prepared(sh)?;
    // What is published is what is committed.
    package::run(sh, false)?;
    if full {
        chart::run(sh, &chart::Options::default())?;
        let binary = reproducible(sh)?;
        image::run(sh, &image::Options { binary: Some(binary.clone()) })?;
        sign::rehearse(sh, &dist::stage(sh, &binary)?)?;
    }
    sh::say(&format!("release: {version} is ready; only publishing is missing"));
    Ok(())
}

/// `cargo publish` keeps the order of the dependencies and waits for each; a run that was cut off goes on where it stopped.
fn publish(sh: &Shell, execute: bool) -> Result<()> {
    let version = prepared(sh)?;
    let mut open = Vec::new();
    for (package, ..) in api::PUBLISHED {
        let info = cmd!(sh, "cargo info --quiet --registry crates-io").arg(format!("{package}@{version}"));
        if !execute || !sh::succeeds(info)? {
            open.push(package);
        }
    }
    let packages = open.iter().flat_map(|package| ["--package", package]);
    match (execute, open.is_empty()) {
        (_, true) => sh::say(&format!("release: the registry has all crates of {version}")),
        (true, false) => cmd!(sh, "cargo publish --locked {packages...}").run()?,
        (false, false) => sh::say(&format!("release: `--execute` publishes {}", open.join(", "))),
    }
    Ok(())
}

/// The version of a tree that is clean, agrees with itself, and has its section in the changelog and no fragment left.
fn prepared(sh: &Shell) -> Result<Version> {
    clean(sh)?;
    let version = build::version(sh)?;
    files::agree(sh, &version)?;
    ensure!(
        changes::section(&sh.read_file(CHANGELOG)?, &version).is_some() && changes::fragments(sh)?.is_empty(),
        "{version} is not prepared; `release prepare --execute`"
    );
    Ok(version)
}

/// Two builds of the same commit in different folders give the same bytes.
fn reproducible(sh: &Shell) -> Result<PathBuf> {
    let here = build::release_binary(sh)?;
    let there = build::release_binary(&clone(sh, "target/second-build")?)?;
    let same = sh.read_binary_file(&here)? == sh.read_binary_file(&there)?;
    ensure!(same, "two builds differ: {} and {}", here.display(), there.display());
    sh::say("release: two builds in different folders are the same, byte for byte");
    Ok(here)
}

/// The whole way in a clone, with an invented earlier release so that fragments count.
fn rehearse(sh: &Shell) -> Result<()> {
    let copy = &clone(sh, "target/rehearsal")?;
    let old = build::version(copy)?;
    copy.write_file("dirt", "x")?;
    ensure!(prepare(copy, true).is_err(), "prepare accepts a dirty tree");
    copy.remove_path("dirt")?;
    if last_release(copy)?.is_none() {
        cmd!(copy, "git tag").arg(format!("v{old}")).run()?;
    }
    copy.write_file(".changes/rehearsal.md", "bump: breaking\n\n- A rehearsal.\n")?;
    commit(copy, "A change")?;
    ensure!(publish(copy, false).is_err(), "publish accepts what is not prepared");
    prepare(copy, false)?;
    ensure!(build::version(copy)? == old, "a dry run changed the version");
    prepare(copy, true)?;
    ensure!(build::version(copy)? > old, "the version did not move");
    prepare(copy, true).context("preparing once more")?;
    verify(copy, false)?;
    publish(copy, false)?;
    sh::say("release: rehearsed; only publishing is missing");
    Ok(())
}

fn commit(sh: &Shell, message: &str) -> Result<()> {
    cmd!(sh, "git add --all").run()?;
    Ok(cmd!(sh, "git commit --quiet --message {message}").run()?)
}

fn clean(sh: &Shell) -> Result<()> {
    let status = cmd!(sh, "git status --porcelain").read()?;
    ensure!(status.is_empty(), "the tree is not clean; commit first:\n{status}");
    Ok(())
}

/// The highest released version that this commit contains.
fn last_release(sh: &Shell) -> Result<Option<Version>> {
    let tags = cmd!(sh, "git tag --list v* --merged HEAD").read()?;
    Ok(tags.lines().filter_map(|tag| tag.strip_prefix('v')?.parse().ok()).max())
}

/// A fresh clone of what is committed, with an author.
fn clone(sh: &Shell, place: &str) -> Result<Shell> {
    let place = sh::fresh(sh, place)?;
    cmd!(sh, "git clone --quiet --no-hardlinks . {place}").run()?;
    let copy = sh.clone();
    copy.change_dir(&place);
    for key in ["user.name", "user.email"] {
        let value = cmd!(sh, "git config --default xtask@localhost {key}").read()?;
        cmd!(copy, "git config {key} {value}").run()?;
    }
    Ok(copy)
}
