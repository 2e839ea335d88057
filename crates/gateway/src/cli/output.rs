//! Where results and messages go.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ColorChoice;
use serde::Serialize;

use super::exit::Exit;
use crate::config::Problems;

/// The two streams and whether they take colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    color: bool,
}

/// What a command comes to.
pub(super) type Ended = Result<Exit, Failure>;

/// Why a command has no result, and what to do.
#[derive(Debug)]
pub(super) struct Failure {
    problem: String,
    remedy: String,
    exit: Exit,
}

impl Failure {
    /// What was asked for cannot be had.
    pub(super) fn new(problem: impl ToString, remedy: impl Into<String>) -> Self {
        Self { problem: problem.to_string(), remedy: remedy.into(), exit: Exit::No }
    }

    /// The command line or the configuration is wrong.
    pub(super) fn usage(problem: impl ToString, remedy: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(problem, remedy) }
    }
}

/// A colour that has a meaning; the words beside it always say the same.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    Good,
    Warning,
    Bad,
    Quiet,
}

impl Output {
    pub(super) fn new(color: ColorChoice) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !plain && io::stdout().is_terminal(),
        };
        Self { color }
    }

    /// Writes a line of a result. A reader that went away is no error of ours.
    pub(super) fn line(&self, text: &str) {
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    /// Writes a message.
    pub(super) fn message(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Writes a result as JSON.
    pub(super) fn json(&self, value: &impl Serialize) -> Ended {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::new(format!("the result cannot be written: {error}"), "report this"))?;
        self.line(&text);
        Ok(Exit::Fine)
    }

    /// How the process ends; a failure is said.
    pub(super) fn end(&self, ended: Ended) -> Exit {
        ended.unwrap_or_else(|Failure { problem, remedy, exit }| {
            self.message(&format!("error: {problem}\n  remedy: {remedy}"));
            exit
        })
    }

    /// Says what is wrong with the configuration.
    pub(super) fn problems(&self, problems: &Problems) -> Exit {
        self.message(&problems.to_string());
        let count = problems.0.len();
        self.message(&format!("{count} problem{} in the configuration", if count == 1 { "" } else { "s" }));
        Exit::Usage
    }

    /// A word in its colour.
    pub(super) fn paint(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Quiet => "2",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
