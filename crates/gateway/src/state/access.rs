//! Who may do what: verification, quota, blocks and the provider's limit of calls in flight. The only maker of
//! [`VerifiedCaller`], [`Admitted`] and [`AdmittedCall`].

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;
use token_broker::AccountSelector;
use tracing::Instrument as _;
use url::Url;

use super::quota::{Admission, Quotas};
use super::record::RequestRecord;
use super::steps::{Admitted, AdmittedCall, VerifiedCaller};
use crate::call_error::CallError;
use crate::error_table;
use crate::fleet::Fleet;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::provider::plan::{Plan, PlanError, ProviderCall};
use crate::selector::Selector;
use crate::shares::Shares;
use crate::telemetry::{Metrics, SPANS, Shed};
use crate::upstream::Full;
use caller_auth::{Caller, Checked, Refusal, Rules, Schemes, Verified, Verifier};

/// One user may hold one of so many of the places of `server.limits.in_flight`: a burst of first requests must pass.
const SHARE: usize = 2;

/// Who may do what.
pub(crate) struct Access {
    verifier: Verifier,
    quotas: Quotas,
    fleet: Arc<Fleet>,
    metrics: Metrics,
    /// The callers whose requests are in flight.
    shares: Arc<Shares>,
    /// Whether a provider's tokens come from Token Vault.
    vault: bool,
}

impl Access {
    /// `in_flight`: how many requests may run. `vault`: whether a provider's tokens come from Token Vault.
    pub(crate) fn new(
        verifier: Verifier,
        quotas: Quotas,
        fleet: Arc<Fleet>,
        metrics: Metrics,
        (in_flight, vault): (usize, bool),
    ) -> Self {
        Self { verifier, quotas, fleet, metrics, shares: Shares::new(in_flight, SHARE), vault }
    }

    /// What verification is configured with.
    pub(crate) fn rules(&self) -> &Rules {
        self.verifier.rules()
    }

    /// Verifies a logout token and refuses the user's older tokens everywhere; who that is.
    ///
    /// # Errors
    /// The token is not valid, or that cannot be told.
    pub(crate) async fn log_out(&self, token: &str) -> Result<String, Problem> {
        let logout = self.verifier.log_out(token, SystemTime::now()).await.map_err(error_table::logout)?;
        // Refused first: an older token that comes between the two fills no cache again.
        self.fleet.log_out(&logout.subject, logout.issued_at).await;
        Ok(logout.subject)
    }

