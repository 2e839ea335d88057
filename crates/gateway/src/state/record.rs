//! What is known about one request, and what becomes known on its way.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method};
use secrecy::ExposeSecret;
use token_broker::{Account, IdpToken};

use super::PublicAddress;
use super::secrets::Secrets;
use crate::fleet::Blocked;
use crate::outcome::Code;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::provider::policy::{Decider, Permit};
use crate::request_id::RequestId;
use crate::shares::Seat;
use crate::telemetry::{CacheResult, ProviderLabel, TokenSource};
use caller_auth::Caller;

/// Shortest secret of a refresh that is looked for in answers.
const SHORTEST_SECRET: usize = 8;

/// What is known when a request comes in.
#[derive(Debug)]
pub(crate) struct RequestContext<'a> {
    /// Its id.
    pub(crate) id: RequestId,
    /// When it came in.
    pub(crate) started: SystemTime,
    /// Who is on the other side.
    pub(crate) peer: Peer,
    /// `Host`, valid and served here.
    pub(crate) authority: Option<&'a str>,
    /// Whether a page of an allowed origin may read the answer.
    pub(crate) cross_origin: bool,
}

impl RequestContext<'_> {
    /// The address clients reach the gateway at, as far as it is known.
    pub(crate) fn public_address(&self, address: &PublicAddress) -> String {
        match &address.url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("{}://{}", self.peer.scheme(), self.authority.unwrap_or("localhost")),
        }
    }
}

/// One attempt at the provider.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The provider's status, if it answered.
    pub(crate) status: Option<u16>,
    /// What became of it.
    pub(crate) outcome: Code,
    /// Until the response head.
    pub(crate) elapsed: Duration,
}

/// What became known about a request on its way; feeds the summary, `explain` and the audit log.
#[derive(Debug, Default)]
pub(crate) struct RequestRecord {
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) nonce: Option<HeaderValue>,
    /// What of the caller token was refused, beside what is accepted.
    pub(crate) mismatch: Option<Box<caller_auth::Mismatch>>,
    pub(crate) provider: Option<ProviderLabel>,
    pub(crate) permit: Option<Permit>,
    /// What refuses, where policy or a block does.
    pub(crate) refused_by: Option<Decider>,
    /// The provider host that is called.
    pub(crate) host: Option<Arc<str>>,
    /// The GraphQL that is asked for.
    pub(crate) graphql: Option<Box<str>>,
    /// The scopes of the grant, where they are known.
    pub(crate) scopes: Option<Arc<[String]>>,
    pub(crate) account: Option<Account>,
    pub(crate) source: Option<token_broker::Source>,
    pub(crate) cache: Option<token_broker::Cached>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) outcome: Option<Code>,
    /// Time spent until a token was there that was not at hand.
    pub(crate) tenant: Option<Duration>,
    /// `call`, `me`, `profile`, `revoke`, `logout`.
    pub(crate) event: &'static str,
    pub(crate) route: Option<&'static str>,
    /// The tool of the MCP endpoint that made the call.
    pub(crate) tool: Option<&'static str>,
    /// The method of the call, where it is not the request's.
    pub(crate) method: Option<Method>,
    /// The accounts that the request disconnected, and whether each was connected before: only of those an event is sent.
    pub(crate) disconnected: Vec<(Account, bool)>,
    /// The secrets that went to the provider, which no answer may hold.
    pub(crate) secrets: Secrets,
    /// The caller's place among the requests in flight, until there is an answer.
    pub(crate) seat: Option<Seat>,
}

impl RequestRecord {
    pub(crate) fn new() -> Self {
        Self { event: "call", ..Self::default() }
    }

    /// A token was found.
    pub(crate) fn found(&mut self, token: &IdpToken) {
        self.concerns(token.account(), token.source());
        self.source = Some(token.source());
        self.cache = Some(token.cache());
        self.scopes = token.shared_scopes();
        for secret in token.exchanged().iter().map(ExposeSecret::expose_secret) {
            // No provider issues shorter ones, and they would be found in innocent text.
            if secret.len() >= SHORTEST_SECRET {
                self.secrets.add_once(secret);
            }
        }
    }

    /// No token was found; a refresh token's lost successor is an event of its own in the audit log.
    pub(crate) fn failed(&mut self, error: &token_broker::Error) {
        if let token_broker::Reason::ReconnectRequired { account, source, refresh_lost, .. } = error.reason()
        {
            self.concerns(account, *source);
            if *refresh_lost {
                self.event = "refresh_lost";
            }
        }
    }

    /// An operator's block refuses the request: the problem that it ends with.
    pub(crate) fn blocked(&mut self, blocked: Blocked) -> Problem {
        self.refused_by = Some(Decider::Block);
        blocked.into()
    }

    /// Notes the account, as far as Auth0 said which one it is: of a vault token only the connection is known, its account is
    /// what the caller asked for.
    fn concerns(&mut self, account: &Account, source: token_broker::Source) {
        let known = match source {
            token_broker::Source::Vault => Account::new(account.connection(), None),
            _ => account.clone(),
        };
        self.account = Some(known);
    }

    /// The token was not at hand.
    pub(crate) fn waited(&mut self, time: Duration) {
        *self.tenant.get_or_insert_default() += time;
    }

    /// The provider was asked.
    pub(crate) fn attempt(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
    }

    /// The part of the policy that decided.
    pub(crate) fn decided_by(&self) -> Option<Decider> {
        self.refused_by.or(self.permit.map(Decider::from))
    }

    /// The last attempt was classified.
    pub(crate) fn classified(&mut self, code: Code) {
        if let Some(last) = self.attempts.last_mut() {
            last.outcome = code;
        }
    }

    /// The accounts that the request was about, each of which has an audit line; none where it is not known.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        let one = self.account.as_ref().filter(|_| self.disconnected.is_empty());
        one.into_iter().chain(self.disconnected.iter().map(|(account, _)| account))
    }

    /// The accounts that the request has changed, or has shown something of.
    pub(crate) fn changed_accounts(&self) -> impl Iterator<Item = &Account> {
        let one = self.account.as_ref().filter(|_| self.disconnected.is_empty());
        let changed = self.disconnected.iter().filter(|(_, changed)| *changed);
        one.into_iter().chain(changed.map(|(account, _)| account))
    }

    /// Time until the provider's response heads, all attempts together.
    pub(crate) fn upstream(&self) -> Option<Duration> {
        (!self.attempts.is_empty()).then(|| self.attempts.iter().map(|attempt| attempt.elapsed).sum())
    }
}

/// How the user record behind a request was found, as far as one was needed.
pub(crate) fn user_lookup(record: &RequestRecord, outcome: Code) -> Option<CacheResult> {
    match outcome {
        Code::UserUnknown => Some(CacheResult::Missing),
        Code::TenantRateLimited | Code::TenantUnavailable | Code::TenantMisconfigured => {
            Some(CacheResult::Failed)
        }
        _ if record.source == Some(token_broker::Source::Identities) => record.cache.map(cache_label),
        _ => None,
    }
}

/// The metrics' word for a source.
pub(crate) fn source_label(source: token_broker::Source) -> TokenSource {
    match source {
        token_broker::Source::Vault => TokenSource::Vault,
        _ => TokenSource::Identities,
    }
}

/// The metrics' word for what a token cost.
pub(crate) fn cache_label(cached: token_broker::Cached) -> CacheResult {
    match cached {
        token_broker::Cached::Joined => CacheResult::Joined,
        token_broker::Cached::Loaded => CacheResult::Loaded,
        token_broker::Cached::Stale => CacheResult::Stale,
        _ => CacheResult::Hit,
    }
}
