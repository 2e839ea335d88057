//! `cargo xtask advisories`: cargo-deny over the locked dependencies, with the policy of `deny.toml`, and cargo-machete for those
//! that no code uses.
//!
//! The advisories come from a copy of the RustSec database, in the folder `ADVISORY_DB_DIR`, else beside the checkout, so that
//! nothing is fetched while the check runs.

use crate::{install, sh};
use anyhow::Result;
use std::path::Path;
use xshell::{Shell, cmd};

/// Where the database is when the variable is not set.
const BESIDE: &str = "../shared/data/advisory-db";
/// Where `deny.toml` has cargo-deny look for the database: a folder named by a hash of its address.
const DATABASE: &str = "target/advisories/advisory-db-3157b0e258782691";

pub(crate) fn run(sh: &Shell) -> Result<()> {
    let (machete, deny) = (install::MACHETE.program(sh)?, install::DENY.program(sh)?);
    cmd!(sh, "{machete} crates xtask").run()?;
    // cargo-deny reads the manifest of every locked package, also of those for other platforms.
    cmd!(sh, "cargo fetch --locked").run()?;
    let what = "advisories about the dependencies are not looked up";
    let copy = sh::data_folder(sh, "ADVISORY_DB_DIR", BESIDE, what)?;
    copy.as_deref().map(|copy| database(sh, copy)).transpose()?;
    let advisories = copy.map(|_| "advisories");
    let check = "check --hide-inclusion-graph bans licenses sources".split(' ').chain(advisories);
    Ok(cmd!(sh, "{deny} --all-features --locked --offline {check...}").run()?)
}

/// Makes the repository that cargo-deny expects of a plain copy.
fn database(sh: &Shell, copy: &Path) -> Result<()> {
    let place = sh::fresh(sh, DATABASE)?;
    cmd!(sh, "cp --recursive --no-preserve=mode {copy}/crates {place}").run()?;
    let _place = sh.push_dir(place);
    cmd!(sh, "git init --quiet").run()?;
    cmd!(sh, "git add --all").run()?;
    let author = ["user.name=xtask", "user.email=xtask@localhost", "commit.gpgsign=false"];
    let author = author.iter().flat_map(|setting| ["-c", setting]);
    Ok(cmd!(sh, "git {author...} commit --quiet --message Copy").run()?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use xshell::{Shell, cmd};

    fn table(sh: &Shell, file: impl AsRef<Path>) -> toml::Table {
        sh.read_file(file).unwrap().parse().unwrap()
    }

    #[test]
    fn tm_p03_dependencies_are_locked_from_one_registry_and_none_is_banned() {
        let sh = crate::sh::root().unwrap();
        let lock = table(&sh, "Cargo.lock");
        let sources = lock["package"].as_array().unwrap().iter().filter_map(|package| package.get("source"));
        let sources: Vec<_> = sources.filter_map(toml::Value::as_str).collect();
        assert!(sources.len() > 100, "{} packages", sources.len());
        assert!(sources.iter().all(|from| *from == "registry+https://github.com/rust-lang/crates.io-index"));
        let policy = table(&sh, "deny.toml");
        assert_eq!(policy["sources"]["unknown-registry"].as_str(), Some("deny"));
        assert_eq!(policy["sources"]["unknown-git"].as_str(), Some("deny"));
        // What is built. The lock file also holds packages for features that are not used.
        let built = |features: &[&str]| {
            let tree =
                cmd!(sh, "cargo tree --locked --prefix none --no-dedupe {features...}").read().unwrap();
            assert!(tree.lines().count() > 100);
            tree
        };
        let (all, shipped) = (built(&["--workspace", "--all-features"]), built(&["--package", "gateway"]));
        for banned in policy["bans"]["deny"].as_array().unwrap() {
            let name = banned["name"].as_str().unwrap();
            // What is allowed below some crates is what an embedder may choose; the binary has none of it.
            let tree = if banned.get("wrappers").is_some() { &shipped } else { &all };
            assert!(!tree.lines().any(|line| line.starts_with(&format!("{name} v"))), "{name}");
        }
    }

    #[test]
    fn tm_p03_no_crate_of_ours_has_unsafe_code_or_a_build_script() {
        let sh = crate::sh::root().unwrap();
        let workspace = table(&sh, "Cargo.toml");
        assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
        let mut crates = sh.read_dir("crates").unwrap();
        crates.push("xtask".into());
        assert!(crates.len() >= 8);
        for folder in crates {
            let manifest = table(&sh, folder.join("Cargo.toml"));
            assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{}", folder.display());
            assert!(
                !sh.path_exists(folder.join("build.rs")),
                "{} runs code while it is built",
                folder.display()
            );
            assert!(manifest.get("build-dependencies").is_none(), "{}", folder.display());
        }
    }
}
