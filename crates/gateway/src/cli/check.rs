//! `gateway check`.

use serde_json::json;

use super::{
    args::CheckArgs,
    exit::Exit,
    output::{Ended, Output},
    policy,
};
use crate::config::{Settings, Sources};

pub(super) fn run(sources: &Sources, args: &CheckArgs, output: &Output) -> Ended {
    let loaded = Settings::load(sources);
    match (&loaded, &args.claims, &args.cases) {
        (Ok(loaded), Some(claims), _) => return policy::ask(&loaded.settings, claims, args, output),
        (Ok(loaded), None, Some(file)) => return policy::cases(&loaded.settings, file, args.json, output),
        _ => {}
    }
    match (loaded, args.json) {
        (Ok(loaded), true) => output.json(&json!({ "problems": [], "warnings": loaded.warnings })),
        (Ok(loaded), false) => {
            for warning in &loaded.warnings {
                output.message(&format!("warning: {warning}"));
            }
            let providers = counted(loaded.settings.providers.len(), "provider");
            output.line(&match loaded.warnings.len() {
                0 => format!("the configuration is fine ({providers})"),
                count => format!(
                    "the configuration can be loaded ({providers}), with {}",
                    counted(count, "warning")
                ),
            });
            Ok(Exit::Fine)
        }
        (Err(problems), true) => {
            output.json(&json!({ "problems": problems.0 }))?;
            Ok(Exit::Usage)
        }
        (Err(problems), false) => Ok(output.problems(&problems)),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
