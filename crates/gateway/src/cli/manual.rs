//! `gateway completions` and `gateway man`.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{
    args::Args,
    exit::Exit,
    output::{Ended, Failure},
};

pub(super) fn completions(shell: Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "gateway", &mut script);
    let _ = io::stdout().lock().write_all(&script);
    Ok(Exit::Fine)
}

pub(super) fn man(name: Option<&str>) -> Ended {
    let mut command = Args::command();
    command.build();
    let unknown = |name| Failure::usage(format!("there is no subcommand `{name}`"), "see `gateway --help`");
    let page = match name {
        None => command,
        Some(name) => command.find_subcommand(name).cloned().ok_or_else(|| unknown(name))?,
    };
    let mut text = Vec::new();
    Man::new(page)
        .render(&mut text)
        .map_err(|error| Failure::new(format!("the page cannot be written: {error}"), "report this"))?;
    let _ = io::stdout().lock().write_all(&text);
    Ok(Exit::Fine)
}
