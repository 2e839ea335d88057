//! What is wrong with a configuration, and where every value came from.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The setting, in dots: `server.limits.body`, `providers.github.rules[0].paths`.
    pub key: String,
    /// Where its value came from: `file:line`, the name of an environment variable, or `defaults`.
    pub source: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    pub(super) fn of_key(
        key: &str,
        source: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { key: key.to_owned(), source: source.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}\n  remedy: {}", self.key, self.source, self.problem, self.remedy)
    }
}

/// All things that are wrong; never empty as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Where values came from.
#[derive(Debug, Default)]
pub(super) struct Origins {
    pub(super) file: Option<PathBuf>,
    lines: BTreeMap<String, usize>,
    variables: BTreeMap<String, String>,
}

impl Origins {
    pub(super) fn of_file(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    pub(super) fn in_file(&mut self, key: String, line: usize) {
        self.lines.insert(key, line);
    }

    pub(super) fn in_environment(&mut self, key: String, variable: String) {
        self.variables.insert(key, variable);
    }

    /// Whether this exact key was given a value.
    pub(super) fn gave(&self, key: &str) -> bool {
        self.lines.contains_key(key)
            || self.variables.keys().any(|given| given == key || key.starts_with(&format!("{given}.")))
    }

    /// The source of a key, of what is below it, or of the nearest table around it.
    pub(super) fn of(&self, key: &str) -> String {
        let below = format!("{key}.");
        if !self.lines.contains_key(key)
            && let Some((_, variable)) = self.variables.iter().find(|(given, _)| given.starts_with(&below))
        {
            return variable.clone();
        }
        let mut at = key;
        loop {
            if let Some(variable) = self.variables.get(at) {
                return variable.clone();
            }
            if let Some(line) = self.lines.get(at) {
                return format!("{}:{line}", self.file_name());
            }
            match at.rfind(['.', '[']) {
                Some(end) => at = &at[..end],
                None => break,
            }
        }
        match &self.file {
            Some(file) => file.display().to_string(),
            None => "defaults".to_owned(),
        }
    }

    fn file_name(&self) -> String {
        self.file.as_deref().unwrap_or(Path::new("configuration")).display().to_string()
    }
}

/// Collects problems while a configuration is looked at.
#[derive(Debug, Default)]
pub(super) struct Collector {
    pub(super) origins: Origins,
    /// Keys that were already complained about: their values are not there any more.
    dropped: BTreeSet<String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Collector {
    pub(super) fn new(origins: Origins) -> Self {
        Self { origins, ..Self::default() }
    }

    fn make(&self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem::of_key(key, self.origins.of(key), problem, remedy)
    }

    /// Reports a problem, unless the value was already found to be unusable.
    pub(super) fn report(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        if !self.is_dropped(key) {
            let problem = self.make(key, problem, remedy);
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// Reports a problem with a value that is taken out; what follows from its absence is not reported.
    pub(super) fn drop_value(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.report(key, problem, remedy);
        self.dropped.insert(key.to_owned());
    }

    pub(super) fn warn(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let warning = self.make(key, problem, remedy);
        self.warnings.push(warning);
    }

    pub(super) fn is_dropped(&self, key: &str) -> bool {
        self.dropped.iter().any(|dropped| {
            key == dropped
                || key.strip_prefix(dropped.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
                || dropped.strip_prefix(key).is_some_and(|rest| rest.starts_with('['))
        })
    }

    pub(super) fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.problems, self.warnings)
    }
}

/// A key below another one; names that are not bare TOML keys are quoted.
pub(super) fn child(parent: &str, name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let name = if bare { name.to_owned() } else { format!("{name:?}") };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}
