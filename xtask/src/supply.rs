//! `cargo xtask advisories`: known weaknesses of the locked dependencies, their licences, sources and bans, without a network.
//!
//! The advisories come from a copy of the RustSec database, in the folder `ADVISORY_DB_DIR`, else beside the checkout. What
//! may be used otherwise is read from `deny.toml`, so that those who have cargo-deny get the same answers from it.

mod advisory;
mod licence;

use crate::sh;
use anyhow::{Context as _, Result, bail};
use semver::Version;
use std::{collections::BTreeSet, path::Path};

/// Advisories that are known not to touch us, each with its reason.
const WAIVED: [(&str, &str); 0] = [];

/// Where the database is when nobody says.
const BESIDE: &str = "../shared/data/advisory-db";

/// The one registry that dependencies may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A locked package.
struct Locked {
    name: String,
    version: Version,
    /// `None`: one of ours.
    source: Option<String>,
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let locked = lock(&std::fs::read_to_string(root.join("Cargo.lock")).context("Cargo.lock")?)?;
    let policy: toml::Table =
        std::fs::read_to_string(root.join("deny.toml")).context("deny.toml")?.parse()?;
    let mut findings = origins(&locked);
    let built = built(root)?;
    findings.extend(bans(&built, &policy));
    findings.extend(licences(&built, &policy)?);
    let what = "known weaknesses of the dependencies are not looked up";
    if let Some(folder) = sh::data_folder(root, "ADVISORY_DB_DIR", BESIDE, what)? {
        findings.extend(weaknesses(&folder, &locked)?);
    }
    for finding in &findings {
        sh::say(finding);
    }
    if !findings.is_empty() {
        bail!("{} findings in {} locked packages", findings.len(), locked.len());
    }
    sh::say(&format!("advisories: {} locked packages, nothing found", locked.len()));
    Ok(())
}

fn lock(text: &str) -> Result<Vec<Locked>> {
    let lock: toml::Table = text.parse()?;
    let packages =
        lock.get("package").and_then(toml::Value::as_array).context("no packages in Cargo.lock")?;
    let read = |package: &toml::Value| {
        let text = |name: &str| package.get(name).and_then(toml::Value::as_str);
        Ok(Locked {
            name: text("name").context("a package without a name")?.to_owned(),
            version: Version::parse(text("version").context("a package without a version")?)?,
            source: text("source").map(str::to_owned),
        })
    };
    packages.iter().map(read).collect()
}

fn origins(locked: &[Locked]) -> Vec<String> {
    let foreign =
        locked.iter().filter(|package| package.source.as_deref().is_some_and(|from| from != REGISTRY));
    foreign
        .map(|package| {
            let from = package.source.as_deref().unwrap_or_default();
            format!("{} {}: comes from {from}; only crates.io is allowed", package.name, package.version)
        })
        .collect()
}

/// A package that is really built, with all features of ours.
struct Built {
    name: String,
    version: String,
    licence: Option<String>,
}

/// The lock file, and `cargo metadata` too, also hold what only features that nobody asks for would need; `cargo tree` does
/// not.
fn built(root: &Path) -> Result<Vec<Built>> {
    let args = ["tree", "--workspace", "--all-features", "--locked", "--edges", "normal,build,dev"];
    let shape = ["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"];
    Ok(listed(&sh::output(root, "cargo", &[args.as_slice(), &shape].concat())?))
}

/// Reads `name v1.0.0 (more)|licence` lines.
fn listed(tree: &str) -> Vec<Built> {
    let lines: BTreeSet<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
    let read = |line: &str| {
        let (package, licence) = line.rsplit_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned());
        Some(Built { name, version, licence: (!licence.is_empty()).then(|| licence.to_owned()) })
    };
    lines.into_iter().filter_map(read).collect()
}

/// `bans.deny` of `deny.toml`.
fn bans(built: &[Built], policy: &toml::Table) -> Vec<String> {
    let denied = policy.get("bans").and_then(|bans| bans.get("deny")).and_then(toml::Value::as_array);
    let mut findings = Vec::new();
    for ban in denied.into_iter().flatten() {
        let text = |name: &str| ban.get(name).and_then(toml::Value::as_str).unwrap_or_default();
        if let Some(package) = built.iter().find(|package| package.name == text("name")) {
            findings.push(format!("{} {}: banned, {}", package.name, package.version, text("reason")));
        }
    }
    findings
}

