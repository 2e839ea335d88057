//! The steps of a call. A value of each step can only be made from one of the step before, so no step can be skipped:
//!
//! [`VerifiedCaller`] (credentials verified), a plan (policy and scopes), [`AdmittedCall`] (quota, blocks, a proof of
//! possession that was not used before, the provider's limit of calls in flight), [`CallToken`] (the IdP token for that call), the outbound request.
//!
//! What needs no call to a provider's API ends at [`Admitted`]: the list of accounts, and the end of a connection.

use std::sync::Arc;

use caller_auth::{Caller, CallerToken, Checked, Verified};
use token_broker::{AccountSelector, IdpToken, TokenRequest};
use token_keeper::BearerToken;

use crate::provider::ProviderRuntime;
use crate::provider::plan::Plan;
use crate::upstream::Place;

/// A caller whose credentials were verified, or an operator at the command line of this process. Whether a proof of
/// possession was used before is asked at admission.
///
/// Code outside of this module can pass one on:
///
/// ```
/// use gateway::state::VerifiedCaller;
///
/// fn pass(checked: caller_auth::Checked, caller: VerifiedCaller) -> VerifiedCaller {
///     caller
/// }
/// ```
///
/// It cannot make one:
///
/// ```compile_fail,E0423
/// use gateway::state::VerifiedCaller;
///
/// fn pass(checked: caller_auth::Checked, caller: VerifiedCaller) -> VerifiedCaller {
///     VerifiedCaller(checked)
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedCaller(Checked);

impl VerifiedCaller {
    /// Only `state::access` may say that a caller is verified.
    pub(super) fn new(checked: Checked) -> Self {
        Self(checked)
    }

    /// Who calls.
    pub(crate) fn caller(&self) -> &Arc<Caller> {
        self.0.caller()
    }

    /// For the admission, which uses the proof of possession up.
    pub(super) fn into_checked(self) -> Checked {
        self.0
    }
}

/// The caller's own token for the exchange at Token Vault. One that is bound to a key cannot be exchanged.
fn subject_token(verified: &Verified) -> Option<BearerToken> {
    let token = verified.token.as_ref().filter(|_| !verified.caller.is_bound())?;
    BearerToken::new(token.expose()).ok()
}

/// A verified caller who is within quota and not blocked, for one provider or for none.
///
/// Code outside of this module can pass one on:
///
/// ```
/// use gateway::state::Admitted;
///
/// fn pass(verified: caller_auth::Verified, admitted: Admitted<'_>) -> Admitted<'_> {
///     admitted
/// }
/// ```
///
/// It cannot put another verified caller into one:
///
/// ```compile_fail,E0451
/// use gateway::state::Admitted;
///
/// fn pass(verified: caller_auth::Verified, admitted: Admitted<'_>) -> Admitted<'_> {
///     Admitted { verified, ..admitted }
/// }
/// ```
#[derive(Debug)]
pub struct Admitted<'a> {
    verified: Verified,
    provider: &'a str,
    account: Option<AccountSelector>,
    subject_token: Option<BearerToken>,
    audience: Vec<String>,
}

impl<'a> Admitted<'a> {
    /// Only `state::access` may say that a caller is admitted. `vault`: Token Vault may be asked.
    pub(super) fn new(
        verified: Verified,
        provider: Option<&'a ProviderRuntime>,
        account: Option<AccountSelector>,
        vault: bool,
    ) -> Self {
        let to_exchange = vault && provider.is_none_or(|provider| provider.uses_vault);
        Self {
            provider: provider.map_or("", |provider| &provider.name),
            account,
            subject_token: if to_exchange { subject_token(&verified) } else { None },
            // Only Token Vault has to see them.
            audience: if vault {
                verified.caller.audience().map(str::to_owned).collect()
            } else {
                Vec::new()
            },
            verified,
        }
    }

    /// Who calls.
    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.verified.caller
    }

    /// The caller's own token, to find it in a body. Operators have none.
    pub(crate) fn token(&self) -> Option<&str> {
        self.verified.token.as_ref().map(CallerToken::expose)
    }

    /// What the broker is asked.
    pub(super) fn request(&self) -> TokenRequest<'_> {
        let caller = self.caller();
        TokenRequest::new(caller.subject(), self.provider)
            .organization(caller.organization())
            .subject_token(self.subject_token.as_ref(), &self.audience)
            .issued_at(caller.issued_at())
            .account(self.account.as_ref())
    }
}

/// A call that policy permits and that has its place among the provider's calls in flight.
///
/// Code outside of this module can pass one on:
///
/// ```
/// use gateway::state::{Admitted, AdmittedCall};
///
/// fn pass<'a>(admitted: Admitted<'a>, call: AdmittedCall<'a>) -> AdmittedCall<'a> {
///     call
/// }
/// ```
///
/// It cannot put another admitted caller into one:
///
/// ```compile_fail,E0451
/// use gateway::state::{Admitted, AdmittedCall};
///
/// fn pass<'a>(admitted: Admitted<'a>, call: AdmittedCall<'a>) -> AdmittedCall<'a> {
///     AdmittedCall { admitted, ..call }
/// }
/// ```
#[derive(Debug)]
pub struct AdmittedCall<'a> {
    admitted: Admitted<'a>,
    provider: &'a ProviderRuntime,
    plan: Plan,
    slot: Option<Place>,
}

impl<'a> AdmittedCall<'a> {
    /// Only `state::access` may say that a call is admitted.
    pub(super) fn new(
        admitted: Admitted<'a>,
        provider: &'a ProviderRuntime,
        plan: Plan,
        slot: Place,
    ) -> Self {
        Self { admitted, provider, plan, slot: Some(slot) }
    }

    /// The caller, admitted.
    pub(crate) fn admitted(&self) -> &Admitted<'a> {
        &self.admitted
    }

    /// The provider that is called.
    pub(crate) fn provider(&self) -> &'a ProviderRuntime {
        self.provider
    }

    /// What the broker is asked.
    pub(super) fn request(&self) -> TokenRequest<'_> {
        self.admitted.request().endpoint(self.plan.path())
    }

    /// Replaces the plan by one that was made with more known of the same call.
    pub(super) fn replan(&mut self, plan: Plan) {
        self.plan = plan;
    }

    /// What is permitted.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The call's place among the provider's calls in flight; the sender of the answer's body holds it.
    pub(crate) fn take_slot(&mut self) -> Option<Place> {
        self.slot.take()
    }
}

/// The IdP token for an admitted call.
///
/// Code outside of this module can pass one on:
///
/// ```
/// use gateway::state::CallToken;
///
/// fn pass(token: token_broker::IdpToken, call_token: CallToken) -> CallToken {
///     call_token
/// }
/// ```
///
/// It cannot make one of a token that was found in another way:
///
/// ```compile_fail,E0423
/// use gateway::state::CallToken;
///
/// fn pass(token: token_broker::IdpToken, call_token: CallToken) -> CallToken {
///     CallToken(token)
/// }
/// ```
#[derive(Debug)]
pub struct CallToken(IdpToken);

impl CallToken {
    /// Only `state::tokens` finds tokens.
    pub(super) fn new(token: IdpToken) -> Self {
        Self(token)
    }
}

impl std::ops::Deref for CallToken {
    type Target = IdpToken;

    fn deref(&self) -> &IdpToken {
        &self.0
    }
}
