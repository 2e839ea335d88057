//! The policy of a configuration without anything that runs: for `gateway check --as` and `--cases`.

use std::collections::BTreeMap;

use caller_auth::{Caller, Rules};

use super::build::plan;
use super::convert;
use super::start_error::StartError;
use crate::config::Settings;
use crate::provider::plan::ProviderPlan;
use crate::proxy::check_json;
use crate::route::proxied;
use crate::state::{Question, Verdict};

/// What callers may do, by a configuration alone.
pub(crate) struct OfflinePolicy {
    callers: Rules,
    providers: BTreeMap<String, ProviderPlan>,
    /// `server.limits.replay`, in bytes.
    longest_body: usize,
    /// `server.limits.uri`, in bytes.
    longest_target: usize,
}

impl OfflinePolicy {
    /// Prepares it.
    ///
    /// # Errors
    /// As for a start with these settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartError> {
        let plans = settings.providers.iter().map(|(name, entry)| Ok((name.clone(), plan(name, entry)?)));
        Ok(Self {
            callers: convert::rules(settings),
            providers: plans.collect::<Result<_, StartError>>()?,
            longest_body: settings.server.limits.replay.as_usize(),
            longest_target: settings.server.limits.uri.as_usize(),
        })
    }

    /// What a call of a caller with these claims would come to; `target` is its path and query at the gateway.
    pub(crate) fn verdict(&self, claims: &str, method: &str, target: &str, body: &[u8]) -> Verdict {
        let caller = match Caller::from_claims(claims, &self.callers) {
            Ok(caller) => caller,
            Err(refusal) => return Verdict::not_accepted(refusal),
        };
        let question = match Question::new((method, target), proxied, body, self.longest_target) {
            Ok(question) => question,
            Err(problem) => return Verdict::refused((problem, None)),
        };
        let Some(provider) = self.providers.get(question.provider()) else {
            return Verdict::unknown_provider();
        };
        match question.plan(provider, &caller, self.longest_body, || Ok(())) {
            Ok(plan) => question.permitted(provider, (&plan, false), None, check_json),
            Err(refused) => Verdict::refused(refused),
        }
    }
}
