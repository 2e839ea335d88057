//! `gateway completions` and `gateway man`.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{args::Args, exit::Exit, output::Output};

pub(super) fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "gateway", &mut script);
    let _ = io::stdout().lock().write_all(&script);
    Exit::Fine
}

pub(super) fn man(name: Option<&str>, output: &Output) -> Exit {
    let mut command = Args::command();
    command.build();
    let page = match name {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                output.message(&format!(
                    "error: there is no subcommand `{name}`\n  remedy: see `gateway --help`"
                ));
                return Exit::Usage;
            }
        },
    };
    let mut text = Vec::new();
    if let Err(error) = Man::new(page).render(&mut text) {
        return output.failure(&format!("the page cannot be written: {error}"), "report this");
    }
    let _ = io::stdout().lock().write_all(&text);
    Exit::Fine
}
