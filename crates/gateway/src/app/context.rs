//! What is known about one request, and what becomes known on its way.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use token_broker::{Account, IdpToken};

use super::{App, ProviderRuntime};
use crate::caller::Caller;
use crate::cors::AllowedOrigin;
use crate::outcome::Code;
use crate::plan::Plan;
use crate::policy::Permit;
use crate::proxy::{LinkBase, Links};
use crate::route::ProxyRoute;
use crate::server::{Peer, RequestId};
use crate::telemetry::{CacheResult, ProviderLabel, TokenSource};

/// What is known when a request comes in.
#[derive(Debug)]
pub(crate) struct RequestContext<'a> {
    /// Its id.
    pub(crate) id: RequestId,
    /// Who is on the other side.
    pub(crate) peer: Peer,
    /// `Host`, valid and served here.
    pub(crate) authority: Option<&'a str>,
    /// The page's origin, where it may read the answer.
    pub(crate) origin: Option<AllowedOrigin>,
}

impl RequestContext<'_> {
    /// How links of the provider's answer are rewritten.
    pub(crate) fn links(
        &self,
        app: &App,
        provider: &ProviderRuntime,
        route: ProxyRoute<'_>,
        sent: &Plan,
    ) -> Links {
        let public = app.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let scheme = match &app.public_url {
            Some(url) if url.scheme() == "http" => "http",
            Some(_) => "https",
            None => self.peer.scheme(),
        };
        let base = match (route.virtual_host, &public, self.authority) {
            (Some(name), _, authority) => LinkBase::Virtual {
                scheme,
                port: authority.and_then(port_of).unwrap_or_default().to_owned(),
                host: (name.to_owned(), route.host.unwrap_or_default().to_owned()),
            },
            (None, Some(public), _) => LinkBase::Origin(public.clone()),
            (None, None, Some(authority)) if app.hosts_are_validated => {
                LinkBase::Origin(format!("{scheme}://{authority}"))
            }
            _ => LinkBase::Path,
        };
        Links::new(
            Arc::clone(&provider.plan),
            Arc::clone(&provider.name),
            base,
            public,
            Arc::clone(&provider.virtual_hosts),
            sent,
        )
    }

    /// The address clients reach the gateway at, as far as it is known.
    pub(crate) fn public_address(&self, app: &App) -> Cow<'_, str> {
        match &app.public_url {
            Some(url) => Cow::Owned(url.as_str().trim_end_matches('/').to_owned()),
            None => Cow::Owned(format!("{}://{}", self.peer.scheme(), self.authority.unwrap_or("localhost"))),
        }
    }
}

/// `:8443`, where the authority names a port.
fn port_of(authority: &str) -> Option<&str> {
    authority.get(crate::route::host_of(authority).len()..)
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
#[derive(Debug)]
pub(crate) struct Trail {
    pub(crate) started: SystemTime,
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) nonce: Option<HeaderValue>,
    pub(crate) provider: Option<ProviderLabel>,
    pub(crate) permit: Option<Permit>,
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
}

impl Trail {
    pub(crate) fn new() -> Self {
        Self {
            started: SystemTime::now(),
            caller: None,
            nonce: None,
            provider: None,
            permit: None,
            account: None,
            source: None,
            cache: None,
            attempts: Vec::new(),
            outcome: None,
            tenant: None,
            event: "call",
            route: None,
        }
    }

    /// A token was found.
    pub(crate) fn found(&mut self, token: &IdpToken) {
        if self.account.as_ref() != Some(token.account()) {
            self.account = Some(token.account().clone());
        }
        self.source = Some(token.source());
        self.cache = Some(token.cache());
    }

    /// No token was found; a refresh token's lost successor is an event of its own in the audit log.
    pub(crate) fn failed(&mut self, error: &token_broker::Error) {
        if let token_broker::Reason::ReconnectRequired { account, refresh_lost, .. } = error.reason() {
            self.account = Some(account.clone());
            if *refresh_lost {
                self.event = "refresh-lost";
            }
        }
    }

    /// The token was not at hand.
    pub(crate) fn waited(&mut self, time: Duration) {
        *self.tenant.get_or_insert_default() += time;
    }

    /// The provider was asked.
    pub(crate) fn attempt(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
    }

    /// The last attempt was classified.
    pub(crate) fn classified(&mut self, code: Code) {
        if let Some(last) = self.attempts.last_mut() {
            last.outcome = code;
        }
    }

    /// Time until the provider's response heads, all attempts together.
    pub(crate) fn upstream(&self) -> Option<Duration> {
        (!self.attempts.is_empty()).then(|| self.attempts.iter().map(|attempt| attempt.elapsed).sum())
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
