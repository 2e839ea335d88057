//! `cargo xtask advisories`: cargo-deny over the locked dependencies, with the policy of `deny.toml`, and cargo-machete for those
//! that no code uses.
//!
//! The advisories come from a copy of the RustSec database, in the folder `ADVISORY_DB_DIR`, else beside the checkout, so that
//! nothing is fetched while the check runs.

use crate::{sh, tools};
use anyhow::Result;
use std::path::Path;

/// Where the database is when the variable is not set.
const BESIDE: &str = "../shared/data/advisory-db";
/// Where `deny.toml` has cargo-deny look for the database: a folder named by a hash of its address.
const DATABASE: &str = "target/advisories/advisory-db-3157b0e258782691";

pub(crate) fn run(root: &Path) -> Result<()> {
    let mut unused = tools::MACHETE.command(root, root)?;
    sh::run_command(unused.args(["crates", "xtask"]))?;
    // cargo-deny reads the manifest of every locked package, also of those for other platforms.
    sh::run(root, "cargo", &["fetch", "--locked"])?;
    let mut deny = tools::DENY.command(root, root)?;
    deny.args(["--all-features", "--locked", "--offline", "check", "--hide-inclusion-graph"]);
    deny.args(["bans", "licenses", "sources"]);
    let what = "advisories about the dependencies are not looked up";
    if let Some(copy) = sh::data_folder(root, "ADVISORY_DB_DIR", BESIDE, what)? {
        database(&copy, &root.join(DATABASE))?;
        deny.arg("advisories");
    }
    sh::run_command(&mut deny)
}

/// Makes the repository that cargo-deny expects of a plain copy.
fn database(copy: &Path, place: &Path) -> Result<()> {
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place)?;
    sh::run(copy, "cp", &["--recursive", "--no-preserve=mode", "crates", &place.to_string_lossy()])?;
    sh::run(place, "git", &["init", "--quiet"])?;
    sh::run(place, "git", &["add", "--all"])?;
    let author = ["-c", "user.name=xtask", "-c", "user.email=xtask@localhost", "-c", "commit.gpgsign=false"];
    sh::run(place, "git", &[author.as_slice(), &["commit", "--quiet", "--message", "Copy"]].concat())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn table(file: &Path) -> toml::Table {
        std::fs::read_to_string(file).unwrap().parse().unwrap()
    }

    #[test]
    fn tm_p03_dependencies_are_locked_from_one_registry_and_none_is_banned() {
        let root = crate::sh::root().unwrap();
        let lock = table(&root.join("Cargo.lock"));
        let sources = lock["package"].as_array().unwrap().iter().filter_map(|package| package.get("source"));
        let sources: Vec<_> = sources.filter_map(toml::Value::as_str).collect();
        assert!(sources.len() > 100, "{} packages", sources.len());
        assert!(sources.iter().all(|from| *from == "registry+https://github.com/rust-lang/crates.io-index"));
        let policy = table(&root.join("deny.toml"));
        assert_eq!(policy["sources"]["unknown-registry"].as_str(), Some("deny"));
        assert_eq!(policy["sources"]["unknown-git"].as_str(), Some("deny"));
        // What is built. The lock file also holds packages for features that are not used.
        let built = |features: &[&str]| {
            let args = ["tree", "--locked", "--prefix", "none", "--no-dedupe"];
            let tree = crate::sh::output(&root, "cargo", &[&args, features].concat()).unwrap();
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
        let root = crate::sh::root().unwrap();
        let manifest = |folder: &Path| table(&folder.join("Cargo.toml"));
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
}
