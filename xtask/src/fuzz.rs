//! `cargo xtask fuzz`: each fuzz target for a while, from the saved corpus. Needs a C++ compiler for libFuzzer; the stable
//! compiler does with `RUSTC_BOOTSTRAP=1`. What is found lies in `crates/gateway/fuzz/artifacts`.

use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

const FOLDER: &str = "crates/gateway/fuzz";
/// Coverage for libFuzzer, as cargo-fuzz asks for it.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Ccodegen-units=1";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// One target alone.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let folder = root.join(FOLDER);
    let targets = targets(&std::fs::read_to_string(folder.join("Cargo.toml"))?)?;
    if let Some(only) = &options.target {
        ensure!(targets.contains(only), "there is no target `{only}`; there are {}", targets.join(", "));
    }
    let version = sh::output(root, "rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let place = root.join("target/fuzz");
    // What is fuzzed is what is shipped: the product's versions, and libFuzzer beside them.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut build = sh::command(&folder, "cargo");
    // With `--target` the flags are for the targets alone, not for build scripts.
    build.args(["build", "--release", "--target", host, "--target-dir"]).arg(&place);
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", COVERAGE);
    sh::run_command(&mut build)?;
    for target in targets.iter().filter(|target| options.target.as_ref().is_none_or(|only| only == *target)) {
        let (found, grown) = (folder.join("artifacts").join(target), place.join("corpus").join(target));
        std::fs::create_dir_all(&found)?;
        std::fs::create_dir_all(&grown)?;
        let binary = place.join(host).join("release").join(target);
        let mut fuzz = sh::command(&folder, &binary.to_string_lossy());
        fuzz.arg(&grown).arg(folder.join("corpus").join(target));
        fuzz.arg(format!("-max_total_time={}", options.seconds));
        fuzz.arg(format!("-artifact_prefix={}/", found.display()));
        fuzz.args([
            "-max_len=4096",
            "-rss_limit_mb=1024",
            "-timeout=10",
            "-print_final_stats=1",
            "-verbosity=0",
        ]);
        sh::run_command(&mut fuzz)?;
    }
    Ok(())
}

fn targets(manifest: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse()?;
    let bins = manifest.get("bin").and_then(toml::Value::as_array).context("no targets")?;
    let names = bins.iter().filter_map(|bin| bin.get("name").and_then(toml::Value::as_str));
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_binaries() {
        assert_eq!(targets("[[bin]]\nname = \"a\"\n[[bin]]\nname = \"b\"\n").unwrap(), ["a", "b"]);
        assert!(targets("[package]\nname = \"x\"\n").is_err());
    }
}
