//! `[audit]`: the audit log.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::unit::PathText;

/// Where the audit log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// Where the audit log goes: nowhere, to standard output, or to the file `audit.path`.
    pub sink: AuditSink,
    /// The file of `sink = "file"`; appended to.
    #[schemars(with = "Option<PathText>")]
    pub path: Option<PathBuf>,
}

/// `audit.sink`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditSink {
    /// No audit log.
    #[default]
    Off,
    /// JSON lines on standard output.
    Stdout,
    /// JSON lines in a file.
    File,
}
