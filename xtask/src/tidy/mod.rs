//! Checks the repository itself. Every finding names the file and what to do about it.

mod dockerfile;
mod edges;
mod files;
mod hazards;
mod imports;
mod sizes;
mod words;

use crate::sh;
use anyhow::{Result, ensure};
use files::Tracked;
use xshell::Shell;

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Prints the drawing of the gateway's modules that the code asks for, and checks nothing.
    #[arg(long)]
    modules: bool,
}

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let names = sh::tracked(sh, ".")?.into_iter();
    // Pictures are no text.
    let read = |name: String| Some(Tracked { text: sh.read_file(&name).ok()?, path: name });
    let files: Vec<_> = names.filter_map(read).collect();
    if options.modules {
        sh::say(&imports::draw(&files)?);
        return Ok(());
    }
    let mut findings = edges::check(sh)?;
    findings.extend(sizes::check(&files)?);
    findings.extend(imports::check(&files)?);
    findings.extend(words::check(&files)?);
    findings.extend(hazards::check(&files));
    findings.extend(dockerfile::check(&files));
    findings.iter().for_each(|finding| sh::say(&format!("{}: {}", finding.place, finding.what)));
    ensure!(findings.is_empty(), "tidy: {} findings", findings.len());
    sh::say(&format!("tidy: {} files, no findings", files.len()));
    Ok(())
}
