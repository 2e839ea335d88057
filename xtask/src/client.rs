//! The TypeScript client as a package for npm. It is made and tried here; nothing is published.

use crate::{install, sh};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

const SOURCES: &str = "docs/examples/client";
/// Has the compiler, and the program that uses the package.
const TESTS: &str = "crates/gateway/tests/examples";
const COMPILER: &str = "crates/gateway/tests/examples/node_modules/.bin/tsc";

/// Leaves the package in `folder`, and tries it: installs it alone into an empty folder, and compiles and runs a program that uses
/// it.
pub(crate) fn package(sh: &Shell, folder: &Path) -> Result<()> {
    install::npm(sh, TESTS)?;
    let archive = pack(sh, folder)?;
    let trial = sh::fresh(sh, "target/npm-client-trial")?;
    sh.write_file(trial.join("package.json"), "{ \"private\": true, \"type\": \"module\" }\n")?;
    sh.copy_file(format!("{TESTS}/packed.ts"), &trial)?;
    let compiler = sh.current_dir().join(COMPILER);
    let _trial = sh.push_dir(trial);
    cmd!(sh, "npm install --no-audit --no-fund --silent --ignore-scripts --offline {archive}").run()?;
    cmd!(sh, "{compiler} --strict --module nodenext --target es2022 --lib es2022,dom packed.ts").run()?;
    Ok(cmd!(sh, "node packed.js").run()?)
}

fn pack(sh: &Shell, folder: &Path) -> Result<PathBuf> {
    let stage = sh::fresh(sh, "target/npm-client")?;
    let own = ["package.json", "README.md"].map(|file| format!("{SOURCES}/{file}"));
    for file in own.iter().map(String::as_str).chain(["LICENSE-APACHE", "LICENSE-MIT"]) {
        sh.copy_file(file, &stage)?;
    }
    cmd!(sh, "{COMPILER} -p {SOURCES} --outDir {stage}/dist").run()?;
    let _stage = sh.push_dir(stage);
    let packed = cmd!(sh, "npm pack --silent --ignore-scripts --pack-destination {folder}").read()?;
    let archive = folder.join(packed);
    ensure!(archive.is_file(), "npm left no {}", archive.display());
    Ok(archive)
}
