//! The caller's own view, and forgetting.

use std::{sync::Arc, time::SystemTime};

use user_store::{Identity, User};

use crate::{
    Account, AccountState, AccountStatus, Broker, Error, GrantFilter, GrantKey, Provider, Reason, Revocation,
    RevokedGrant, Selector, Source, TokenRequest,
    broker::Inner,
    choose::{self, account},
    decide::{self, Action, Refresh, current},
    grants::CachedGrant,
    tenant_grant::TenantGrant,
};

impl Broker {
    /// The caller's accounts at all providers, or at the request's. Asks no provider and holds no token.
    ///
    /// # Errors
    /// The user is unknown or blocked, or there is no record of them and Auth0 gave none. An account whose stored grant cannot
    /// be read is listed as [`AccountState::Unknown`].
    pub async fn accounts(&self, request: &TokenRequest<'_>) -> Result<Vec<AccountStatus>, Error> {
        let inner = &self.inner;
        let user = inner.users.get_newer(request.user_id, request.issued_at).await?.user;
        if user.is_blocked() {
            return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
        }
        let asked =
            |provider: &&Arc<Provider>| request.provider.is_empty() || request.provider == provider.name;
        let mut list = Vec::new();
        let mut connected = None;
        for provider in inner.providers.values().filter(asked) {
            for source in &provider.sources {
                match source {
                    Source::Identities => {
                        for identity in user.identities().iter().filter(|identity| provider.owns(identity)) {
                            list.push(inner.status(provider, &user, identity, request.issued_at).await);
                        }
                    }
                    Source::Vault => {
                        if connected.is_none() {
                            connected = Some(inner.connected(request.user_id).await);
                        }
                        let mine = |entry: &&AccountStatus| {
                            provider.connections.iter().any(|name| name == entry.account.connection())
                        };
                        for entry in connected.iter().flatten().filter(mine).cloned() {
                            let entry = AccountStatus { provider: provider.name.clone(), ..entry };
                            list.push(inner.unless_revoked(request, entry).await);
                        }
                    }
                }
            }
        }
        Ok(list)
    }

    /// Revokes an account: refused from now on until Auth0's copy changes, and revoked at the provider where that
    /// can be done. Every source that holds it is revoked, or the next one would serve it: what was done at each, in the order of
    /// the provider's sources. There is one at least.
    ///
    /// # Errors
    /// There is no such account, or the store cannot keep it refused. A provider that does not revoke is no error. After an error the
    /// account may be revoked in part; the call can be repeated.
    pub async fn revoke(&self, request: &TokenRequest<'_>) -> Result<Vec<Revocation>, Error> {
        let inner = &self.inner;
        let provider = inner.provider(request.provider)?;
        let mut nothing = inner.not_connected(provider, Source::Identities, request.account);
        let mut done = Vec::new();
        for source in &provider.sources {
            let revoked = match source {
                Source::Identities => inner.revoke_identity(request, provider).await,
                Source::Vault => inner.revoke_vault(request, provider).await,
            };
            match revoked {
                Ok(revocation) => done.push(revocation),
                Err(error) => match error.reason() {
                    Reason::AccountNotConnected { .. } => nothing = error,
                    // Calls that name no account get the one of the source before.
                    Reason::AccountAmbiguous(_) if !done.is_empty() => {}
                    _ => return Err(error),
                },
            }
        }
        if done.is_empty() { Err(nothing) } else { Ok(done) }
    }