/// The licences of what is built, against `licenses.allow` of `deny.toml`.
fn licences(built: &[Built], policy: &toml::Table) -> Result<Vec<String>> {
    let allowed = policy.get("licenses").and_then(|licences| licences.get("allow"));
    let allowed: Vec<&str> = allowed
        .and_then(toml::Value::as_array)
        .context("deny.toml allows no licence")?
        .iter()
        .filter_map(toml::Value::as_str)
        .collect();
    let mut findings = Vec::new();
    for Built { name, version, licence } in built {
        match licence {
            Some(expression) if licence::allows(expression, &allowed)? => {}
            Some(expression) => {
                findings.push(format!("{name} {version}: licence {expression} is not in deny.toml"))
            }
            None => findings.push(format!("{name} {version}: states no licence")),
        }
    }
    Ok(findings)
}

fn weaknesses(folder: &Path, locked: &[Locked]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut read = 0;
    for package in locked.iter().filter(|package| package.source.is_some()) {
        let Ok(files) = std::fs::read_dir(folder.join("crates").join(&package.name)) else { continue };
        for file in files {
            let path = file?.path();
            let text = std::fs::read_to_string(&path)?;
            let advisory = advisory::parse(&text).with_context(|| path.display().to_string())?;
            read += 1;
            let waived = WAIVED.iter().any(|(id, _)| *id == advisory.id);
            if advisory.affects(&package.version) && !advisory.informational && !waived {
                let (name, version) = (&package.name, &package.version);
                findings.push(format!("{name} {version}: {} {}", advisory.id, advisory.title));
            }
        }
    }
    sh::say(&format!("{read} advisories about locked packages, {} waived", WAIVED.len()));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
        [[package]]
        name = "gateway"
        version = "0.1.0"

        [[package]]
        name = "openssl"
        version = "0.10.1"
        source = "registry+https://github.com/rust-lang/crates.io-index"

        [[package]]
        name = "odd"
        version = "1.0.0"
        source = "git+https://example.com/odd"
    "#;

    #[test]
    fn foreign_sources_banned_crates_and_licences_are_found() {
        let locked = lock(LOCK).unwrap();
        assert_eq!(origins(&locked).len(), 1);
        let tree = "openssl v0.10.1|GPL-3.0\nfine v1.0.0 (proc-macro)|MIT\nfine v1.0.0 (proc-macro)|MIT\nodd v0.1.0|\n";
        let built = listed(tree);
        assert_eq!(built.len(), 3);
        let policy =
            "[bans]\ndeny = [{ name = \"openssl\", reason = \"one crypto provider\" }]\n[licenses]\nallow = [\"MIT\"]".parse().unwrap();
        assert_eq!(bans(&built, &policy), ["openssl 0.10.1: banned, one crypto provider"]);
        assert_eq!(bans(&built, &toml::Table::new()).len(), 0);
        assert_eq!(licences(&built, &policy).unwrap().len(), 2);
    }

    #[test]
    fn tm_p03_dependencies_are_locked_from_one_registry_and_none_is_banned() {
        let root = crate::sh::root().unwrap();
        let locked = lock(&std::fs::read_to_string(root.join("Cargo.lock")).unwrap()).unwrap();
        assert_eq!(origins(&locked), Vec::<String>::new());
        let policy = std::fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap();
        let built = built(&root).unwrap();
        assert!(built.len() > 100, "cargo tree lists {} packages", built.len());
        assert_eq!(bans(&built, &policy), Vec::<String>::new());
        assert_eq!(licences(&built, &policy).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn tm_p03_no_crate_of_ours_has_unsafe_code_or_a_build_script() {
        let root = crate::sh::root().unwrap();
        let manifest = |folder: &Path| -> toml::Table {
            std::fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap()
        };
        assert_eq!(manifest(&root)["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
        let crates = std::fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
        let crates: Vec<_> = crates.chain([root.join("xtask")]).collect();
        assert!(crates.len() >= 8);
        for folder in crates {
            let manifest = manifest(&folder);
            assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{}", folder.display());
            assert!(!folder.join("build.rs").exists(), "{} runs code while it is built", folder.display());
            assert!(manifest.get("build-dependencies").is_none(), "{}", folder.display());
        }
    }

    #[test]
    fn a_weakness_is_found_where_the_database_names_one() {
        let folder = std::env::temp_dir().join(format!("advisories-{}", std::process::id()));
        let place = folder.join("crates/openssl");
        std::fs::create_dir_all(&place).unwrap();
        let text = "```toml\n[advisory]\nid = \"RUSTSEC-1\"\npackage = \"openssl\"\n[versions]\npatched = [\">= 0.10.2\"]\n```\n\n# Bad\n";
        std::fs::write(place.join("RUSTSEC-1.md"), text).unwrap();
        let found = weaknesses(&folder, &lock(LOCK).unwrap()).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, ["openssl 0.10.1: RUSTSEC-1 Bad"]);
    }
}
