//! Snapshots of what the libraries promise: every public item, as the crate `public-api` lists it, in `crates/*/api.txt`.
//!
//! A change shows in review as a change of that file. A removed line breaks users of the crate, and requires
//! a breaking version; `release plan` looks at that.

use crate::{install, sh};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use xshell::{Shell, cmd};

/// Everything for the registry, in the order of publication: package, folder, and the packages of ours that it may depend on.
/// `idp-sandbox` depends on none, so that one misreading of a fact cannot hide on both sides of a test.
pub(crate) const PUBLISHED: [(&str, &str, &str); 9] = [
    ("idp-sandbox", "sandbox", ""),
    ("api-transport", "api-transport", ""),
    ("leak-guard", "leak-guard", ""),
    ("token-keeper", "token-keeper", ""),
    ("mgmt-auth", "mgmt-auth", "api-transport token-keeper"),
    ("caller-auth", "caller-auth", "mgmt-auth"),
    ("user-store", "user-store", "api-transport mgmt-auth token-keeper"),
    ("idp-adapters", "idp-adapters", "api-transport token-keeper"),
    ("token-broker", "token-broker", "user-store mgmt-auth idp-adapters api-transport token-keeper"),
];

/// The libraries. The sandbox, which their tests and examples need, promises no API.
pub(crate) fn libraries() -> impl Iterator<Item = &'static str> {
    PUBLISHED.into_iter().map(|(package, ..)| package).filter(|package| *package != "idp-sandbox")
}

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

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    if let Some(revision) = &options.semver {
        return semver(sh, revision);
    }
    let mut changed = Vec::new();
    document(sh)?;
    for library in libraries() {
        let now = snapshot(sh, library)?;
        let file = format!("crates/{library}/api.txt");
        let then = sh.read_file(&file).unwrap_or_default();
        if now == then {
            continue;
        }
        let (gone, new) = difference(&then, &now);
        gone.into_iter().for_each(|line| sh::say(&format!("{library} - {line}")));
        new.into_iter().for_each(|line| sh::say(&format!("{library} + {line}")));
        if options.bless {
            sh.write_file(&file, now)?;
        } else {
            changed.push(library);
        }
    }
    ensure!(
        changed.is_empty(),
        "the public API of {} changed; if that is meant, `cargo xtask api --bless` and a change fragment",
        changed.join(", ")
    );
    sh::say(&format!("api: {} libraries", libraries().count()));
    Ok(())
}

pub(crate) fn difference<'a>(then: &'a str, now: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (then.lines().collect(), now.lines().collect());
    (old.difference(&new).copied().collect(), new.difference(&old).copied().collect())
}

fn document(sh: &Shell) -> Result<()> {
    let target = sh.current_dir().join("target");
    // Only rustdoc itself is let near unstable options: with the variable set for cargo, every dependency would be built anew.
    let wrapper = target.join("api/rustdoc");
    sh.write_file(&wrapper, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec \"${REAL_RUSTDOC:-rustdoc}\" \"$@\"\n")?;
    cmd!(sh, "chmod +x {wrapper}").run()?;
    let packages = libraries().flat_map(|library| ["--package", library]);
    let doc = cmd!(sh, "cargo doc --quiet --lib --no-deps --locked --all-features {packages...}");
    doc.env("RUSTDOCFLAGS", "-Zunstable-options --output-format json --cap-lints allow")
        .env("RUSTDOC", &wrapper)
        .env("CARGO_TARGET_DIR", &target)
        .run()?;
    Ok(())
}

fn snapshot(sh: &Shell, library: &str) -> Result<String> {
    let file = sh.current_dir().join("target/doc").join(format!("{}.json", library.replace('-', "_")));
    // What every type has by a blanket implementation, and what is derived, would hide what was written.
    let api = public_api::Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("the public API of {library}"))?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// cargo-semver-checks reads what rustdoc says about the types, which the snapshots of public items do not hold: a trait that a type
/// no longer implements, a struct that can no longer be built with its fields.
fn semver(sh: &Shell, revision: &str) -> Result<()> {
    let semver_checks = install::SEMVER_CHECKS.program(sh)?;
    let mut packages = Vec::new();
    for library in libraries() {
        if sh::succeeds(cmd!(sh, "git cat-file -e {revision}:crates/{library}/Cargo.toml"))? {
            packages.extend(["--package", library]);
        } else {
            sh::say(&format!("{library}: not in {revision}"));
        }
    }
    let rule = ["--release-type", "minor", "--all-features", "--baseline-rev", revision];
    cmd!(sh, "{semver_checks} semver-checks {packages...} {rule...}").run().with_context(|| {
        format!("users of {revision} have to change their code: that takes a fragment with `bump: breaking`")
    })?;
    sh::say(&format!("semver: nothing is broken since {revision}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_line_by_line() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), (vec!["a"], vec!["c"]));
    }
}
