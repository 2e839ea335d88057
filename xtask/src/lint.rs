//! Formatting, clippy and rustdoc with warnings denied, the libraries with ring, and the oldest compiler.

use crate::api::PUBLISHED;
use crate::sh;
use anyhow::{Result, ensure};
use xshell::{Cmd, Shell, cmd};

/// The oldest compiler that the published crates build with: what their dependencies need.
const OLDEST: &str = "1.90.0";

/// The libraries with cryptography, and the features with which they are checked with ring in place of aws-lc-rs, which the rest of
/// the checks use.
const WITH_RING: [(&str, &str); 6] = [
    ("api-transport", "ring,reqwest"),
    ("mgmt-auth", "ring,reqwest"),
    ("caller-auth", "ring,axum,reqwest,tower"),
    ("user-store", "ring,reqwest"),
    ("idp-adapters", "ring,facebook-proof,reqwest"),
    ("token-broker", "ring,file,postgres,redis,reqwest"),
];
/// Those of them that do not compile without a backend.
pub(crate) const NEEDED: [&str; 2] = ["caller-auth", "token-broker"];

pub(crate) fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    cmd!(sh, "cargo clippy --workspace --all-targets --locked -- -D warnings").run()?;
    cmd!(sh, "cargo clippy --package gateway --no-default-features --locked -- -D warnings").run()?;
    with_ring(sh)?;
    cmd!(sh, "cargo doc --workspace --no-deps --locked").env("RUSTDOCFLAGS", "-D warnings").run()?;
    oldest(sh)
}

/// Checks the published crates with the oldest compiler, where rustup has it.
fn oldest(sh: &Shell) -> Result<()> {
    let there = cmd!(sh, "rustup run {OLDEST} rustc --version");
    if !sh::succeeds(there).is_ok_and(|there| there) {
        ensure!(sh.var_os("DATA_REQUIRED").is_none(), "`rustup toolchain install {OLDEST}` is missing");
        sh::say(&format!("lint: skipped Rust {OLDEST}, which rustup does not have"));
        return Ok(());
    }
    let packages = PUBLISHED.iter().flat_map(|(package, ..)| ["--package", package]);
    let target = sh.current_dir().join("target/oldest");
    cmd!(sh, "rustup run {OLDEST} cargo check --quiet --locked --lib --all-features {packages...}")
        .env("CARGO_TARGET_DIR", target)
        .run()?;
    Ok(())
}

/// Lints each library with ring, and looks at the dependencies: aws-lc is not among them, and ring is not among the gateway's.
fn with_ring(sh: &Shell) -> Result<()> {
    // The last are clients over a transport of the embedder's, without any cryptography.
    for (library, features) in WITH_RING.into_iter().chain([("idp-adapters", "client")]) {
        let chosen = ["--package", library, "--no-default-features", "--features", features, "--locked"];
        cmd!(sh, "cargo clippy --quiet --lib {chosen...} -- -D warnings").run()?;
        absent(sh, "aws-lc", &chosen)?;
    }
    absent(sh, "ring", &["--package", "gateway", "--locked"])
}

/// The unit tests of the libraries with ring, in one build.
pub(crate) fn ring_tests(sh: &Shell) -> Cmd<'_> {
    let packages = WITH_RING.iter().flat_map(|(library, _)| ["--package", library]);
    let features = WITH_RING.iter().flat_map(|(library, features)| {
        features.split(',').flat_map(move |feature| ["--features".into(), format!("{library}/{feature}")])
    });
    cmd!(sh, "cargo test --locked --lib --no-default-features {packages...} {features...}")
}

/// Fails where a package whose name begins with `name` is among the dependencies.
fn absent(sh: &Shell, name: &str, chosen: &[&str]) -> Result<()> {
    let tree = cmd!(sh, "cargo tree --quiet --edges normal,build --prefix none {chosen...}").read()?;
    let mut packages = tree.lines().filter_map(|line| line.split(' ').next());
    let found = packages.find(|package| *package == name || package.starts_with(&format!("{name}-")));
    let (found, chosen) = (found.unwrap_or_default(), chosen.join(" "));
    ensure!(found.is_empty(), "{found} is among the dependencies of `{chosen}`");
    Ok(())
}
