//! The broker: one request in, one usable token out.

use std::{collections::BTreeMap, fmt, sync::Arc};

use token_keeper::Clock;
use user_store::UserStore;

use crate::{
    Account, AccountSelector, BrokerBuilder, Error, GrantKey, IdpToken, Provider, Reason, RevokedGrant,
    Source, TokenRequest, Transport,
    digest::Digest,
    grants::Grants,
    knowledge::{Knowledge, Use},
    refresh::Refresher,
    revocations::Revocations,
    vault::{Vault, falls_through},
};

/// Finds or makes one usable IdP token for (caller, provider, account). Cheap to clone; clones share everything.
///
/// ```no_run
/// use token_broker::{Reason, TokenRequest};
///
/// # async fn f(broker: token_broker::Broker) {
/// let request = TokenRequest::new("google-oauth2|100000000000000000002", "github");
/// match broker.token(&request).await {
///     Ok(token) => println!("{} from {}", token.account(), token.source()),
///     Err(error) if matches!(error.reason(), Reason::ReconnectRequired { .. }) => println!("the user has to connect again"),
///     Err(error) => println!("{error}, {:?}", error.retry_after()),
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Broker {
    pub(crate) inner: Arc<Inner>,
}

/// Told of each revocation as soon as it is stored.
pub(crate) type OnRevoked = Box<dyn Fn(RevokedGrant) + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) tenant: Arc<str>,
    pub(crate) users: UserStore,
    pub(crate) providers: BTreeMap<String, Arc<Provider>>,
    pub(crate) vault: Vault,
    pub(crate) grants: Arc<Grants>,
    pub(crate) refresher: Arc<Refresher>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) knowledge: Arc<Knowledge>,
    pub(crate) clock: Clock,
    pub(crate) revocations: Revocations,
    pub(crate) on_revoked: OnRevoked,
    /// Whether the management token is known to lack `read:user_idp_tokens`.
    pub(crate) lacks_idp_tokens: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Broker {
    /// A broker for a tenant's users.
    pub fn builder(tenant: mgmt_auth::Tenant, users: UserStore) -> BrokerBuilder {
        BrokerBuilder::new(tenant, users)
    }

    /// The configured providers, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.inner.providers.values().map(|provider| &**provider)
    }

    /// One usable token: from the provider's sources in their order. Without I/O while everything is warm.
    ///
    /// # Errors
    /// Why there is none, and who has to act: [`Error::reason`].
    pub async fn token(&self, request: &TokenRequest<'_>) -> Result<IdpToken, Error> {
        match self.token_at_hand(request) {
            Some(token) => Ok(token),
            // Boxed: who asks for a token mostly has no use for so large a future.
            None => Box::pin(self.look_up(request)).await,
        }
    }

    async fn look_up(&self, request: &TokenRequest<'_>) -> Result<IdpToken, Error> {
        let inner = &self.inner;
        let provider = inner.provider(request.provider)?;
        let mut nothing = None;
        for (at, source) in provider.sources.iter().enumerate() {
            let last = at + 1 == provider.sources.len();
            let found = match source {
                Source::Vault if !inner.vault.serves(request) => Err(inner.skipped(provider)),
                Source::Vault => inner.vault_token(request, provider, !last).await,
                Source::Identities => inner.identity_token(request, provider, !last).await,
            };
            match found {
                Err(error) if !last && passes(*source, &error) => nothing = Some(error),
                // What the first source missed says more than that the last one was skipped.
                Err(error) if error.is_not_found() => return Err(nothing.unwrap_or(error)),
                other => return other,
            }
        }
        Err(nothing.unwrap_or_else(|| inner.skipped(provider)))
    }

    /// The token that [`token`](Self::token) would return without waiting for anything, by the same decision. `None` where there is
    /// something to wait for, or no token: then `token` finds it, or says why not.
    pub(crate) fn token_at_hand(&self, request: &TokenRequest<'_>) -> Option<IdpToken> {
        let inner = &self.inner;
        let provider = inner.provider(request.provider).ok()?;
        let serves = |source: &&Source| **source != Source::Vault || inner.vault.serves(request);
        match provider.sources.iter().find(serves)? {
            Source::Identities => inner.identity_at_hand(request, provider),
            Source::Vault => None,
        }
    }

    /// A replacement for a token that the provider refused: a refresh where the grant can be refreshed, else one re-read of
    /// Auth0's copy (or one new exchange). A call spends at most one single-use refresh token. The same token again is
    /// marked dead for 60 s, unless it worked or was issued within the last minute: then only this endpoint counts as
    /// refusing, and the account stays open.
    ///
    /// # Errors
    /// [`Reason::ReconnectRequired`] when there is no other token, [`Reason::EndpointRefused`] when the refusal is the
    /// endpoint's alone, else why it could not be found out.
    pub async fn token_rejected(
        &self,
        request: &TokenRequest<'_>,
        refused: &IdpToken,
    ) -> Result<IdpToken, Error> {
        self.replace(request, refused, true).await
    }

    /// Like [`token_rejected`](Self::token_rejected) for a refusal that only the user can lift at the provider: no
    /// refresh is spent on it, but the user may have signed in again, so Auth0's copy is read again once.
    ///
    /// # Errors
    /// As for [`token_rejected`](Self::token_rejected).
    pub async fn login_required(
        &self,
        request: &TokenRequest<'_>,
        refused: &IdpToken,
    ) -> Result<IdpToken, Error> {
        self.replace(request, refused, false).await
    }

    /// The provider accepted the token: for a minute, one endpoint's refusal is no reason to take it for dead. Cheap enough
    /// to be called after every success.
    pub fn token_accepted(&self, request: &TokenRequest<'_>, token: &IdpToken) {
        let inner = &self.inner;
        let Ok(provider) = inner.provider(&token.provider) else { return };
        let used = || Use::of(&inner.grant_key(request.user_id, provider, token), request.endpoint);
        inner.knowledge.note_worked(token.digest(), used);
    }

    async fn replace(
        &self,
        request: &TokenRequest<'_>,
        refused: &IdpToken,
        may_refresh: bool,
    ) -> Result<IdpToken, Error> {
        let inner = &self.inner;
        let provider = inner.provider(request.provider)?;
        match refused.source {
            Source::Vault => inner.vault_rejected(request, provider, refused).await,
            Source::Identities => inner.identity_rejected(request, provider, refused, may_refresh).await,
        }
    }
}

