//! `cargo xtask test`: what needs nothing but cargo. A pass with a real part is asked for with `--only`, until the
//! gateway serves what those parts call.

use crate::{parts, sh};
use anyhow::Result;
use std::path::Path;

#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// One real part alone, without the workspace's own tests.
    #[arg(long, value_enum)]
    only: Option<parts::Part>,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let Some(part) = options.only else {
        return sh::run(root, "cargo", &["test", "--workspace", "--locked"]);
    };
    sh::say(&format!("== {} ==", part.title()));
    part.run(root)
}
