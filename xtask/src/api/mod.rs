//! Snapshots of what the libraries promise: every public item, read from rustdoc's JSON, one a line in `crates/*/api.txt`.
//!
//! A change shows in review as a change of that file. A line that goes breaks somebody who uses the crate, and asks for
//! a breaking version; `release plan` looks at that.

mod list;
mod types;

use crate::sh;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The crates for the registry, in the order in which they depend on each other.
pub(crate) const LIBRARIES: [&str; 7] =
    ["leak-guard", "token-keeper", "mgmt-auth", "caller-auth", "user-store", "idp-adapters", "token-broker"];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Writes the snapshots anew instead of comparing.
    #[arg(long)]
    bless: bool,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let mut changed = Vec::new();
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

fn snapshot(root: &Path, library: &str) -> Result<String> {
    let target = root.join("target/api");
    std::fs::create_dir_all(&target)?;
    // Only rustdoc itself is let near unstable options: with the variable set for cargo, every dependency would be built anew.
    let wrapper = target.join("rustdoc");
    std::fs::write(&wrapper, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec \"${REAL_RUSTDOC:-rustdoc}\" \"$@\"\n")?;
    sh::run(root, "chmod", &["+x", &wrapper.to_string_lossy()])?;
    let mut cargo = sh::command(root, "cargo");
    cargo.args(["rustdoc", "--quiet", "--lib", "--locked", "--all-features", "--package", library]);
    cargo.args(["--", "-Zunstable-options", "--output-format", "json"]);
    cargo.env("RUSTDOC", &wrapper).env("CARGO_TARGET_DIR", &target);
    sh::run_command(&mut cargo)?;
    let file = target.join("doc").join(format!("{}.json", library.replace('-', "_")));
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&file)?).context("rustdoc's JSON")?;
    let lines = list::public(&document).with_context(|| format!("the public API of {library}"))?;
    Ok(lines.into_iter().map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_line_by_line() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), (vec!["a"], vec!["c"]));
    }
}