/// Whether the next source is tried: the vault hands over only when it holds nothing; identities when they hold no
/// account, or one without a token.
fn passes(source: Source, error: &Error) -> bool {
    match source {
        Source::Vault => falls_through(error),
        Source::Identities => matches!(error.reason(), Reason::AccountNotConnected { .. }),
    }
}

/// The endpoint refuses a token that was good a moment ago.
pub(crate) fn endpoint_refused(account: &Account, source: Source) -> Error {
    Error::new(
        Reason::EndpointRefused { account: account.clone(), source },
        "the provider refuses, for this call, a token that it accepted or issued moments ago: it does not allow the call, or \
         the access was revoked meanwhile",
    )
}

impl Inner {
    /// The token with this digest is marked as dead.
    pub(crate) fn dead_token(&self, account: &Account, source: Source, token: Digest) -> Error {
        Error::reconnect(account, source, "the provider refuses the token, and there is no other one")
            .after(self.knowledge.dead_for(token))
    }

    pub(crate) fn provider(&self, name: &str) -> Result<&Arc<Provider>, Error> {
        self.providers
            .get(name)
            .ok_or_else(|| Error::new(Reason::UnknownProvider, "no provider of this name is configured"))
    }

    /// The key under which a token's grant is kept.
    fn grant_key(&self, user: &str, provider: &Provider, token: &IdpToken) -> GrantKey {
        match token.source {
            Source::Identities => self.identity_key(user, provider, &token.account),
            Source::Vault => GrantKey::new(&self.tenant, user, Source::Vault, &token.account),
        }
    }

    /// The vault was not asked: this caller token cannot be exchanged.
    pub(crate) fn skipped(&self, provider: &Provider) -> Error {
        let reason = Reason::AccountNotConnected {
            connection: provider.connections.first().cloned(),
            source: provider.sources.first().copied().unwrap_or(Source::Identities),
        };
        Error::new(
            reason,
            "the caller token cannot be exchanged at Token Vault: it is bound to a key or not meant for the vault's \
             API",
        )
    }

    /// The account is not there.
    pub(crate) fn not_connected(
        &self,
        provider: &Provider,
        source: Source,
        selector: Option<&AccountSelector>,
    ) -> Error {
        let named = selector.map(|selector| selector.connection.clone());
        let connection = named
            .filter(|name| provider.connections.contains(name))
            .or_else(|| provider.connections.first().cloned());
        Error::new(
            Reason::AccountNotConnected { connection, source },
            "the user has no such account at this provider",
        )
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("tenant", &self.inner.tenant)
            .field("providers", &self.inner.providers.keys().collect::<Vec<_>>())
            .field("grants", &self.inner.grants)
            .finish_non_exhaustive()
    }
}
