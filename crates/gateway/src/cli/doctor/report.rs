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
