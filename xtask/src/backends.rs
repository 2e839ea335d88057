//! The libraries with ring in place of aws-lc-rs, which the rest of the checks use.

use crate::sh;
use anyhow::{Result, ensure};
use std::{path::Path, process::Command};

/// The libraries with cryptography, and the other features with which they are checked.
const LIBRARIES: [(&str, &[&str]); 6] = [
    ("api-transport", &["reqwest"]),
    ("mgmt-auth", &["reqwest"]),
    ("caller-auth", &["axum", "reqwest", "tower"]),
    ("user-store", &["reqwest"]),
    ("idp-adapters", &["facebook-proof", "reqwest"]),
    ("token-broker", &["file", "postgres", "redis", "reqwest"]),
];
/// Those of them that do not compile without a backend.
pub(crate) const NEEDED: [&str; 2] = ["caller-auth", "token-broker"];

/// Lints each library with ring, and looks at the dependencies: aws-lc is not among them, and ring is not among the gateway's.
pub(crate) fn lint(root: &Path) -> Result<()> {
    for (library, features) in LIBRARIES {
        let features = [&["ring"], features].concat().join(",");
        let chosen = ["--package", library, "--no-default-features", "--features", &features, "--locked"];
        let clippy = [&["clippy", "--quiet", "--lib"], &chosen[..], &["--", "-D", "warnings"]].concat();
        sh::run(root, "cargo", &clippy)?;
        absent(root, "aws-lc", &chosen)?;
    }
    // Clients over a transport of the embedder's, without any cryptography.
    let bare = ["--package", "idp-adapters", "--no-default-features", "--features", "client", "--locked"];
    let clippy = [&["clippy", "--quiet", "--lib"], &bare[..], &["--", "-D", "warnings"]].concat();
    sh::run(root, "cargo", &clippy)?;
    absent(root, "ring", &["--package", "gateway", "--locked"])
}

/// The unit tests of the libraries with ring, in one build.
pub(crate) fn tests(root: &Path) -> Command {
    let mut tests = sh::command(root, "cargo");
    tests.args(["test", "--locked", "--lib", "--no-default-features"]);
    for (library, features) in LIBRARIES {
        tests.args(["--package", library]);
        for feature in features.iter().chain(&["ring"]) {
            tests.args(["--features", &format!("{library}/{feature}")]);
        }
    }
    tests
}

/// Fails where a package whose name begins with `name` is among the dependencies.
fn absent(root: &Path, name: &str, chosen: &[&str]) -> Result<()> {
    let tree = ["tree", "--quiet", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let tree = sh::output(root, "cargo", &[&tree, chosen].concat())?;
    let mut packages = tree.lines().filter_map(|line| line.split(' ').next());
    let found = packages.find(|package| *package == name || package.starts_with(&format!("{name}-")));
    ensure!(
        found.is_none(),
        "{} is among the dependencies of `{}`",
        found.unwrap_or_default(),
        chosen.join(" ")
    );
    Ok(())
}
