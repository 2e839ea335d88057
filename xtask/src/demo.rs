//! `gateway demo` from the sources.

use crate::sh;
use anyhow::Result;
use std::path::Path;

pub(crate) fn run(root: &Path) -> Result<()> {
    sh::run(root, "cargo", &["run", "--quiet", "--locked", "--package", "gateway", "--", "demo"])
}
