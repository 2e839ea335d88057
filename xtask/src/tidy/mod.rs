//! Checks the repository itself. Every finding names the file and what to do about it.

mod edges;
mod hazards;
mod links;
mod sizes;
mod words;

use crate::sh;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// One thing that is not as it should be.
pub(crate) struct Finding {
    place: String,
    what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// A file that git tracks (or would track), with its text.
pub(crate) struct Tracked {
    path: PathBuf,
    text: String,
}

impl Tracked {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let files = tracked(root)?;
    let mut findings = edges::check(root)?;
    findings.extend(sizes::check(&files)?);
    findings.extend(words::check(&files));
    findings.extend(links::check(root, &files));
    findings.extend(hazards::check(&files));
    for finding in &findings {
        sh::say(&format!("{}: {}", finding.place, finding.what));
    }
    if findings.is_empty() {
        sh::say(&format!("tidy: {} files, nothing to say", files.len()));
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