    /// Takes over what other replicas revoked: it holds at once, and while the store is down. What is known already changes
    /// nothing, so the same list can be applied again and again.
    pub fn apply_revocations<'a>(&self, revoked: impl IntoIterator<Item = &'a RevokedGrant>) {
        for one in revoked {
            if self.inner.revocations.add(one) && one.lifted {
                // What is cached of it was read before it was lifted.
                self.inner.grants.forget(&GrantFilter::new(Some(one.key.user.clone()), None));
            }
        }
    }

    /// Takes back the revocation of an account of this source, because the user has just connected it again and said so to this
    /// program: also where Auth0's copy is still the one that was revoked. Grants that are not revoked stay, and so do revocations of
    /// the user's other accounts. [`BrokerBuilder::on_revoked`](crate::BrokerBuilder::on_revoked) is told, for the other replicas.
    ///
    /// An `account` of [`Source::Identities`] without a user id is the only one of its connection. If the user has several, it is not
    /// known which was connected, and each stays revoked until its copy at Auth0 changes or the user signs in again.
    ///
    /// Returns the account as Auth0 knows it: with a user id only where the user's record has it.
    ///
    /// # Errors
    /// The store does not answer, or the user's accounts cannot be read.
    pub async fn reconnected(
        &self,
        user_id: &str,
        source: Source,
        account: &Account,
    ) -> Result<Account, Error> {
        let inner = &self.inner;
        let connection = account.connection();
        let id = match source {
            // A revocation in Token Vault is one of the whole connection.
            Source::Vault => {
                // The list of before does not have the account.
                inner.users.invalidate_connected_accounts(user_id);
                None
            }
            Source::Identities => {
                let user = inner.users.get(user_id).await?.user;
                let mut of_connection = user
                    .identities()
                    .iter()
                    .filter(|identity| identity.connection() == connection)
                    .map(choose::account)
                    .filter(|known| account.user_id().is_none_or(|id| known.user_id() == Some(id)));
                let (Some(only), None) = (of_connection.next(), of_connection.next()) else {
                    return Ok(Account::new(connection, None));
                };
                only.user_id().map(str::to_owned)
            }
        };
        let matches = |key: &GrantKey| {
            key.source == source && key.connection == connection && (id.is_none() || key.account == id)
        };
        let filter = GrantFilter::new(Some(user_id.to_owned()), Some(vec![connection.to_owned()]))
            .of_tenant(inner.tenant.to_string());
        inner.lift(|key| filter.matches(key) && matches(key));
        inner.grants.delete_revoked(&filter, matches).await?;
        inner.grants.forget(&filter);
        Ok(Account::new(connection, id))
    }

    /// Forgets cached user records, tokens and vault results that match, and with [`Selector::grants`] the stored
    /// grants too; says how many things that were.
    ///
    /// # Errors
    /// The store cannot delete its grants just now.
    pub async fn forget(&self, selector: &Selector) -> Result<u64, Error> {
        let inner = &self.inner;
        let connections = inner.connections(selector);
        let named = |connection: &str| {
            connections.as_ref().is_none_or(|names: &Vec<String>| names.iter().any(|name| name == connection))
        };
        let of_user = |user: &str| selector.user.as_deref().is_none_or(|wanted| wanted == user);
        let filter =
            GrantFilter::new(selector.user.clone(), connections.clone()).of_tenant(inner.tenant.to_string());
        let users = match (&selector.user, &connections) {
            (None, None) => inner.users.invalidate_all(),
            (Some(user), None) => u64::from(inner.users.invalidate(user)),
            _ => inner.users.invalidate_matching(|user| {
                let held = |identity: &Identity| named(identity.connection()) || named(identity.provider());
                of_user(user.user_id()) && user.identities().iter().any(held)
            }),
        };
        let vault = inner.vault.forget(|key| of_user(&key.user) && named(&key.connection));
        inner.vault.forget_shared(selector.user.as_deref()).await;
        inner.grants.forget(&filter);
        let grants = if selector.grants {
            inner.lift(|key| filter.matches(key));
            inner.grants.delete_matching(&filter).await?
        } else {
            0
        };
        Ok(users + vault + grants)
    }

    /// Drops what this process believes of a user's stored grants and vault results, because another replica has
    /// changed them; the next use reads again. User records stay.
    pub fn invalidate_grants(&self, user_id: &str) {
        let inner = &self.inner;
        inner.vault.forget(|key| key.user == user_id);
        inner.grants.forget(&GrantFilter::new(Some(user_id.to_owned()), None));
    }
}

impl Inner {
    /// Lifts the revocations of the grants that match, here and in every other replica.
    fn lift(&self, matches: impl Fn(&GrantKey) -> bool) {
        for lifted in self.revocations.lift_matching(matches) {
            (self.on_revoked)(lifted);
        }
    }

