//! What the calls of verified callers need.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use idp_adapters::{Classified, Outcome};
use mgmt_auth::SecretReader;
use token_broker::IdpToken;

use super::{Access, ConsentPrompts, Deprecations, Prepared, PublicAddress, RequestRecord, Tokens};
use crate::body::BodyReader;
use crate::call_error::CallError;
use crate::error_table;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::selector::Selector;
use crate::telemetry::Metrics;

/// What the calls of verified callers need.
pub(crate) struct Calls {
    /// Who may do what.
    pub(crate) access: Access,
    /// IdP tokens and accounts.
    pub(crate) tokens: Tokens,
    /// The configured providers by name.
    pub(crate) providers: HashMap<Arc<str>, Arc<ProviderRuntime>>,
    /// Reads the app secret for providers that want a proof of it.
    pub(crate) secrets: SecretReader,
    /// What users were asked to consent to.
    pub(crate) asked: ConsentPrompts,
    /// What providers announced the end of.
    pub(crate) deprecations: Deprecations,
    /// Secrets that were prepared for the search of answers.
    pub(crate) prepared: Prepared,
    pub(crate) metrics: Metrics,
    pub(crate) address: PublicAddress,
    /// `server.limits.uri`, in bytes.
    pub(crate) target_limit: usize,
    /// `server.limits.replay`, in bytes.
    pub(crate) replay_limit: usize,
    /// The longest that a body may take which is read before anything else is done (`server.timeouts.header`).
    pub(crate) read_ahead_timeout: Duration,
    /// Reads bodies of verified callers whole.
    pub(crate) bodies: BodyReader,
    /// Reads forms of senders who are not known.
    pub(crate) forms: BodyReader,
    /// `telemetry.send_trace_context`.
    pub(crate) send_trace_context: bool,
}

impl Calls {
    /// The provider that a route names.
    ///
    /// # Errors
    /// `unknown-provider`.
    pub(crate) fn named_provider(
        &self,
        name: &str,
        record: &mut RequestRecord,
    ) -> Result<Arc<ProviderRuntime>, Problem> {
        let provider = self.providers.get(name).cloned().ok_or(CallError::UnknownProvider)?;
        record.provider = Some(provider.label.clone());
        Ok(provider)
    }

    /// Whether an answer about a scope that `token` lacks may ask the user for it: not twice in a row.
    pub(crate) fn may_ask(&self, user: &str, token: &IdpToken, classified: &Classified) -> bool {
        classified.outcome == Outcome::ScopeMissing && self.asked.may_ask(user, token, classified)
    }

    /// Forgets what this replica has cached, and stored grants where the selector says so; how many things that were.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn forget(&self, selector: &Selector) -> Result<u64, Problem> {
        let verified = self.access.forget(selector);
        self.prepared.clear();
        let mut wanted = token_broker::Selector::default();
        wanted.user.clone_from(&selector.user);
        wanted.connection.clone_from(&selector.connection);
        wanted.provider.clone_from(&selector.provider);
        wanted.grants = selector.grants;
        let forgotten = self.tokens.forget(&wanted).await;
        let forgotten = forgotten.map_err(|error| error_table::broker(&error, None))?;
        Ok(forgotten + verified)
    }
}
