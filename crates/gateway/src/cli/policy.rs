//! `gateway check --as` and `gateway check --cases`: what callers may do, by the configuration alone.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    args::CheckArgs,
    exit::Exit,
    output::{Ended, Failure, Output},
};
use crate::{compose::OfflinePolicy, config::Settings, state::Verdict};

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    tests: Vec<Case>,
}

/// One case: who asks for what, and what must come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    name: Option<String>,
    /// The caller's claims.
    r#as: Map<String, Value>,
    method: String,
    /// Path and query at the gateway: `/proxy/github/user`.
    path: String,
    /// What would be sent as `application/json`.
    #[serde(default)]
    body: String,
    allowed: bool,
    /// The rule that must decide: `rules[0]`, `access=read`.
    rule: Option<String>,
    outcome: Option<String>,
}

/// Says what one call would come to. Fine where it would be sent.
pub(super) fn ask(settings: &Settings, claims: &Path, args: &CheckArgs, output: &Output) -> Ended {
    let policy = policy(settings)?;
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| {
            let problem = format!("{} cannot be read: {error}", path.display());
            Failure::usage(problem, "name a file that this user may read")
        })
    };
    let claims = read(claims)?;
    let body = args.body.as_deref().map_or(Ok(String::new()), read)?;
    let (method, path) =
        (args.method.as_deref().unwrap_or_default(), args.path.as_deref().unwrap_or_default());
    let verdict = policy.verdict(&claims, method, path, body.as_bytes());
    if args.json {
        output.json(&verdict)?;
    } else {
        output.line(&sentence(&verdict));
    }
    Ok(if verdict.allowed { Exit::Fine } else { Exit::No })
}

fn sentence(verdict: &Verdict) -> String {
    let word = if verdict.allowed { "allowed" } else { "refused" };
    let rule = verdict.rule.as_deref().map(|rule| format!(" by {rule}")).unwrap_or_default();
    let detail = verdict.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{word}{rule} ({}){detail}", verdict.outcome)
}

/// Runs a file of cases. Fine where each comes out as it says.
pub(super) fn cases(settings: &Settings, file: &Path, json: bool, output: &Output) -> Ended {
    let policy = policy(settings)?;
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let cases = text.and_then(|text| toml::from_str::<Cases>(&text).map_err(|error| error.to_string()));
    let cases = cases.map_err(|error| {
        let problem = format!("{} is not a file of cases: {error}", file.display());
        Failure::usage(problem, "write [[tests]] with `as`, `method`, `path` and `allowed`")
    })?;
    let results: Vec<_> = cases.tests.iter().map(|case| (case, run(&policy, case))).collect();
    let failed = results.iter().filter(|(_, (_, problem))| problem.is_some()).count();
    if json {
        let tests: Vec<_> = results
            .iter()
            .map(|(case, (verdict, problem))| json!({ "name": title(case), "problem": problem, "verdict": verdict }))
            .collect();
        output.json(&json!({ "failed": failed, "tests": tests }))?;
    } else {
        for (case, (verdict, problem)) in &results {
            match problem {
                None => output.line(&format!("ok      {}", title(case))),
                Some(problem) => {
                    output.line(&format!("failed  {}: {problem}; it is {}", title(case), sentence(verdict)));
                }
            }
        }
        output.line(&format!("{} of {} cases hold", results.len() - failed, results.len()));
    }
    Ok(if failed == 0 { Exit::Fine } else { Exit::No })
}

fn policy(settings: &Settings) -> Result<OfflinePolicy, Failure> {
    OfflinePolicy::new(settings).map_err(|error| Failure::new(error, "see `gateway check`"))
}

fn title(case: &Case) -> String {
    case.name.clone().unwrap_or_else(|| format!("{} {}", case.method, case.path))
}

/// The verdict, and what about it is not as the case says.
fn run(policy: &OfflinePolicy, case: &Case) -> (Verdict, Option<String>) {
    let claims = Value::Object(case.r#as.clone()).to_string();
    let verdict = policy.verdict(&claims, &case.method, &case.path, case.body.as_bytes());
    let problem = if verdict.allowed != case.allowed {
        Some(format!("`allowed = {}` was expected", case.allowed))
    } else if case.rule.is_some() && case.rule != verdict.rule {
        case.rule.as_ref().map(|rule| format!("`{rule}` was expected to decide"))
    } else {
        let expected = case.outcome.as_deref().filter(|outcome| *outcome != verdict.outcome);
        expected.map(|outcome| format!("the outcome `{outcome}` was expected"))
    };
    (verdict, problem)
}
