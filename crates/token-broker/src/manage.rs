//! The caller's own view, revocation and forgetting.

use std::{sync::Arc, time::SystemTime};

use secrecy::SecretString;
use token_keeper::BearerToken;
use user_store::{Identity, User};

use crate::{
    Account, AccountState, AccountStatus, Broker, Error, Fingerprint, GrantFilter, GrantKey, GrantRecord,
    GrantState, Provider, Reason, Revocation, RevokedAtProvider, RevokedGrant, Selector, Source,
    TokenRequest,
    broker::Inner,
    call,
    choose::{Choice, account, choose},
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
    /// can be done.
    ///
    /// # Errors
    /// There is no such account, or the store cannot keep it refused. A provider that does not revoke is no error.
    pub async fn revoke(&self, request: &TokenRequest<'_>) -> Result<Revocation, Error> {
        let inner = &self.inner;
        let provider = inner.provider(request.provider)?;
        let mut nothing = inner.not_connected(provider, Source::Identities, request.account);
        for source in &provider.sources {
            let revoked = match source {
                Source::Identities => inner.revoke_identity(request, provider).await,
                Source::Vault => inner.revoke_vault(request, provider).await,
            };
            match revoked {
                Err(error) if matches!(error.reason(), Reason::AccountNotConnected { .. }) => nothing = error,
                other => return other,
            }
        }
        Err(nothing)
    }

    /// Takes over what other replicas revoked: it holds at once, and while the store is down. What is known already changes
    /// nothing, so the same list can be applied again and again.
    pub fn apply_revocations<'a>(&self, revoked: impl IntoIterator<Item = &'a RevokedGrant>) {
        for one in revoked {
            self.inner.revocations.add(one);
        }
    }

    /// Takes back what was revoked of a user's connection, because the user has just connected it again and said so to this
    /// program: also where Auth0's copy is still the one that was revoked. Grants that are not revoked stay.
    ///
    /// Other replicas that were told of the revocation lift it themselves, once Auth0's copy or the caller token is newer.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn reconnected(&self, user_id: &str, connection: &str) -> Result<(), Error> {
        let inner = &self.inner;
        let filter = GrantFilter::new(Some(user_id.to_owned()), Some(vec![connection.to_owned()]))
            .of_tenant(inner.tenant.to_string());
        inner.revocations.lift_matching(&filter);
        inner.grants.delete_revoked(&filter).await?;
        inner.grants.forget(&filter);
        Ok(())
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
            inner.revocations.lift_matching(&filter);
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
            // It expires, and nobody knows when it was issued.
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

    async fn revoke_identity(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
    ) -> Result<Revocation, Error> {
        let user = self.users.get_newer(request.user_id, request.issued_at).await?.user;
        let identity = match choose(&user, provider, request.account) {
            Choice::One(identity) => identity,
            Choice::None => return Err(self.not_connected(provider, Source::Identities, request.account)),
            Choice::Ambiguous(accounts) => {
                let detail = "the user has several accounts at this provider; name one with Idp-Account";
                return Err(Error::new(Reason::AccountAmbiguous(accounts), detail));
            }
        };
        let (account, tenant) = (account(identity), TenantGrant::of(identity));
        let key = self.identity_key(request.user_id, provider, &account);
        let keys = self.grants.store.keys();
        let cached = self.grants.read(&key).await?;
        let current = current(&tenant, cached.record(), keys);
        let mut revoked = revoked(tenant.fingerprint(keys), self.clock.now());
        tenant.stamp(&mut revoked, keys);
        let changed = !is_revoked(cached.record(), &revoked.origin);
        // Stored first: no token is handed out any more, whatever the provider answers.
        let told = self.store_revocation(&key, &revoked).await?;
        let access = current.access.as_ref().map(|access| access.bearer);
        // A sign-in since then has lifted the revocation, and its grant is another one.
        let again = cached.record().is_some_and(|record| record.state == GrantState::Revoked);
        let (at_provider, detail) =
            self.revoke_at_provider(provider, &told, again, access, current.refresh).await;
        Ok(Revocation { at_provider, detail, account, revoked: told, changed })
    }

    async fn revoke_vault(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
    ) -> Result<Revocation, Error> {
        let nothing = || self.not_connected(provider, Source::Vault, request.account);
        let account = Inner::vault_account(provider, request.account).ok_or_else(nothing)?;
        // What is compared later must be what stands there now.
        self.users.invalidate(request.user_id);
        let origin = self.connected_copy(request.user_id, account.connection()).await?;
        let exchange = request.subject_token.filter(|_| self.vault.serves(request));
        let vault_key = self.vault.key(request, account.connection(), account.user_id());
        if self.vault.peek(&vault_key).is_none() && !self.vault.admits(&vault_key) {
            return Err(nothing());
        }
        // The whole connection: the vault does not say which account a token is for.
        let connection = Account::new(account.connection(), None);
        let key = GrantKey::new(&self.tenant, request.user_id, Source::Vault, &connection);
        let changed = !is_revoked(self.grants.read(&key).await?.record(), &origin);
        // Stored first: no token is handed out any more, whatever the tenant and the provider answer.
        let told = self.store_revocation(&key, &revoked(origin, self.clock.now())).await?;
        // Without a token there is nothing to revoke at the provider, and only our copies are removed.
        let held = match exchange {
            Some(subject) => self.vault.get(&vault_key, subject).await.ok().map(|(held, _)| held),
            None => None,
        };
        self.vault.forget(|key| key.user == request.user_id && key.connection == account.connection());
        self.vault.forget_shared(Some(request.user_id)).await;
        let access = held.as_ref().map(|held| &held.bearer);
        let (at_provider, detail) = self.revoke_at_provider(provider, &told, true, access, None).await;
        Ok(Revocation { at_provider, detail, account, revoked: told, changed })
    }
}