    /// The connections a selector means; `None` means all.
    fn connections(&self, selector: &Selector) -> Option<Vec<String>> {
        let of_provider = selector.provider.as_ref().map(|name| {
            self.providers.get(name).map(|provider| provider.connections.clone()).unwrap_or_default()
        });
        match (&selector.connection, of_provider) {
            (Some(connection), Some(names)) => {
                Some(names.into_iter().filter(|name| name == connection).collect())
            }
            (Some(connection), None) => Some(vec![connection.clone()]),
            (None, names) => names,
        }
    }

    pub(crate) async fn status(
        &self,
        provider: &Arc<Provider>,
        user: &Arc<User>,
        identity: &Identity,
        issued_at: SystemTime,
    ) -> AccountStatus {
        let account = account(identity);
        let key = self.identity_key(user.user_id(), provider, &account);
        let Ok(cached) = self.cached_grant(&key).await else {
            return AccountStatus {
                account,
                provider: provider.name.clone(),
                source: Source::Identities,
                expires_at: None,
                state: AccountState::Unknown,
                refreshable: false,
                scopes: None,
            };
        };
        let record = cached.as_deref().and_then(CachedGrant::record);
        let asked = decide::Account {
            provider: provider.clone(),
            key,
            account: account.clone(),
            user: user.clone(),
            tenant: TenantGrant::of(identity),
            refused: None,
            used: None,
            may_refresh: true,
            issued_at,
            // Nothing is asked for a list.
            reread: true,
            refreshed: false,
        };
        let current = current(&asked.tenant, record, self.grants.store.keys());
        let facts = self.facts(&asked, &current, record);
        let access = current.access.as_ref();
        let ends = access.and_then(|access| access.expires_at);
        let state = match decide::decide(&facts) {
            Action::Serve | Action::ServeAndRefresh
                if ends.is_some() || asked.tenant.expires_in.is_none() =>
            {
                AccountState::Usable
            }
            // It expires, and the time of issue is not known.
            Action::Serve | Action::ServeAndRefresh => AccountState::Unknown,
            Action::Reopen => AccountState::Usable,
            Action::Refresh | Action::RefuseEnded | Action::TryAgain | Action::Reread | Action::PassOn => {
                AccountState::Expired
            }
            Action::Close | Action::RefuseMarked | Action::RefuseRevoked | Action::RefuseNothing => {
                AccountState::Reconnect
            }
        };
        AccountStatus {
            account,
            provider: provider.name.clone(),
            source: Source::Identities,
            expires_at: ends,
            state,
            refreshable: matches!(facts.refresh, Refresh::Ready | Refresh::Exchange)
                && state != AccountState::Reconnect,
            scopes: access.and_then(|access| access.scopes).map(<[String]>::to_vec),
        }
    }

    /// The user's Connected Accounts; none when they cannot be read, which is no reason to show nothing else.
    async fn connected(&self, user_id: &str) -> Vec<AccountStatus> {
        let entries = self.users.connected_accounts(user_id).await.unwrap_or_else(|error| {
            tracing::warn!(event = "connected_accounts_failed", %error, "Connected Accounts could not be read");
            Arc::default()
        });
        let status = |entry: &user_store::ConnectedAccount| AccountStatus {
            account: Account::new(&entry.connection, None),
            provider: String::new(),
            source: Source::Vault,
            state: AccountState::Usable,
            expires_at: None,
            refreshable: true,
            scopes: (!entry.scopes.is_empty()).then(|| entry.scopes.clone()),
        };
        entries.iter().map(status).collect()
    }

    /// The status of an account of Token Vault, which lists it as usable after the user has disconnected it here too.
    async fn unless_revoked(&self, request: &TokenRequest<'_>, status: AccountStatus) -> AccountStatus {
        let state = match self.refuse_revoked(request, &status.account).await {
            Ok(()) => return status,
            Err(error) if matches!(error.reason(), Reason::ReconnectRequired { .. }) => {
                AccountState::Reconnect
            }
            Err(_) => AccountState::Unknown,
        };
        AccountStatus { state, refreshable: false, ..status }
    }
}
