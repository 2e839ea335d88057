//! Alert rules and dashboard: every alert has a firing case, a quiet one and a runbook. That every metric name exists in a scrape is
//! a test of the gateway, which runs Prometheus itself.

use crate::{install, sh};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;

const FOLDER: &str = "deploy/monitoring";
/// The rules, which the chart carries a copy of.
const RULES: &str = "deploy/monitoring/rules/idp-gateway.yaml";
const TESTS: &str = "deploy/monitoring/tests/idp-gateway.yaml";
const DASHBOARD: &str = "deploy/monitoring/dashboard.json";
const RUNBOOKS: &str = "docs/operations/runbooks.md";
const COPIES: [(&str, &str); 2] = [
    (RULES, "deploy/helm/idp-gateway/files/rules.yaml"),
    (DASHBOARD, "deploy/helm/idp-gateway/files/dashboard.json"),
];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Copies rules and dashboard into the chart instead of comparing.
    #[arg(long)]
    bless: bool,
}

/// What needs no running gateway.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    for (original, copy) in COPIES {
        if options.bless {
            std::fs::copy(root.join(original), root.join(copy))?;
        }
        ensure!(
            read(root, original)? == read(root, copy)?,
            "{copy} is not {original}; run `cargo xtask monitoring --bless`"
        );
    }
    install::ensure_program(root, "promtool", "prometheus")?;
    sh::run(root, "promtool", &["check", "rules", RULES])?;
    sh::run(root, "promtool", &["test", "rules", TESTS])?;
    let rules = read(root, RULES)?;
    let alerts = alerts(&rules);
    ensure!(!alerts.is_empty(), "{RULES} has no alerts");
    complete(&alerts, &rules, &read(root, TESTS)?, &read(root, RUNBOOKS)?)?;
    serde_json::from_str::<serde_json::Value>(&read(root, DASHBOARD)?).context(DASHBOARD)?;
    sh::say(&format!("monitoring: {} alerts", alerts.len()));
    Ok(())
}

fn read(root: &Path, file: &str) -> Result<String> {
    std::fs::read_to_string(root.join(file)).with_context(|| format!("{file} (see {FOLDER})"))
}

/// The names of all alerts, in order.
fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

fn complete(alerts: &[&str], rules: &str, tests: &str, runbooks: &str) -> Result<()> {
    for alert in alerts {
        let case = |kind: &str| {
            tests
                .split("  - name: ")
                .find(|case| case.lines().next() == Some(&format!("{alert} {kind}")))
                .with_context(|| format!("{TESTS} has no case `{alert} {kind}`"))
        };
        let (firing, quiet) = (case("fires")?, case("stays quiet")?);
        for case in [firing, quiet] {
            ensure!(
                case.contains(&format!("alertname: {alert}\n")),
                "{TESTS}: a case of {alert} asks another"
            );
        }
        ensure!(firing.contains("exp_labels:"), "{TESTS}: `{alert} fires` expects no alert");
        ensure!(quiet.contains("exp_alerts: []"), "{TESTS}: `{alert} stays quiet` expects one");
        ensure!(
            runbooks.lines().any(|line| line == format!("## {alert}")),
            "{RUNBOOKS} has no section `## {alert}`"
        );
        let anchor = format!("runbooks.html#{}\n", alert.to_ascii_lowercase());
        ensure!(rules.contains(&anchor), "{RULES}: {alert} does not link to its runbook");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_needs_both_cases_and_a_runbook() {
        let rules = "- alert: Fire\nx: https://x/runbooks.html#fire\n";
        let tests = "  - name: Fire fires\n alertname: Fire\n exp_labels:\n  - name: Fire stays quiet\n alertname: Fire\n exp_alerts: []\n";
        assert_eq!(alerts(rules), ["Fire"]);
        assert!(complete(&["Fire"], rules, tests, "## Fire\n").is_ok());
        assert!(complete(&["Fire"], rules, tests, "## Water\n").is_err());
        assert!(complete(&["Fire"], rules, &tests.replace("exp_alerts: []", ""), "## Fire\n").is_err());
    }
}
