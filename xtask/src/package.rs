//! `cargo xtask package`: each published crate as the registry would get it.
//!
//! Every package is built from its own archive, with those it depends on from theirs, and must have what users of the registry
//! look for.

use crate::api::PUBLISHED;
use crate::{backends, sh};
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

/// Every package has these.
const WANTED: [&str; 5] = ["Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"];
/// What Cargo adds.
const MADE: [&str; 3] = ["Cargo.lock", "Cargo.toml.orig", ".cargo_vcs_info.json"];
/// Keys of `[package]` that the registry and docs.rs show.
const SHOWN: [&str; 8] =
    ["description", "documentation", "repository", "license", "readme", "keywords", "categories", "metadata"];
/// Sections of the README.
const SECTIONS: [&str; 3] = ["## Behaviour", "## Features", "## Not in scope"];

/// Cargo unpacks new packages below its home, and uses what is there if the version is the same. Without this, a crate would be
/// built against the code of an earlier run.
fn forget_earlier(version: &str) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(Ok(registries)) = home.map(|home| std::fs::read_dir(home.join("registry/src"))) else {
        return Ok(());
    };
    for registry in registries {
        let registry = registry?;
        // The registries of `cargo package` have no host: their folders are named by a dash and a hash.
        if registry.file_name().to_string_lossy().starts_with('-') {
            for (library, _) in PUBLISHED {
                let earlier = registry.path().join(format!("{library}-{version}"));
                if earlier.is_dir() {
                    std::fs::remove_dir_all(&earlier).with_context(|| earlier.display().to_string())?;
                }
            }
        }
    }
    Ok(())
}

/// Packages and builds the published crates; with `dirty` also what is not committed yet.
pub(crate) fn run(root: &Path, dirty: bool) -> Result<()> {
    let target = root.join("target/release-check");
    forget_earlier(&crate::build::version(root)?)?;
    // The default features, then as few as there can be, with the other backend.
    let backends = backends::NEEDED.map(|library| format!("{library}/ring")).join(",");
    for features in [[].as_slice(), &["--no-default-features", "--features", &backends]] {
        let mut package = sh::command(root, "cargo");
        package.args(["package", "--quiet", "--locked"]).env("CARGO_TARGET_DIR", &target);
        package.args(dirty.then_some("--allow-dirty")).args(features);
        for (library, _) in PUBLISHED {
            package.args(["--package", library]);
        }
        sh::run_command(&mut package)?;
    }
    let version = crate::build::version(root)?;
    let mut findings = Vec::new();
    for (library, _) in PUBLISHED {
        let folder = target.join("package").join(format!("{library}-{version}"));
        let archive = folder.with_file_name(format!("{library}-{version}.crate"));
        let list = sh::output(root, "tar", &["--list", "--gzip", "--file", &archive.to_string_lossy()])?;
        let prefix = format!("{library}-{version}/");
        let files: Vec<_> = list.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        let read = |name: &str| {
            let file = folder.join(name);
            std::fs::read_to_string(&file).with_context(|| file.display().to_string())
        };
        let found = examine(&files, &read("Cargo.toml")?, &read("README.md")?)?;
        findings.extend(found.into_iter().map(|what| format!("{library}: {what}")));
    }
    for finding in &findings {
        sh::say(finding);
    }
    if !findings.is_empty() {
        bail!("package: {} findings", findings.len());
    }
    sh::say(&format!("package: {} crates build on their own", PUBLISHED.len()));
    Ok(())
}

/// What is wrong with one package.
fn examine(files: &[&str], manifest: &str, readme: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse().context("the packaged manifest")?;
    let package = manifest.get("package").and_then(toml::Value::as_table).context("no [package]")?;
    let has_section = |section: &&str| readme.lines().any(|line| line == *section);
    let missing = WANTED.iter().filter(|file| !files.contains(file)).chain(
        SHOWN
            .iter()
            .filter(|key| !package.contains_key(**key))
            .chain(SECTIONS.iter().filter(|one| !has_section(one))),
    );
    let foreign = files.iter().filter(|file| {
        !file.starts_with("src/")
            && !file.starts_with("examples/")
            && !MADE.contains(file)
            && !WANTED.contains(file)
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
