//! `gateway check`.

use serde_json::json;

use super::{exit::Exit, output::Output};
use crate::config::{Settings, Sources};

pub(super) fn run(sources: &Sources, json: bool, output: &Output) -> Exit {
    match (Settings::load(sources), json) {
        (Ok(loaded), true) => output.json(&json!({ "problems": [], "warnings": loaded.warnings })),
        (Ok(loaded), false) => {
            for warning in &loaded.warnings {
                output.message(&format!("warning: {warning}"));
            }
            let count = loaded.settings.providers.len();
            output.line(&format!(
                "the configuration is fine ({count} provider{})",
                if count == 1 { "" } else { "s" }
            ));
            Exit::Fine
        }
        (Err(problems), true) => {
            output.json(&json!({ "problems": problems.0 }));
            Exit::Usage
        }
        (Err(problems), false) => output.problems(&problems),
    }
}
