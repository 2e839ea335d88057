//! The TypeScript client as a package for npm. It is made and tried here; nothing is published.

use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

const SOURCES: &str = "docs/examples/client";
/// Has the compiler, and the program that uses the package.
const TESTS: &str = "crates/gateway/tests/examples";

/// Installs what the package is made with.
pub(crate) fn prepare(root: &Path) -> Result<()> {
    sh::run(&root.join(TESTS), "npm", &["ci", "--no-audit", "--no-fund", "--silent"])
}

/// Leaves the package in `folder`. Needs [`prepare`].
pub(crate) fn pack(root: &Path, folder: &Path) -> Result<PathBuf> {
    let stage = fresh(root, "target/npm-client")?;
    for file in ["package.json", "README.md"] {
        std::fs::copy(root.join(SOURCES).join(file), stage.join(file)).context(file)?;
    }
    for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
        std::fs::copy(root.join(license), stage.join(license)).context(license)?;
    }
    let sources = root.join(SOURCES);
    let out = stage.join("dist");
    compile(root, root, &["-p", &sources.to_string_lossy(), "--outDir", &out.to_string_lossy()])?;
    let destination = folder.to_string_lossy();
    let packed = sh::output(
        &stage,
        "npm",
        &["pack", "--silent", "--ignore-scripts", "--pack-destination", &destination],
    )?;
    let archive = folder.join(packed.trim());
    ensure!(archive.is_file(), "npm left no {}", archive.display());
    Ok(archive)
}

/// Installs the package alone into an empty folder, and compiles and runs a program that uses it.
pub(crate) fn try_out(root: &Path, archive: &Path) -> Result<()> {
    let trial = fresh(root, "target/npm-client-trial")?;
    std::fs::write(trial.join("package.json"), "{ \"private\": true, \"type\": \"module\" }\n")?;
    let install = ["install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts", "--offline"];
    sh::run(&trial, "npm", &[install.as_slice(), &[&archive.to_string_lossy()]].concat())?;
    std::fs::copy(root.join(TESTS).join("packed.ts"), trial.join("packed.ts"))?;
    let options = ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"];
    compile(root, &trial, &[options.as_slice(), &["packed.ts"]].concat())?;
    sh::run(&trial, "node", &["packed.js"])
}

fn compile(root: &Path, folder: &Path, args: &[&str]) -> Result<()> {
    let compiler = root.join(TESTS).join("node_modules/.bin/tsc");
    sh::run(folder, &compiler.to_string_lossy(), args)
}

fn fresh(root: &Path, name: &str) -> Result<PathBuf> {
    let folder = root.join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}
