//! The broker: one ask in, one usable token out.

use std::{collections::BTreeMap, fmt, sync::Arc};

use user_store::UserStore;

use crate::{
    Account, AccountSelector, Ask, BrokerBuilder, Error, IdpToken, Provider, Reason, Source, Transport,
    digest::DeadMarks,
    grants::Grants,
    refresh::Refresher,
    vault::{Vault, falls_through},
};

/// Finds or makes one usable IdP token for (caller, provider, account). Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Broker {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) tenant: Arc<str>,
    pub(crate) users: UserStore,
    pub(crate) providers: BTreeMap<String, Arc<Provider>>,
    pub(crate) vault: Vault,
    pub(crate) grants: Arc<Grants>,
    pub(crate) refresher: Arc<Refresher>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) marks: Arc<DeadMarks>,
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
    pub async fn token(&self, ask: &Ask<'_>) -> Result<IdpToken, Error> {
        let inner = &self.inner;
        let provider = inner.provider(ask.provider)?;
        let mut nothing = None;
        for (at, source) in provider.sources.iter().enumerate() {
            let last = at + 1 == provider.sources.len();
            let found = match source {
                Source::Vault if !inner.vault.serves(ask) => Err(inner.skipped(provider)),
                Source::Vault => inner.vault_token(ask, provider, !last).await,
                Source::Identities => inner.identity_token(ask, provider, !last).await,
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

    /// A replacement for a token that the provider refused. Once: a refresh where the grant can be refreshed, else
    /// one re-read of Auth0's copy (or one new exchange). The same token again is marked dead for 60 s.
    ///
    /// # Errors
    /// [`Reason::ReconnectRequired`] when there is no other token, else why it could not be found out.
    pub async fn token_rejected(&self, ask: &Ask<'_>, dead: &IdpToken) -> Result<IdpToken, Error> {
        self.replace(ask, dead, true).await
    }

    /// Like [`token_rejected`](Self::token_rejected) for a refusal that only the user can lift at the provider: no
    /// refresh is spent on it, but the user may have logged in anew, so Auth0's copy is read again once.
    ///
    /// # Errors
    /// As for [`token_rejected`](Self::token_rejected).
    pub async fn login_required(&self, ask: &Ask<'_>, dead: &IdpToken) -> Result<IdpToken, Error> {
        self.replace(ask, dead, false).await
    }

    async fn replace(&self, ask: &Ask<'_>, dead: &IdpToken, refresh: bool) -> Result<IdpToken, Error> {
        let inner = &self.inner;
        let provider = inner.provider(ask.provider)?;
        if inner.marks.holds(dead.digest()) {
            return Err(dead_token(&dead.account, dead.source));
        }
        match dead.source {
            Source::Vault => inner.vault_rejected(ask, dead).await,
            Source::Identities => inner.identity_rejected(ask, provider, dead, refresh).await,
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

pub(crate) fn dead_token(account: &Account, source: Source) -> Error {
    Error::reconnect(account, source, "the provider refuses the token, and there is no other one")
}

impl Inner {
    pub(crate) fn provider(&self, name: &str) -> Result<&Arc<Provider>, Error> {
        self.providers
            .get(name)
            .ok_or_else(|| Error::new(Reason::UnknownProvider, "no provider of this name is configured"))
    }

    /// The vault was not asked: this caller token cannot be exchanged.
    fn skipped(&self, provider: &Provider) -> Error {
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
