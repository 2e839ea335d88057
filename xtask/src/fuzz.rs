//! `cargo xtask fuzz`: cargo-fuzz over each fuzz target for a while, from the saved corpus. Needs a C++ compiler for libFuzzer; the
//! stable compiler does with `RUSTC_BOOTSTRAP=1`. What is found lies in `crates/gateway/fuzz/artifacts`.

use crate::{sh, tools};
use anyhow::{Result, ensure};
use std::path::Path;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// One target alone.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let folder = root.join("crates/gateway/fuzz");
    // What is fuzzed is what is shipped: the product's versions, and libFuzzer beside them.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let list = tools::FUZZ.command(root, &folder)?.args(["fuzz", "list"]).output()?;
    let targets: Vec<_> = String::from_utf8(list.stdout)?.lines().map(str::to_owned).collect();
    ensure!(!targets.is_empty(), "cargo-fuzz finds no targets");
    if let Some(only) = &options.target {
        ensure!(targets.contains(only), "there is no target `{only}`; there are {}", targets.join(", "));
    }
    for target in targets.iter().filter(|target| options.target.as_ref().is_none_or(|only| only == *target)) {
        // New inputs go into the first folder; the saved corpus stays as it is.
        let grown = root.join("target/fuzz/corpus").join(target);
        std::fs::create_dir_all(&grown)?;
        let mut fuzz = tools::FUZZ.command(root, &folder)?;
        // Safe code needs no address sanitizer, which only the nightly compiler has.
        fuzz.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
            .arg(root.join("target/fuzz"))
            .arg(target);
        fuzz.arg(grown).arg(folder.join("corpus").join(target)).arg("--");
        fuzz.args([
            "-max_len=4096",
            "-rss_limit_mb=1024",
            "-timeout=10",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        fuzz.arg(format!("-max_total_time={}", options.seconds)).env("RUSTC_BOOTSTRAP", "1");
        sh::run_command(&mut fuzz)?;
    }
    Ok(())
}