    /// Drops verified tokens; how many.
    pub(crate) fn forget(&self, selector: &Selector) -> u64 {
        match (&selector.user, selector.all) {
            (Some(user), _) if selector.provider.is_none() && selector.connection.is_none() => {
                self.verifier.forget(user)
            }
            (_, true) => self.verifier.forget_all(),
            _ => 0,
        }
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

    /// Verifies the caller of a request, who gets a place among the requests in flight until there is an answer: half of them at
    /// most belong to one user, whatever is waited for.
    ///
    /// # Errors
    /// The token is refused; `rate-limited` when the user's other requests hold the user's share.
    pub(crate) async fn verify(
        &self,
        parts: &Parts,
        schemes: Schemes,
        record: &mut RequestRecord,
    ) -> Result<VerifiedCaller, Problem> {
        let verifying = self.verifier.check(parts, schemes, SystemTime::now());
        let checked = verifying.instrument(tracing::info_span!(target: SPANS, "caller.verify")).await;
        let checked = checked.map_err(|refusal| self.refused(refusal, record))?;
        let caller = checked.caller();
        record.caller = Some(Arc::clone(caller));
        let seat = self.shares.begin(caller.issuer(), caller.subject());
        record.seat = seat.and_then(|seat| seat.taken_now().ok());
        if record.seat.is_none() {
            self.metrics.shed(Shed::Quota);
            return Err(CallError::RequestsTaken.into());
        }
        Ok(VerifiedCaller::new(checked))
    }

    fn refused(&self, refusal: Refusal, record: &mut RequestRecord) -> Problem {
        record.mismatch.clone_from(&refusal.mismatch);
        let problem = error_table::refusal(refusal);
        self.metrics.auth_failure(problem.code().as_str());
        problem
    }

    /// A question about calls, which costs no quota: its own limit, and then the proof of possession.
    ///
    /// # Errors
    /// `rate-limited`; `dpop-proof-invalid` for a proof that was used before.
    pub(crate) async fn question(
        &self,
        caller: VerifiedCaller,
        record: &mut RequestRecord,
    ) -> Result<Verified, Problem> {
        self.within(self.quotas.take_question(caller.caller()))?;
        self.accept(caller, record).await
    }

    fn within(&self, admission: Admission) -> Result<(), Problem> {
        if admission != Admission::Fine {
            self.metrics.shed(Shed::Quota);
        }
        match admission {
            Admission::Fine | Admission::Observed => Ok(()),
            Admission::Refused(wait) => Err(CallError::QuotaSpent(wait).into()),
        }
    }

    /// Uses a caller's proof of possession up.
    ///
    /// # Errors
    /// The proof was used before, or that cannot be told.
    async fn accept(&self, caller: VerifiedCaller, record: &mut RequestRecord) -> Result<Verified, Problem> {
        let accepted = self.verifier.accept(caller.into_checked()).await;
        let verified = accepted.map_err(|refusal| self.refused(refusal, record))?;
        record.nonce.clone_from(&verified.next_nonce);
        Ok(verified)
    }

    /// The operator of this process, who acts for a user without a token of that user (`gateway call`).
    pub(crate) fn operator(&self, user_id: &str, record: &mut RequestRecord) -> VerifiedCaller {
        let checked = Checked::vouched(Caller::vouched(user_id, "gateway call"));
        record.caller = Some(Arc::clone(checked.caller()));
        VerifiedCaller::new(checked)
    }

    /// Policy and scopes.
    ///
    /// # Errors
    /// As [`ProviderPlan::plan`](crate::provider::plan::ProviderPlan::plan).
    pub(crate) fn permit(
        &self,
        verified: &VerifiedCaller,
        provider: &ProviderRuntime,
        call: ProviderCall<'_>,
        record: &mut RequestRecord,
    ) -> Result<Plan, Problem> {
        self.permitted(verified.caller(), record, provider.plan.plan(call))
            .map_err(|problem| named(problem, call))
    }

    /// The same for the profile's address.
    ///
    /// # Errors
    /// As [`ProviderPlan::plan_profile`](crate::provider::plan::ProviderPlan::plan_profile).
    pub(crate) fn permit_profile(
        &self,
        verified: &VerifiedCaller,
        provider: &ProviderRuntime,
        url: &Url,
        record: &mut RequestRecord,
    ) -> Result<Plan, Problem> {
        self.permitted(verified.caller(), record, provider.plan.plan_profile(url, verified.caller()))
    }

    /// Checks an admitted call anew with the GraphQL of its body.
    ///
    /// # Errors
    /// As for [`permit`](Self::permit).
    pub(crate) fn permit_documents(
        &self,
        call: &mut AdmittedCall<'_>,
        asked: ProviderCall<'_>,
        record: &mut RequestRecord,
    ) -> Result<(), Problem> {
        let plan = self.permitted(asked.caller, record, call.provider().plan.plan(asked))?;
        call.replan(plan);
        Ok(())
    }

    fn permitted(
        &self,
        caller: &Caller,
        record: &mut RequestRecord,
        plan: Result<Plan, PlanError>,
    ) -> Result<Plan, Problem> {
        let plan = plan.map_err(|error| {
            record.refused_by = error.decider();
            self.challenge_scope(caller, error.into())
        })?;
        record.permit = Some(plan.permit());
        record.host = Some(plan.shared_host());
        Ok(plan)
    }

    /// Whether no operator has blocked this user, or the user at this provider.
    ///
    /// # Errors
    /// `user-blocked` or `policy-denied`.
    pub(crate) fn unblocked(&self, user: &str, provider: &str) -> Result<(), Problem> {
        Ok(self.fleet.check(user, Some(provider), None)?)
    }

    /// Whether a provider's tokens come from Token Vault.
    pub(crate) fn asks_vault(&self) -> bool {
        self.vault
    }

    /// Quota, blocks, and then the proof of possession: a request that quota or a block refuses may be sent again as it is.
    ///
    /// # Errors
    /// `rate-limited`, `user-blocked` or `policy-denied`; `dpop-proof-invalid` for a proof that was used before.
    pub(crate) async fn admit<'a>(
        &self,
        verified: VerifiedCaller,
        provider: Option<&'a ProviderRuntime>,
        account: Option<AccountSelector>,
        record: &mut RequestRecord,
    ) -> Result<Admitted<'a>, Problem> {
        let caller = verified.caller();
        self.within(self.quotas.take(caller, provider.map(|provider| &*provider.name)))?;
        let checked = self.fleet.check(caller.subject(), provider.map(|provider| &*provider.name), None);
        checked.map_err(|blocked| record.blocked(blocked))?;
        let verified = self.accept(verified, record).await?;
        Ok(Admitted::new(verified, provider, account, self.vault))
    }

    /// Quota, blocks and a place among the provider's calls in flight, for a call that policy permits. Nothing of the
    /// request's body is read before.
    ///
    /// # Errors
    /// As [`admit`](Self::admit); `rate-limited` when the user's other calls hold the user's share of the places, `overloaded` when
    /// no place gets free in time.
    pub(crate) async fn admit_call<'a>(
        &self,
        verified: VerifiedCaller,
        provider: &'a ProviderRuntime,
        account: Option<AccountSelector>,
        plan: Plan,
        record: &mut RequestRecord,
    ) -> Result<AdmittedCall<'a>, Problem> {
        let admitted = self.admit(verified, Some(provider), account, record).await?;
        let caller = admitted.caller();
        let place =
            provider.client.enter(caller.issuer(), caller.subject()).await.map_err(|full| match full {
                Full::User => {
                    self.metrics.shed(Shed::Quota);
                    CallError::ShareTaken
                }
                Full::Provider => {
                    self.metrics.shed(Shed::Provider);
                    CallError::ProviderBusy
                }
            })?;
        Ok(AdmittedCall::new(admitted, provider, plan, place))
    }
}

/// Says which call the policy refused: who reads the problem need not guess which of many it was.
fn named(problem: Problem, call: ProviderCall<'_>) -> Problem {
    const LONGEST: usize = 200;
    if problem.code() != Code::PolicyDenied {
        return problem;
    }
    let path: String =
        if call.path.is_empty() { "/".to_owned() } else { call.path.chars().take(LONGEST).collect() };
    let detail = format!("{}: {} {path}", problem.detail_text(), call.method);
    problem.detail(detail)
}
