//! `cargo xtask test`: what needs nothing but cargo, then one pass with each real part.

use crate::{image, parts, sh};
use anyhow::{Result, bail};
use std::path::Path;

/// Where Wycheproof's JOSE vectors are when nobody says.
const WYCHEPROOF: &str = "../shared/data/wycheproof";

#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// One real part alone, without the workspace's own tests.
    #[arg(long, value_enum)]
    only: Option<parts::Part>,
    /// The long rounds too: a hundred thousand hostile requests; a million asks of accounts that look alike; a million calls to
    /// plan; a hundred kills of a gateway in a fleet, up to half a minute each; the image, built and run.
    #[arg(long)]
    full: bool,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    if options.only.is_none() {
        let mut tests = sh::command(root, "cargo");
        tests.args(["test", "--workspace", "--locked"]);
        let what = "Wycheproof's JOSE vectors are not tried";
        if let Some(folder) = sh::data_folder(root, "WYCHEPROOF_DIR", WYCHEPROOF, what)? {
            tests.env("WYCHEPROOF_DIR", folder);
        }
        if options.full {
            tests.env("PAIRS", "1000000").env("PLANS", "1000000").env("HOSTILE_REQUESTS", "100000");
        }
        sh::run_command(&mut tests)?;
    }
    let mut failed = Vec::new();
    let wanted = parts::Part::ALL.into_iter().filter(|part| options.only.is_none_or(|only| only == *part));
    let mut passed = 0;
    for part in wanted {
        sh::say(&format!("== {} ==", part.title()));
        match part.run(root, options.full) {
            Ok(()) => passed += 1,
            Err(error) => {
                sh::say(&format!("{}: {error:#}", part.title()));
                failed.push(part.title());
            }
        }
    }
    if options.full && options.only.is_none() {
        sh::say("== container image ==");
        image::run(root, &image::Options::default())?;
    }
    sh::say(&format!("real parts: {passed} passed, {} failed", failed.len()));
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}
