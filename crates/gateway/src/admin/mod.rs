//! The admin listener: probes, metrics, and the operator's few commands.
//!
//! Knows routes, authorization and the audit line; what forgetting and blocking *do* is behind [`Operations`].

mod access;
mod grants;
mod observed;
mod operations;
mod ready;
mod router;

pub use grants::GrantEntry;
pub use router::{Admin, AdminParts, ReloadError, Reloader};

pub use crate::fleet::{BlockEntry, Reach};
pub use crate::selector::{BlockRequest, Selector};

use crate::problem::Problem;
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the domain does for the admin surface.
pub trait Operations: Send + Sync + 'static {
    /// Whether requests can be served, and why not.
    fn readiness(&self) -> Readiness;
    /// Drops what matches; says how many things that were.
    fn forget(&self, selector: Selector) -> BoxFuture<'_, Result<u64, Problem>>;
    /// Refuses what matches from now on; says how far that reaches.
    fn block(&self, block: BlockRequest) -> BoxFuture<'_, Result<Reach, Problem>>;
    /// Removes the block with exactly this selector.
    fn unblock(&self, selector: Selector) -> BoxFuture<'_, Result<Reach, Problem>>;
    /// The blocks in force.
    fn blocks(&self) -> BoxFuture<'_, Result<Vec<BlockEntry>, Problem>>;
    /// The stored grants, without their secrets.
    fn grants(&self) -> BoxFuture<'_, Result<Vec<GrantEntry>, Problem>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// The body of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// The verdict.
    pub status: ReadyStatus,
    /// What it is made of: `keys`, `management_token`, `store`.
    pub checks: BTreeMap<&'static str, Check>,
}

/// The verdict of `/readyz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyStatus {
    /// Send requests.
    Ready,
    /// Do not; the checks say why.
    NotReady,
    /// Shutting down.
    Draining,
}

/// One member of `checks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The check's own verdict.
    pub status: CheckStatus,
    /// The cause, or a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The verdict of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// Fine.
    Ok,
    /// Works, but needs attention.
    Warn,
    /// Does not work.
    Fail,
}

impl Readiness {
    /// The verdict that follows from the checks: any failure means not ready.
    #[must_use]
    pub fn from_checks(checks: BTreeMap<&'static str, Check>) -> Self {
        let failed = checks.values().any(|check| check.status == CheckStatus::Fail);
        Self { status: if failed { ReadyStatus::NotReady } else { ReadyStatus::Ready }, checks }
    }
}
