//! What the handlers need: everything the configuration describes, composed.

mod access;
mod consent;
mod explain;
mod fingerprint;
mod quota;
mod record;
mod steps;
mod tokens;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use idp_adapters::{Classified, Outcome};
use mgmt_auth::Tenant;
use token_broker::IdpToken;
use url::Url;
use user_store::UserStore;

pub use crate::provider::plan::Plan;
pub(crate) use consent::Asked;
pub(crate) use explain::ExplainRing;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use quota::Quotas;
pub(crate) use record::{Attempt, RequestContext, Trail, cache_label, source_label, user_lookup};
pub use steps::{Admitted, AdmittedCall, CallToken, VerifiedCaller};
pub(crate) use tokens::{TokenError, Tokens};

use crate::call_error::CallError;
use crate::console::Console;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::route::VirtualHosts;
use crate::stores::Stores;
use crate::telemetry::{Audit, Metrics};
use caller_auth::{Caller, Verifier};

/// The gateway's domain side: shared by all listeners and replaced as a whole by a reload.
pub struct App {
    pub(crate) verifier: Verifier,
    pub(crate) tenant: Tenant,
    pub(crate) tokens: Tokens,
    pub(crate) metrics: Metrics,
    pub(crate) audit: Audit,
    pub(crate) stores: Arc<Stores>,
    pub(crate) explained: Arc<ExplainRing>,
    pub(crate) asked: Asked,
    pub(crate) replay_limit: usize,
    pub(crate) send_trace_context: bool,
    pub(crate) public_url: Option<Url>,
    pub(crate) hosts_are_validated: bool,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) logout_enabled: bool,
    pub(crate) console: Option<Console>,
    pub(crate) providers: HashMap<Arc<str>, Arc<ProviderRuntime>>,
    pub(crate) hosts: VirtualHosts,
    pub(crate) quotas: Quotas,
    pub(crate) vault_audience: Option<String>,
    pub(crate) allow_excess_scopes: bool,
    pub(crate) was_ready: std::sync::atomic::AtomicBool,
    pub(crate) users: UserStore,
    pub(crate) origin: Fingerprint,
}

impl App {
    /// What outlives this configuration.
    #[must_use]
    pub fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }

    /// The provider of this name.
    pub(crate) fn provider(&self, name: &str) -> Option<Arc<ProviderRuntime>> {
        self.providers.get(name).cloned()
    }

    /// The provider that a route names.
    ///
    /// # Errors
    /// `unknown-provider`.
    pub(crate) fn named_provider(
        &self,
        name: &str,
        trail: &mut Trail,
    ) -> Result<Arc<ProviderRuntime>, Problem> {
        let provider = self.provider(name).ok_or(CallError::UnknownProvider)?;
        trail.provider = Some(provider.label.clone());
        Ok(provider)
    }

    /// Whether an answer about a scope that `token` lacks may ask the user for it: not twice in a row.
    pub(crate) fn may_ask(&self, user: &str, token: &IdpToken, classified: &Classified) -> bool {
        classified.outcome == Outcome::ScopeMissing && self.asked.may_ask(user, token, classified)
    }

    /// Adds the RFC 6750 challenge to a missing scope.
    pub(crate) fn challenge_scope(&self, caller: &Caller, problem: Problem) -> Problem {
        if problem.code() != Code::CallerScopeMissing {
            return problem;
        }
        let scope = problem.required().join(" ");
        let challenge = self.verifier.insufficient_scope(caller, &scope);
        challenge.values.into_iter().fold(problem, Problem::challenge)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("providers", &self.providers.keys()).finish_non_exhaustive()
    }
}
