//! `cargo xtask fuzz`: cargo-fuzz over each fuzz target for a while, from the saved corpus. Needs a C++ compiler for libFuzzer; the
//! stable compiler does with `RUSTC_BOOTSTRAP=1`. What is found lies in `crates/gateway/fuzz/artifacts`.

use crate::install;
use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

const FOLDER: &str = "crates/gateway/fuzz";
const LIMITS: [&str; 5] =
    ["-max_len=4096", "-rss_limit_mb=1024", "-timeout=10", "-print_final_stats=1", "-verbosity=0"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// One target alone.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    // What is fuzzed is what is shipped: the product's versions, and libFuzzer beside them.
    sh.copy_file("Cargo.lock", FOLDER)?;
    let (cargo_fuzz, target) = (install::FUZZ.program(sh)?, sh.current_dir().join("target/fuzz"));
    let _folder = sh.push_dir(FOLDER);
    let all = cmd!(sh, "{cargo_fuzz} fuzz list").read()?;
    ensure!(!all.is_empty(), "cargo-fuzz finds no targets");
    for name in options.target.as_deref().unwrap_or(&all).lines() {
        // New inputs go into the first folder; the saved corpus stays as it is.
        let corpus = [sh.create_dir(target.join("corpus").join(name))?, format!("corpus/{name}").into()];
        // Safe code needs no address sanitizer, which only the nightly compiler has.
        let build =
            cmd!(sh, "{cargo_fuzz} fuzz run --sanitizer none --target-dir {target} {name} {corpus...}");
        let limits = build.arg("--").args(LIMITS).arg(format!("-max_total_time={}", options.seconds));
        limits.env("RUSTC_BOOTSTRAP", "1").run()?;
    }
    Ok(())
}
