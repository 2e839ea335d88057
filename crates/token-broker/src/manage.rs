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
    /// Here it counts at once. Other processes of the store look at a stored grant again in the background of a call, at most once in
    /// 2 s: a process that is calling goes on with the token for about 2 s, and one that is not, for its next call. Where the provider
    /// cannot revoke, these calls succeed. [`BrokerBuilder::on_revoked`](crate::BrokerBuilder::on_revoked) and
    /// [`apply_revocations`](Self::apply_revocations) make it count at once in every process.
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

    /// The user has just connected this account again, and said so to this program: from now on it serves, whatever it was refused
    /// for.
    ///
    /// - A dead token, and a grant whose refresh token the provider refused, are replaced by what Auth0 or Token Vault has now: both
    ///   are asked anew. The token that was dead is not handed out again: if it is still the only one, the account stays refused. Other
    ///   processes that marked the token notice the new one within a minute.
    /// - A revocation is taken back, also where Auth0's copy is still the one that was revoked. Grants that are not revoked stay, and
    ///   so do revocations of the user's other accounts. [`BrokerBuilder::on_revoked`](crate::BrokerBuilder::on_revoked) is told, for
    ///   the other replicas.
    ///
    /// An `account` of [`Source::Identities`] without a user id is the only one of its connection. If the user has several, it is not
    /// known which was connected, and each stays revoked until its copy at Auth0 changes or the user signs in again.
    ///
    /// Returns the account as Auth0 knows it: with a user id only where the user's record has it.
    ///
    /// ```no_run
    /// # async fn f(broker: token_broker::Broker, user_id: &str) -> Result<(), token_broker::Error> {
    /// use token_broker::{Account, Source};
    ///
    /// // In the callback of the sign-in, before the app calls again.
    /// broker.reconnected(user_id, Source::Identities, &Account::new("github", None)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The store does not answer, or the user's record cannot be read now. The account may then stay refused; the call can be
    /// repeated.
    pub async fn reconnected(
        &self,
        user_id: &str,
        source: Source,
        account: &Account,
    ) -> Result<Account, Error> {
        let inner = &self.inner;
        let connection = account.connection();
        if source == Source::Vault {
            // What was read before does not have the account, nor its new token.
            inner.users.invalidate_connected_accounts(user_id);
            inner.vault.forget(|key| key.user == user_id && key.connection == connection);
            inner.vault.forget_shared(Some(user_id)).await;
            // A revocation in Token Vault is one of the whole connection.
            inner.take_back(user_id, source, connection, |_| true).await?;
            return Ok(Account::new(connection, None));
        }
        let read = inner.users.read_since(user_id, inner.clock.now()).await;
        let user = match &read {
            Ok(lookup) => Some(lookup.user.clone()),
            // A revocation can be taken back all the same.
            Err(error) if error.excuses_stale() => inner.users.peek(user_id),
            Err(_) => None,
        };
        let id = user.and_then(|user| only_account(&user, account));
        if let Some(id) = &id {
            inner.take_back(user_id, source, connection, |key| key.account.as_ref() == Some(id)).await?;
        }
        read?;
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
    /// Takes back the revocations of the grants of a connection that match.
    async fn take_back(
        &self,
        user_id: &str,
        source: Source,
        connection: &str,
        matches: impl Fn(&GrantKey) -> bool,
    ) -> Result<(), Error> {
        let filter = GrantFilter::new(Some(user_id.to_owned()), Some(vec![connection.to_owned()]))
            .of_tenant(self.tenant.to_string());
        let matches = |key: &GrantKey| key.source == source && key.connection == connection && matches(key);
        self.lift(|key| filter.matches(key) && matches(key));
        self.grants.delete_revoked(&filter, matches).await?;
        self.grants.forget(&filter);
        Ok(())
    }

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
            domain: self.tenant.clone(),
            key: key.into(),
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
        let ends = current.access.and_then(|access| access.expires_at);
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
            scopes: current.access.and_then(|access| access.scopes).map(<[String]>::to_vec),
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

/// The id of the account that is meant: the named one, else the only one of its connection.
fn only_account(user: &User, meant: &Account) -> Option<String> {
    let mut of_connection = user
        .identities()
        .iter()
        .filter(|identity| identity.connection() == meant.connection())
        .map(choose::account)
        .filter(|known| meant.user_id().is_none_or(|id| known.user_id() == Some(id)));
    match (of_connection.next(), of_connection.next()) {
        (Some(only), None) => only.user_id().map(str::to_owned),
        _ => None,
    }
}
