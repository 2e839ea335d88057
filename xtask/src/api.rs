//! Snapshots of what the libraries promise: every public item, as the crate `public-api` lists it, in `crates/*/api.txt`.
//!
//! A change shows in review as a change of that file. A removed line breaks users of the crate, and requires
//! a breaking version; `release plan` looks at that.

use crate::{semver, sh};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::path::Path;

/// The libraries, in the order in which they depend on each other.
pub(crate) const LIBRARIES: [&str; 8] = [
    "api-transport",
    "leak-guard",
    "token-keeper",
    "mgmt-auth",
    "caller-auth",
    "user-store",
    "idp-adapters",
    "token-broker",
];

/// Everything for the registry, as package and folder, in the order of publication. Tests and examples of the libraries
/// need the sandbox. It promises no API.
pub(crate) const PUBLISHED: [(&str, &str); 9] = [
    ("idp-sandbox", "sandbox"),
    ("api-transport", "api-transport"),
    ("leak-guard", "leak-guard"),
    ("token-keeper", "token-keeper"),
    ("mgmt-auth", "mgmt-auth"),
    ("caller-auth", "caller-auth"),
    ("user-store", "user-store"),
    ("idp-adapters", "idp-adapters"),
    ("token-broker", "token-broker"),
];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Writes the snapshots anew instead of comparing.
    #[arg(long)]
    bless: bool,
    /// What cargo-semver-checks finds to be broken since a revision, such as the tag of the last release. Nothing else is done. It
    /// installs the tool, which takes some minutes.
    #[arg(long, value_name = "REV")]
    semver: Option<String>,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    if let Some(revision) = &options.semver {
        return semver::run(root, revision);
    }
    let mut changed = Vec::new();
    let target = root.join("target");
    document(root, &target, &target)?;
    for library in LIBRARIES {
        let now = snapshot(root, library)?;
        let file = root.join("crates").join(library).join("api.txt");
        let then = std::fs::read_to_string(&file).unwrap_or_default();
        if now == then {
            continue;
        }
        let (gone, new) = difference(&then, &now);
        for line in gone {
            sh::say(&format!("{library} - {line}"));
        }
        for line in new {
            sh::say(&format!("{library} + {line}"));
        }
        if options.bless {
            std::fs::write(&file, now)?;
        } else {
            changed.push(library);
        }
    }
    ensure!(
        changed.is_empty(),
        "the public API of {} changed; if that is meant, `cargo xtask api --bless` and a change fragment",
        changed.join(", ")
    );
    sh::say(&format!("api: {} libraries", LIBRARIES.len()));
    Ok(())
}

/// Lines that went and lines that came.
pub(crate) fn difference<'a>(then: &'a str, now: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (then.lines().collect(), now.lines().collect());
    (old.difference(&new).copied().collect(), new.difference(&old).copied().collect())
}

/// Lets rustdoc write the JSON of all libraries that are in `root` below `target`, with what was built for it below `built`.
pub(crate) fn document(root: &Path, target: &Path, built: &Path) -> Result<()> {
    let own = target.join("api");
    std::fs::create_dir_all(&own)?;
    // Only rustdoc itself is let near unstable options: with the variable set for cargo, every dependency would be built anew.
    let wrapper = own.join("rustdoc");
    std::fs::write(&wrapper, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec \"${REAL_RUSTDOC:-rustdoc}\" \"$@\"\n")?;
    sh::run(root, "chmod", &["+x", &wrapper.to_string_lossy()])?;
    let mut cargo = sh::command(root, "cargo");
    cargo.args(["doc", "--quiet", "--lib", "--no-deps", "--locked", "--all-features"]);
    let there = LIBRARIES.into_iter().filter(|library| root.join("crates").join(library).is_dir());
    cargo.args(there.flat_map(|library| ["--package", library]));
    cargo.env("RUSTDOCFLAGS", "-Zunstable-options --output-format json --cap-lints allow");
    cargo.env("RUSTDOC", &wrapper).env("CARGO_TARGET_DIR", target);
    cargo.env("CARGO_BUILD_BUILD_DIR", built);
    sh::run_command(&mut cargo)
}

fn snapshot(root: &Path, library: &str) -> Result<String> {
    let file = root.join("target/doc").join(format!("{}.json", library.replace('-', "_")));
    // What every type has by a blanket implementation, and what is derived, would hide what was written.
    let api = public_api::Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("the public API of {library}"))?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_line_by_line() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), (vec!["a"], vec!["c"]));
    }
}
