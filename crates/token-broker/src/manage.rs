//! The caller's own view, revocation and forgetting.

use std::{sync::Arc, time::SystemTime};

use idp_adapters::RefreshRule;
use user_store::{Identity, User};

use crate::{
    Account, AccountState, AccountStatus, Ask, Broker, Error, Fingerprint, GrantFilter, GrantKey,
    GrantRecord, GrantState, Provider, Reason, Revocation, RevokedAtProvider, Selector, Source,
    broker::Inner,
    by_identity::means,
    call,
    choose::{Choice, account, choose},
    grants::Known,
    judge::{Copy, Verdict, judge},
};

impl Broker {
    /// The caller's accounts at all providers, or at the ask's. Asks no provider and holds no token.
    ///
    /// # Errors
    /// The user is unknown or blocked, or there is no record of them and Auth0 gave none.
    pub async fn accounts(&self, ask: &Ask<'_>) -> Result<Vec<AccountStatus>, Error> {
        let inner = &self.inner;
        let user = inner.users.get_newer(ask.user_id, ask.issued_at).await?.user;
        if user.is_blocked() {
            return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
        }
        let asked = |provider: &&Arc<Provider>| ask.provider.is_empty() || ask.provider == provider.name;
        let mut list = Vec::new();
        let mut connected = None;
        for provider in inner.providers.values().filter(asked) {
            for source in &provider.sources {
                match source {
                    Source::Identities => {
                        for identity in user.identities().iter().filter(|identity| provider.claims(identity))
                        {
                            list.push(inner.status(provider, &user, identity).await?);
                        }
                    }
                    Source::Vault => {
                        if connected.is_none() {
                            connected = Some(inner.connected(ask.user_id).await);
                        }
                        let mine = |entry: &&AccountStatus| {
                            provider.connections.iter().any(|name| name == entry.account.connection())
                        };
                        let entries = connected.iter().flatten().filter(mine).cloned();
                        list.extend(
                            entries.map(|entry| AccountStatus { provider: provider.name.clone(), ..entry }),
                        );
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
    pub async fn revoke(&self, ask: &Ask<'_>) -> Result<Revocation, Error> {
        let inner = &self.inner;
        let provider = inner.provider(ask.provider)?;
        let mut nothing = inner.not_connected(provider, Source::Identities, ask.account);
        for source in &provider.sources {
            let revoked = match source {
                Source::Identities => inner.revoke_identity(ask, provider).await,
                Source::Vault => inner.revoke_vault(ask, provider).await,
            };
            match revoked {
                Err(error) if matches!(error.reason(), Reason::AccountNotConnected { .. }) => nothing = error,
                other => return other,
            }
        }
        Err(nothing)
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
        let grants = if selector.grants { inner.grants.delete_matching(&filter).await? } else { 0 };
        Ok(users + vault + grants)
    }

    /// Drops what this process believes of a user's stored grants and vault results, because another replica has
    /// changed them; the next use reads again. User records stay.
    pub fn doubt(&self, user_id: &str) {
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

    async fn status(
        &self,
        provider: &Arc<Provider>,
        user: &User,
        identity: &Identity,
    ) -> Result<AccountStatus, Error> {
        let account = account(identity);
        let key = GrantKey::new(&self.tenant, user.user_id(), Source::Identities, &account);
        let known = self.known(&key).await?;
        let copy = Copy::of(identity);
        let record = known.as_deref().and_then(Known::record);
        let record = record.filter(|record| copy.is_origin_of(record, self.grants.store.keys()));
        let means = means(provider);
        let verdict = judge(&copy, record, means, SystemTime::now());
        let spendable = record.map_or(copy.refresh.is_some(), |record| record.refresh_token.is_some());
        let state = match &verdict {
            Verdict::Serve(serving) if self.marks.is_dead(&serving.bearer) => AccountState::Reconnect,
            Verdict::Serve(serving) if serving.expires_at.is_some() || copy.expires_in.is_none() => {
                AccountState::Usable
            }
            // It expires, and nobody knows when it was issued.
            Verdict::Serve(_) => AccountState::Unknown,
            Verdict::Refresh | Verdict::Ended => AccountState::Expired,
            Verdict::Dead { .. } | Verdict::Revoked | Verdict::Nothing => AccountState::Reconnect,
        };
        let ended = record.and_then(|record| record.expires_at);
        Ok(AccountStatus {
            account,
            provider: provider.name.clone(),
            source: Source::Identities,
            expires_at: if let Verdict::Serve(serving) = &verdict { serving.expires_at } else { ended },
            state,
            refreshable: means.able
                && (spendable || means.rule == RefreshRule::Exchange)
                && state != AccountState::Reconnect,
            scopes: record.and_then(|record| record.scopes.clone()),
        })
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

    async fn revoke_identity(&self, ask: &Ask<'_>, provider: &Arc<Provider>) -> Result<Revocation, Error> {
        let user = self.users.get_newer(ask.user_id, ask.issued_at).await?.user;
        let identity = match choose(&user, provider, ask.account) {
            Choice::One(identity) => identity,
            Choice::None => return Err(self.not_connected(provider, Source::Identities, ask.account)),
            Choice::Ambiguous(accounts) => {
                let detail = "the user has several accounts at this provider; name one with Idp-Account";
                return Err(Error::new(Reason::AccountAmbiguous(accounts), detail));
            }
        };
        let (account, copy) = (account(identity), Copy::of(identity));
        let key = GrantKey::new(&self.tenant, ask.user_id, Source::Identities, &account);
        let keys = self.grants.store.keys();
        let known = self.grants.read(&key).await?;
        let record = known.record().filter(|record| copy.is_origin_of(record, keys));
        let access = record.and_then(|record| record.access_token.as_ref()).or(copy.bearer.as_ref());
        let refresh = record.and_then(|record| record.refresh_token.as_ref()).or(copy.refresh.as_ref());
        // Refused first: whatever happens at the provider, nobody gets a token any more.
        self.grants.overwrite(&key, &revoked(copy.fingerprint(keys))).await?;
        let (at_provider, detail) =
            call::revoke(provider, &*self.transport, &self.refresher.secrets, access, refresh).await;
        report(provider, at_provider);
        Ok(Revocation { at_provider, detail, account })
    }

    async fn revoke_vault(&self, ask: &Ask<'_>, provider: &Arc<Provider>) -> Result<Revocation, Error> {
        let nothing = || self.not_connected(provider, Source::Vault, ask.account);
        let account = Inner::vault_account(provider, ask.account).ok_or_else(nothing)?;
        let origin = self.connected_copy(ask.user_id, account.connection()).await?;
        let held = match ask.subject_token.filter(|_| self.vault.serves(ask)) {
            Some(subject) => {
                let key = self.vault.key(ask, account.connection(), account.user_id());
                match self.vault.get(&key, subject).await {
                    Ok((held, _)) => Some(held),
                    // The provider has refused the grant already: there is nothing to revoke, and much to forget.
                    Err(error) if error.is_reconnect() => None,
                    Err(error) => return Err(error),
                }
            }
            None => None,
        };
        let key = GrantKey::new(&self.tenant, ask.user_id, Source::Vault, &account);
        self.grants.overwrite(&key, &revoked(origin)).await?;
        self.vault.forget(|key| key.user == ask.user_id && key.connection == account.connection());
        self.vault.forget_shared(Some(ask.user_id)).await;
        let access = held.as_ref().map(|held| &held.bearer);
        let (at_provider, detail) =
            call::revoke(provider, &*self.transport, &self.refresher.secrets, access, None).await;
        report(provider, at_provider);
        Ok(Revocation { at_provider, detail, account })
    }
}

fn revoked(origin: Fingerprint) -> GrantRecord {
    GrantRecord { state: GrantState::Revoked, ..GrantRecord::starting(origin, None) }
}

fn report(provider: &Provider, at_provider: RevokedAtProvider) {
    tracing::info!(event = "account_revoked", provider = %provider.name, at_provider = at_provider.as_str());
}
