//! What the handlers need. Each takes the part that it needs; the router alone knows them all.

mod access;
mod address;
mod calls;
mod connect_page;
mod consent;
mod deprecations;
mod explain;
mod fingerprint;
mod mcp;
mod quota;
mod record;
mod recorder;
mod secrets;
mod steps;
mod tenant;
mod tokens;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use crate::provider::plan::Plan;
pub(crate) use access::Access;
pub(crate) use address::PublicAddress;
pub(crate) use calls::Calls;
pub(crate) use connect_page::with_connect_page;
pub(crate) use consent::ConsentPrompts;
pub(crate) use deprecations::Deprecations;
pub(crate) use explain::ExplainRing;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use mcp::McpState;
pub(crate) use quota::Quotas;
pub(crate) use record::{Attempt, RequestContext, RequestRecord};
pub(crate) use recorder::Recorder;
pub(crate) use secrets::{Prepared, Secrets};
pub use steps::{Admitted, AdmittedCall, CallToken, VerifiedCaller};
pub(crate) use tenant::TenantState;
pub(crate) use tokens::{TokenError, Tokens, is_meant};
pub(crate) use verdict::{Question, Verdict};

use crate::connect::HostedConnect;
use crate::console::Console;
use crate::memory::Bounds;
use crate::route::VirtualHosts;
use crate::stores::Stores;
use crate::webhooks::Webhooks;

/// The gateway's domain side, composed: shared by all listeners and replaced as a whole by a reload.
pub struct App {
    /// Which hosts stand for which provider.
    pub(crate) hosts: VirtualHosts,
    /// What a call needs.
    pub(crate) calls: Calls,
    /// What is kept of answered requests.
    pub(crate) recorder: Recorder,
    /// The tenant, for the listener of the operators.
    pub(crate) tenant: TenantState,
    /// What outlives this configuration.
    pub(crate) stores: Arc<Stores>,
    /// The console, where it is served.
    pub(crate) console: Option<Console>,
    /// The endpoint for clients of the Model Context Protocol, where it is served.
    pub(crate) mcp: Option<McpState>,
    /// Hosted connect, where it is configured.
    pub(crate) connect: Option<HostedConnect>,
    /// Who is told what changes about accounts.
    pub(crate) webhooks: Webhooks,
    /// The scopes that the metadata names.
    pub(crate) scopes: BTreeSet<String>,
    /// How much memory everything may take.
    pub(crate) memory: Bounds,
    /// Whether back-channel logout is configured.
    pub(crate) logout_enabled: bool,
}

impl App {
    /// What outlives this configuration.
    #[must_use]
    pub fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }

    /// Waits, after the last request, until no refreshed grant is on its way into a store, and sends the webhooks' messages that
    /// wait, for some seconds at most.
    pub async fn settled(&self) {
        tokio::join!(self.stores.settled(), self.webhooks.end());
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
