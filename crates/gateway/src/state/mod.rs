//! What the handlers need: everything the configuration describes, composed.

mod consent;
mod explain;
mod fingerprint;
mod quota;
mod record;
mod token_request;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use idp_adapters::{Classified, Outcome};
use mgmt_auth::Tenant;
use token_broker::{AccountSelector, Broker, IdpToken};
use url::Url;
use user_store::UserStore;

pub(crate) use consent::Asked;
pub(crate) use explain::ExplainRing;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use quota::Quotas;
pub(crate) use record::{Attempt, RequestContext, Trail, cache_label, source_label, user_lookup};
pub(crate) use token_request::Question;

use crate::console::Console;
use crate::error_table::{self, ConnectTo};
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::route::VirtualHosts;
use crate::stores::Stores;
use crate::telemetry::{Audit, Metrics, Shed};
use caller_auth::{Caller, Checked, Refusal, Schemes, Verified, Verifier};
use quota::Admission;

/// The gateway's domain side: shared by all listeners and replaced as a whole by a reload.
pub struct App {
    pub(crate) verifier: Verifier,
    pub(crate) tenant: Tenant,
    pub(crate) broker: Broker,
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

    /// Verifies the caller of a request, but for whether its proof was used before: [`admit`](Self::admit) asks that.
    pub(crate) async fn verify(
        &self,
        parts: &http::request::Parts,
        schemes: Schemes,
        trail: &mut Trail,
    ) -> Result<Checked, Problem> {
        use tracing::Instrument as _;
        let verifying = self.verifier.check(parts, schemes, SystemTime::now());
        match verifying
            .instrument(tracing::info_span!(target: crate::telemetry::SPANS, "caller.verify"))
            .await
        {
            Ok(checked) => {
                trail.caller = Some(Arc::clone(checked.caller()));
                Ok(checked)
            }
            Err(refusal) => Err(self.refused(refusal, trail)),
        }
    }

    fn refused(&self, mut refusal: Refusal, trail: &mut Trail) -> Problem {
        trail.mismatch = refusal.mismatch.take();
        let problem = error_table::refusal(refusal);
        self.metrics.auth_failure(problem.code().as_str());
        problem
    }

    /// Quota and blocks: what is asked of every verified call before the broker. Only a call that they let through uses
    /// its proof of possession up.
    pub(crate) async fn admit(
        &self,
        checked: Checked,
        provider: Option<&str>,
        trail: &mut Trail,
    ) -> Result<Verified, Problem> {
        let caller = checked.caller();
        match self.quotas.take(caller) {
            Admission::Fine => {}
            Admission::Observed => self.metrics.shed(Shed::Quota),
            Admission::Refused(wait) => {
                self.metrics.shed(Shed::Quota);
                return Err(Problem::new(Code::RateLimited).retry_after(wait));
            }
        }
        self.stores.fleet.check(caller.subject(), provider, None)?;
        self.accept(checked, trail).await
    }

    /// Uses the proof of possession up.
    pub(crate) async fn accept(&self, checked: Checked, trail: &mut Trail) -> Result<Verified, Problem> {
        match self.verifier.accept(checked).await {
            Ok(verified) => {
                trail.nonce.clone_from(&verified.next_nonce);
                Ok(verified)
            }
            Err(refusal) => Err(self.refused(refusal, trail)),
        }
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

    /// What the broker is asked for a verified caller: about one provider, or about all.
    pub(crate) fn question<'a>(
        &self,
        verified: &'a Verified,
        provider: Option<&'a ProviderRuntime>,
        account: Option<AccountSelector>,
    ) -> Question<'a> {
        let to_exchange = provider.map_or(self.vault_audience.is_some(), |provider| provider.uses_vault);
        let caller = &*verified.caller;
        Question {
            caller,
            provider: provider.map_or("", |provider| &provider.name),
            account,
            subject: if to_exchange { token_request::subject(verified) } else { None },
            // Nobody but the vault has to see them.
            audience: match &self.vault_audience {
                None => Vec::new(),
                Some(_) => caller.audience().map(str::to_owned).collect(),
            },
        }
    }

    /// What an app needs to send the user through a connection again.
    pub(crate) fn connect_to<'a>(&'a self, provider: Option<&'a ProviderRuntime>) -> ConnectTo<'a> {
        ConnectTo { tenant: self.tenant.base_url(), provider }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("providers", &self.providers.keys()).finish_non_exhaustive()
    }
}
