//! `cargo xtask package`: each published crate as the registry would get it.
//!
//! Every package is built from its own archive, with those it depends on from theirs, and must have what users of the registry
//! look for.

use crate::api::PUBLISHED;
use crate::{build, lint, sh};
use anyhow::{Context as _, Result, ensure};
use xshell::{Shell, cmd};

const WANTED: [&str; 5] = ["Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"];
/// What Cargo adds.
const MADE: [&str; 3] = ["Cargo.lock", "Cargo.toml.orig", ".cargo_vcs_info.json"];
/// Keys of `[package]` that the registry and docs.rs show.
const SHOWN: [&str; 8] =
    ["description", "documentation", "repository", "license", "readme", "keywords", "categories", "metadata"];
const SECTIONS: [&str; 3] = ["## Behaviour", "## Features", "## Not in scope"];

/// Cargo unpacks new packages below its home, and uses what is there if the version is the same. Without this, a crate would be
/// built against the code of an earlier run.
fn forget_earlier(sh: &Shell, version: &semver::Version) -> Result<()> {
    // The registries of `cargo package` have no host: their folders are named by a dash and a hash.
    let registries = sh.read_dir(sh::cargo_home(sh).join("registry/src")).unwrap_or_default();
    for registry in registries.into_iter().filter(|folder| folder.to_string_lossy().contains("/src/-")) {
        for (library, ..) in PUBLISHED {
            sh.remove_path(registry.join(format!("{library}-{version}")))?;
        }
    }
    Ok(())
}

/// Packages and builds the published crates; with `dirty` also what is not committed yet.
pub(crate) fn run(sh: &Shell, dirty: bool) -> Result<()> {
    let version = build::version(sh)?;
    let target = sh.current_dir().join("target/release-check");
    forget_earlier(sh, &version)?;
    // The default features, then as few as there can be, with the other backend.
    let backends = lint::NEEDED.map(|library| format!("{library}/ring")).join(",");
    for features in [[].as_slice(), &["--no-default-features", "--features", &backends]] {
        let packages = PUBLISHED.iter().flat_map(|(library, ..)| ["--package", library]);
        let options = dirty.then_some("--allow-dirty").into_iter().chain(features.iter().copied());
        cmd!(sh, "cargo package --quiet --locked {options...} {packages...}")
            .env("CARGO_TARGET_DIR", &target)
            .run()?;
    }
    let mut findings = Vec::new();
    for (library, ..) in PUBLISHED {
        let folder = target.join("package").join(format!("{library}-{version}"));
        let list = cmd!(sh, "tar --list --gzip --file {folder}.crate").read()?;
        let files: Vec<_> = list.lines().filter_map(|line| Some(line.split_once('/')?.1)).collect();
        let (manifest, readme) =
            (sh.read_file(folder.join("Cargo.toml"))?, sh.read_file(folder.join("README.md"))?);
        let found = examine(&files, &manifest, &readme)?;
        findings.extend(found.into_iter().map(|what| format!("{library}: {what}")));
    }
    findings.iter().for_each(|finding| sh::say(finding));
    ensure!(findings.is_empty(), "package: {} findings", findings.len());
    sh::say(&format!("package: {} crates build on their own", PUBLISHED.len()));
    Ok(())
}

fn examine(files: &[&str], manifest: &str, readme: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse().context("the packaged manifest")?;
    let package = manifest.get("package").and_then(toml::Value::as_table).context("no [package]")?;
    let has_section = |section: &&str| readme.lines().any(|line| line == *section);
    let missing = WANTED.iter().filter(|file| !files.contains(file));
    let missing = missing.chain(SHOWN.iter().filter(|key| !package.contains_key(**key)));
    let missing = missing.chain(SECTIONS.iter().filter(|one| !has_section(one)));
    let foreign = files.iter().filter(|file| {
        let source = file.starts_with("src/") || file.starts_with("examples/");
        !source && !MADE.contains(file) && !WANTED.contains(file)
    });
    let links = readme.lines().filter(|line| {
        line.split("](").skip(1).any(|rest| !rest.starts_with("https://") && !rest.starts_with('#'))
    });
    let found = missing.map(|what| format!("`{what}` is missing"));
    let found = found.chain(foreign.map(|file| format!("{file} has no place in the package")));
    let found = found.chain(
        links.map(|line| format!("README.md links into the workspace, which docs.rs does not have: {line}")),
    );
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# x\n## Behaviour\n## Features\n## Not in scope\n[docs](https://docs.rs/x)\n";

    fn manifest() -> String {
        format!("[package]\n{}", SHOWN.map(|key| format!("{key} = \"x\"\n")).concat())
    }

    #[test]
    fn a_good_package_passes() {
        assert!(examine(&WANTED, &manifest(), README).unwrap().is_empty());
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let mut files = WANTED.to_vec();
        files.retain(|file| *file != "LICENSE-MIT");
        files.push("tests/it/main.rs");
        let manifest = manifest().replace("keywords", "words");
        let readme = README.replace("https://docs.rs/x", "../../docs/x.md").replace("## Features\n", "");
        let found = examine(&files, &manifest, &readme).unwrap();
        for part in
            ["LICENSE-MIT` is missing", "tests/it/main.rs", "`keywords`", "`## Features`", "docs/x.md"]
        {
            assert!(found.iter().any(|line| line.contains(part)), "{part}: {found:?}");
        }
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
