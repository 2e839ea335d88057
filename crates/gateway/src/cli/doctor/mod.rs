//! `gateway doctor`: asks the tenant, the providers and the store whether the set-up works. Changes nothing.

mod accounts;
mod caller_token;
mod connect;
mod explain;
mod mcp;
mod providers;
mod report;
mod store;
mod tenant;
mod vault;

pub(super) use explain::{look_up as explain_look_up, refusal as explain_refusal};

use std::path::Path;

use secrecy::ExposeSecret as _;
use serde_json::json;

use self::report::{Check, Report, Status};
use super::{
    ask::Asker,
    exit::Exit,
    output::{Ended, Failure, Output, Tone},
};
use crate::config::Settings;

/// Where each part of the checks is described.
const DOCUMENTATION: &str = "https://idp-gateway.github.io/idp-gateway/reference/doctor.html";

pub(super) async fn run(settings: &Settings, user: Option<&str>, as_json: bool, output: &Output) -> Ended {
    let asker = Asker::new(settings)?;
    let mut report = Report::default();
    tenant::discovery(settings, &asker, &mut report).await;
    tenant::keys(settings, &asker, &mut report).await;
    let management = tenant::grant(settings, &asker, &mut report).await;
    accounts::check(settings, &asker, management.as_ref(), user, &mut report).await;
    vault::check(settings, &asker, &mut report).await;
    mcp::check(settings, &mut report);
    connect::check(settings, &asker, &mut report).await;
    providers::check(settings, &asker, &mut report).await;
    store::check(settings, &mut report).await;

    report.write(as_json, output)
}

/// `--token FILE`: one caller token, end to end.
pub(super) async fn explain_token(settings: &Settings, file: &Path, as_json: bool, output: &Output) -> Ended {
    let shown = file.display();
    let token = caller_token::read(file).map_err(|error| {
        Failure::new(format!("{shown} cannot be read: {error}"), "name a file that contains one token")
    })?;
    if token.expose_secret().is_empty() {
        return Err(Failure::new(format!("{shown} is empty"), "save the access token in it"));
    }
    let mut report = Report::default();
    caller_token::check(settings, &token, &mut report).await;
    report.write(as_json, output)
}

impl Report {
    fn write(&self, as_json: bool, output: &Output) -> Ended {
        let failed = self.0.iter().any(|check| check.status == Status::Fail);
        if as_json {
            output.json(&json!({ "checks": self.0 }))?;
        } else {
            let mut heading = "";
            for check in &self.0 {
                let (part, section) = report::part(&check.id);
                if part != heading {
                    output.line(&format!(
                        "{}{part}  {DOCUMENTATION}#{section}",
                        if heading.is_empty() { "" } else { "\n" }
                    ));
                    heading = part;
                }
                show(check, output);
            }
            output.line(&format!("\n{}", self.summary()));
        }
        Ok(if failed { Exit::No } else { Exit::Fine })
    }
}

fn show(check: &Check, output: &Output) {
    let tone = match check.status {
        Status::Ok => Tone::Good,
        Status::Warn => Tone::Warning,
        Status::Fail => Tone::Bad,
        Status::Skip => Tone::Quiet,
    };
    output.line(&format!("  {}  {}: {}", output.paint(check.status.word(), tone), check.id, check.finding));
    if let Some(remedy) = &check.remedy {
        output.line(&format!("        remedy: {remedy}"));
    }
}
