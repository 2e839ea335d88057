//! Alert rules and dashboard: every alert has a firing case, a quiet one and a runbook. That every metric name exists in a scrape is
//! a test of the gateway, which runs Prometheus itself.

use crate::{install, sh};
use anyhow::{Context as _, Result, ensure};
use xshell::{Shell, cmd};

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

pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    for (original, copy) in COPIES {
        sh::made(sh, copy, &sh.read_file(original)?, options.bless, "monitoring")?;
    }
    install::programs(sh, &[("promtool", "prometheus")])?;
    cmd!(sh, "promtool check rules {RULES}").run()?;
    cmd!(sh, "promtool test rules {TESTS}").run()?;
    let rules = sh.read_file(RULES)?;
    let alerts = alerts(&rules);
    ensure!(!alerts.is_empty(), "{RULES} has no alerts");
    complete(&alerts, &rules, &sh.read_file(TESTS)?, &sh.read_file(RUNBOOKS)?)?;
    serde_json::from_str::<serde_json::Value>(&sh.read_file(DASHBOARD)?).context(DASHBOARD)?;
    sh::say(&format!("monitoring: {} alerts", alerts.len()));
    Ok(())
}

fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

fn complete(alerts: &[&str], rules: &str, tests: &str, runbooks: &str) -> Result<()> {
    for alert in alerts {
        let case = |kind: &str| {
            let name = format!("{alert} {kind}");
            let found = tests.split("  - name: ").find(|case| case.lines().next() == Some(&name));
            found.with_context(|| format!("{TESTS} has no case `{name}`"))
        };
        let (firing, quiet) = (case("fires")?, case("stays quiet")?);
        let asked = format!("alertname: {alert}\n");
        ensure!(firing.contains(&asked) && quiet.contains(&asked), "{TESTS}: a case of {alert} asks another");
        ensure!(firing.contains("exp_labels:"), "{TESTS}: `{alert} fires` expects no alert");
        ensure!(quiet.contains("exp_alerts: []"), "{TESTS}: `{alert} stays quiet` expects one");
        let section = format!("## {alert}");
        ensure!(runbooks.lines().any(|line| line == section), "{RUNBOOKS} has no section `{section}`");
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
