//! The list of checks and what each found.

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    Warn,
    Fail,
    Skip,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

/// Collects checks in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Report(pub(super) Vec<Check>);

impl Report {
    pub(super) fn add(
        &mut self,
        id: &str,
        status: Status,
        finding: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.0.push(Check { id: id.to_owned(), status, finding: finding.into(), remedy });
    }

    pub(super) fn ok(&mut self, id: &str, finding: impl Into<String>) {
        self.add(id, Status::Ok, finding, None);
    }

    pub(super) fn skip(&mut self, id: &str, finding: impl Into<String>) {
        self.add(id, Status::Skip, finding, None);
    }

    pub(super) fn warn(&mut self, id: &str, finding: impl Into<String>, remedy: impl Into<String>) {
        self.add(id, Status::Warn, finding, Some(remedy.into()));
    }

    pub(super) fn fail(&mut self, id: &str, finding: impl Into<String>, remedy: impl Into<String>) {
        self.add(id, Status::Fail, finding, Some(remedy.into()));
    }
}

impl Status {
    /// The word before a finding.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok  ",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::Skip => "skip",
        }
    }
}

/// The part of the set-up that a check looks at: a heading, and its section of the documentation.
pub(super) fn part(id: &str) -> (&'static str, &'static str) {
    let first = id.split(['-', '.', ':']).next().unwrap_or_default();
    match first {
        "discovery" | "clock" | "keys" | "grant" | "scopes" => ("Tenant", "tenant"),
        "user" | "identity" | "connection" | "connections" | "accounts" => ("Users and connections", "users"),
        "vault" => ("Token Vault", "vault"),
        "mcp" => ("MCP endpoint", "mcp-endpoint"),
        "connect" => ("Hosted connect", "hosted-connect"),
        "store" => ("Store", "store"),
        "token" => ("Caller token", "token"),
        _ => ("Providers", "providers"),
    }
}

impl Report {
    /// One line that says how it went.
    pub(super) fn summary(&self) -> String {
        let count = |status| self.0.iter().filter(|check| check.status == status).count();
        let (warned, failed) = (count(Status::Warn), count(Status::Fail));
        let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        format!(
            "{}: {} ok, {}, {failed} failed, {} skipped",
            plural(self.0.len(), "check"),
            count(Status::Ok),
            plural(warned, "warning"),
            count(Status::Skip),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_each_kind() {
        let mut report = Report::default();
        report.ok("discovery", "fine");
        report.warn("clock", "late", "set it");
        report.fail("grant", "none", "give it");
        report.skip("store", "in memory");
        assert_eq!(report.summary(), "4 checks: 1 ok, 1 warning, 1 failed, 1 skipped");
    }
}