impl Inner {
    /// Asks the provider to revoke, unless it has just done so and this is the same grant `again`.
    async fn revoke_at_provider(
        &self,
        provider: &Provider,
        told: &RevokedGrant,
        again: bool,
        access: Option<&BearerToken>,
        refresh: Option<&SecretString>,
    ) -> (RevokedAtProvider, Option<String>) {
        let grant = || told.digest();
        if again && self.knowledge.was_revoked(grant) {
            return (RevokedAtProvider::Yes, Some("the provider revoked it a moment ago".to_owned()));
        }
        let (secrets, now) = (&self.refresher.secrets, self.clock.now());
        let (at_provider, detail) =
            call::revoke(provider, &*self.transport, secrets, access, refresh, now).await;
        if at_provider == RevokedAtProvider::Yes {
            self.knowledge.note_revoked(grant());
        }
        report(provider, at_provider);
        (at_provider, detail)
    }

    /// Stores a revocation for every client that has refreshed the grant, and for those to come.
    async fn store_revocation(&self, key: &GrantKey, record: &GrantRecord) -> Result<RevokedGrant, Error> {
        // The client's own record first: it counts before that of all clients, should the caller leave in between.
        self.grants.overwrite(key, record).await?;
        if key.client.is_some() {
            self.grants.overwrite(&key.clone().with_client(None), record).await?;
        }
        let revoked = RevokedGrant::new(key, record);
        self.revocations.add(&revoked);
        (self.on_revoked)(revoked.clone());
        Ok(revoked)
    }
}

/// Whether the grant that began with this copy of Auth0's is revoked already.
fn is_revoked(record: Option<&GrantRecord>, origin: &Fingerprint) -> bool {
    record.is_some_and(|record| record.state == GrantState::Revoked && record.origin == *origin)
}

fn revoked(origin: Fingerprint, now: SystemTime) -> GrantRecord {
    GrantRecord { state: GrantState::Revoked, ..GrantRecord::starting(origin, None, now) }
}

fn report(provider: &Provider, at_provider: RevokedAtProvider) {
    tracing::info!(event = "account_revoked", provider = %provider.name, at_provider = at_provider.as_str());
}
