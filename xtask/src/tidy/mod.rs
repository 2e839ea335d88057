//! Checks the repository itself. Every finding names the file and what to do about it.

mod dockerfile;
mod edges;
mod files;
mod hazards;
mod imports;
mod sizes;
mod words;

use crate::sh;
use anyhow::{Result, bail};
use files::Tracked;
use std::path::{Path, PathBuf};

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Prints the drawing of the gateway's modules that the code asks for, and checks nothing.
    #[arg(long)]
    modules: bool,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let files = tracked(root)?;
    if options.modules {
        sh::say(&imports::draw(&files)?);
        return Ok(());
    }
    let mut findings = edges::check(root)?;
    findings.extend(sizes::check(&files)?);
    findings.extend(imports::check(&files)?);
    findings.extend(words::check(&files)?);
    findings.extend(hazards::check(&files));
    findings.extend(dockerfile::check(&files));
    for finding in &findings {
        sh::say(&format!("{}: {}", finding.place, finding.what));
    }
    if findings.is_empty() {
        sh::say(&format!("tidy: {} files, no findings", files.len()));
        Ok(())
    } else {
        bail!("tidy: {} findings", findings.len())
    }
}

fn tracked(root: &Path) -> Result<Vec<Tracked>> {
    let list = sh::output(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    Ok(list
        .lines()
        .map(PathBuf::from)
        .filter_map(|path| Some(Tracked { text: std::fs::read_to_string(root.join(&path)).ok()?, path }))
        .collect())
}
