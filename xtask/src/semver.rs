//! `cargo xtask api --semver REV`: what cargo-semver-checks finds between a revision and the tree. It reads what rustdoc says about the
//! types, which the snapshots of public items do not hold: a trait that a type no longer implements, a struct that can no longer be
//! built with its fields.

use crate::{api, sh, tools};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

pub(crate) fn run(root: &Path, revision: &str) -> Result<()> {
    let target = root.join("target");
    let baseline = baseline(root, revision)?;
    api::document(root, &target, &target)?;
    let current = target.join("doc");
    let mut breaking = Vec::new();
    for library in api::LIBRARIES {
        let file = format!("{}.json", library.replace('-', "_"));
        let (old, new) = (baseline.join(&file), current.join(&file));
        if !old.is_file() {
            sh::say(&format!("{library}: not in {revision}"));
            continue;
        }
        sh::say(&format!("== {library} =="));
        let mut check = tools::SEMVER_CHECKS.command(root, root)?;
        check.args(["semver-checks", "--release-type", "minor"]);
        check.arg("--baseline-rustdoc").arg(old).arg("--current-rustdoc").arg(new);
        if sh::run_command(&mut check).is_err() {
            breaking.push(library);
        }
    }
    ensure!(
        breaking.is_empty(),
        "users of {revision} have to change their code for {}: that takes a fragment with `bump: breaking`",
        breaking.join(", ")
    );
    sh::say(&format!("semver: nothing is broken since {revision}"));
    Ok(())
}

/// The folder with the rustdoc JSON of the libraries at a revision. Their dependencies are built for both, as far as they are the same.
fn baseline(root: &Path, revision: &str) -> Result<PathBuf> {
    let place = root.join("target/semver");
    let (tree, target) = (place.join("tree"), place.join("build"));
    for earlier in [&tree, &target.join("doc")] {
        let _ = std::fs::remove_dir_all(earlier);
    }
    std::fs::create_dir_all(&place)?;
    sh::run(root, "git", &["clone", "--quiet", "--no-checkout", ".", &tree.to_string_lossy()])?;
    sh::run(&tree, "git", &["checkout", "--quiet", "--detach", revision])?;
    api::document(&tree, &target, &root.join("target"))?;
    Ok(target.join("doc"))
}
