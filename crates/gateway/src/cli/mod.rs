//! The command line. Results go to standard output, messages to standard error.
//!
//! Exit codes: 0 success, 1 negative answer or failure, 2 wrong usage or configuration.

mod args;
mod ask;
mod call;
mod check;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod exit;
mod grants;
mod healthcheck;
mod keygen;
mod manual;
mod output;
mod policy;
mod serve;
mod token;
mod user;
mod version;

use std::{ffi::OsString, future::Future, path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _};

use self::{
    args::{Args, Command, ConfigCommand, GrantsCommand, StoreCommand},
    exit::Exit,
    output::{Ended, Failure, Output},
};
use crate::config::{Settings, Sources};
use crate::serve::Ending;

/// Runs the process's own command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let matches = args_command(&arguments).try_get_matches_from(&arguments);
    let args = match matches.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are results; everything else is a usage error, which clap writes to standard error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    let output = Output::new(args.color);
    output.end(dispatch(args, &output)).into()
}

/// The parser, with the choice of colour that the command line makes for the parser's own messages.
fn args_command(arguments: &[OsString]) -> clap::Command {
    let words: Vec<_> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let given = words.iter().enumerate().find_map(|(index, word)| match word.strip_prefix("--color=") {
        Some(value) => Some(value),
        None if *word == "--color" => words.get(index + 1).copied(),
        None => None,
    });
    Args::command().color(given.and_then(|choice| choice.parse().ok()).unwrap_or_default())
}

fn dispatch(args: Args, output: &Output) -> Ended {
    let config = args.config;
    match args.command {
        Command::Serve => {
            let sources = Sources::of_process(config.clone());
            with_settings(config, output, async |settings| {
                serve::run(settings, sources, None, Ending::default()).await
            })
        }
        #[cfg(feature = "demo")]
        Command::Demo { command: Some(args::DemoCommand::Env { port }), .. } => {
            with_runtime(demo::env(port, output))
        }
        #[cfg(feature = "demo")]
        Command::Demo { args, command: None } => {
            with_runtime(demo::run(Sources::of_process(config), &args, output))
        }
        Command::Check(args) => check::run(&Sources::of_process(config), &args, output),
        Command::Config { command: ConfigCommand::Schema } => output.json(&crate::config::json_schema()),
        Command::Store { command: StoreCommand::Keygen { id } } => keygen::run(id, output),
        Command::Grants { command: GrantsCommand::List(args) } => {
            with_settings(config, output, async |settings| grants::list(&settings, &args, output).await)
        }
        Command::Grants { command: GrantsCommand::Forget(args) } => {
            with_settings(config, output, async |settings| grants::forget(&settings, &args, output).await)
        }
        Command::Version { json } => version::run(json, output),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { command } => manual::man(command.as_deref()),
        Command::Token { json, reveal } => {
            with_settings(config, output, async |settings| token::run(&settings, json, reveal, output).await)
        }
        Command::User { id, json } => {
            with_settings(config, output, async |settings| user::run(&settings, &id, json, output).await)
        }
        Command::Call { provider, path, user, account, method, json } => {
            let wanted = call::Wanted { provider, path, user, account, method };
            with_settings(config, output, async |settings| call::run(settings, wanted, json, output).await)
        }
        Command::Doctor { token: Some(token), json, .. } => with_settings(config, output, async |settings| {
            doctor::explain_token(&settings, &token, json, output).await
        }),
        Command::Doctor { user, json, token: None } => with_settings(config, output, async |settings| {
            doctor::run(&settings, user.as_deref(), json, output).await
        }),
        Command::Healthcheck { url: Some(url), json, .. } => {
            with_runtime(healthcheck::ask(&url, json, output))
        }
        Command::Healthcheck { url: None, ready, json } => with_settings(config, output, async |settings| {
            healthcheck::run(&settings, ready, json, output).await
        }),
    }
}

/// Loads the configuration, says what is wrong with it, and runs a command that needs it.
fn with_settings<F>(config: Option<PathBuf>, output: &Output, run: impl FnOnce(Settings) -> F) -> Ended
where
    F: Future<Output = Ended>,
{
    let settings = match Settings::load(&Sources::of_process(config)) {
        Ok(loaded) => loaded.settings,
        Err(problems) => return Ok(output.problems(&problems)),
    };
    with_runtime(run(settings))
}

/// Runs to completion on a runtime of its own. One thread is enough: connections have threads of their own.
fn with_runtime(future: impl Future<Output = Ended>) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(format!("the runtime cannot start: {error}"), "raise the limit on threads")
    })?;
    runtime.block_on(future)
}
