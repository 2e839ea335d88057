//! What git knows.

use super::version::Version;
use crate::sh;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// Fails when anything is not committed.
pub(super) fn clean(root: &Path) -> Result<()> {
    let status = sh::output(root, "git", &["status", "--porcelain"])?;
    ensure!(status.trim().is_empty(), "the tree is not clean; commit or stash:\n{status}");
    Ok(())
}

/// The highest released version that this commit contains.
pub(super) fn last_release(root: &Path) -> Result<Option<Version>> {
    let tags = sh::output(root, "git", &["tag", "--list", "v*", "--merged", "HEAD"])?;
    Ok(tags.lines().filter_map(|tag| tag.parse().ok()).max())
}

pub(super) fn has_tag(root: &Path, version: Version) -> Result<bool> {
    Ok(!sh::output(root, "git", &["tag", "--list", &version.tag()])?.trim().is_empty())
}

/// A file as it was, if it was.
pub(super) fn file_at(root: &Path, revision: &str, file: &str) -> Option<String> {
    let output = sh::command(root, "git").args(["show", &format!("{revision}:{file}")]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Today, as git's clock has it.
pub(super) fn today(root: &Path) -> Result<String> {
    let ident = sh::output(root, "date", &["-u", "+%Y-%m-%d"])?;
    Ok(ident.trim().to_owned())
}

/// A fresh clone of what is committed, with this repository's author.
pub(super) fn clone(root: &Path, place: &Path) -> Result<PathBuf> {
    let _ = std::fs::remove_dir_all(place);
    let target = place.to_string_lossy();
    sh::run(root, "git", &["clone", "--quiet", "--no-hardlinks", ".", &target])?;
    for key in ["user.name", "user.email"] {
        let value = sh::output(root, "git", &["config", "--default", "xtask@localhost", key])?;
        sh::run(place, "git", &["config", key, value.trim()])?;
    }
    Ok(place.to_path_buf())
}
