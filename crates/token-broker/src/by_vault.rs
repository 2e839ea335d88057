//! Source `vault`, seen from the broker: which connection, which mark, which error.

use std::sync::Arc;

use crate::{
    Account, AccountSelector, Ask, Cached, Error, Fingerprint, GrantKey, GrantState, IdpToken, Provider,
    Reason, Source,
    broker::{Inner, dead_token},
    grants::Known,
    vault::{Held, falls_through},
};

impl Inner {
    /// The provider's connections are tried in order; the next one only when the vault holds nothing for the one
    /// before. With `more` another source comes after the vault: it is then not asked at every call in vain.
    pub(crate) async fn vault_token(
        &self,
        ask: &Ask<'_>,
        provider: &Arc<Provider>,
        more: bool,
    ) -> Result<IdpToken, Error> {
        if self.users.peek(ask.user_id).is_some_and(|user| user.is_blocked()) {
            return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
        }
        let mut nothing = self.not_connected(provider, Source::Vault, ask.account);
        let named = |name: &String| ask.account.is_none_or(|selector| selector.connection == *name);
        for connection in provider.connections.iter().filter(|name| named(name)) {
            match self.vault_connection(ask, provider, connection, more).await {
                Err(error) if falls_through(&error) => nothing = error,
                other => return other,
            }
        }
        Err(nothing)
    }

    async fn vault_connection(
        &self,
        ask: &Ask<'_>,
        provider: &Arc<Provider>,
        connection: &str,
        more: bool,
    ) -> Result<IdpToken, Error> {
        let hint = ask.account.and_then(|selector| selector.user_id.as_deref());
        let account = Account::new(connection, hint.map(str::to_owned));
        self.refuse_revoked(ask, &account).await?;
        let Some(subject) = ask.subject_token else {
            return Err(self.not_connected(provider, Source::Vault, ask.account));
        };
        let key = self.vault.key(ask, connection, hint);
        let (held, cached) = match self.vault.peek(&key) {
            Some(held) => (held, Cached::Hit),
            None if more && self.vault.is_absent(&key, ask.issued_at) => {
                return Err(self.not_connected(provider, Source::Vault, ask.account));
            }
            None => {
                // Whoever waits for the tenant anyway can learn that the user is blocked; who cannot be looked up is
                // left to the tenant's own judgement.
                let (held, user) =
                    futures_util::future::join(self.vault.get(&key, subject), self.users.get(ask.user_id))
                        .await;
                if user.is_ok_and(|lookup| lookup.user.is_blocked()) {
                    return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
                }
                if let Err(error) = &held
                    && falls_through(error)
                {
                    self.vault.note_absent(key);
                }
                held?
            }
        };
        if self.marks.is_dead(&held.bearer) {
            return Err(dead_token(&account, Source::Vault));
        }
        Ok(token(provider, account, held, cached))
    }

    /// One new exchange; the same token again is dead.
    pub(crate) async fn vault_rejected(&self, ask: &Ask<'_>, dead: &IdpToken) -> Result<IdpToken, Error> {
        let provider = self.provider(ask.provider)?;
        let Some(subject) = ask.subject_token.filter(|_| self.vault.serves(ask)) else {
            return Err(self.not_connected(provider, Source::Vault, ask.account));
        };
        let key = self.vault.key(ask, dead.account.connection(), dead.account.user_id());
        let (held, cached) = self.vault.renew(&key, subject, dead.digest()).await?;
        if held.bearer.expose() == dead.bearer.expose() {
            self.marks.mark(dead.digest());
            return Err(dead_token(&dead.account, Source::Vault));
        }
        Ok(token(provider, dead.account.clone(), held, cached))
    }

    /// A revoked account is refused until its entry among the Connected Accounts is another one.
    async fn refuse_revoked(&self, ask: &Ask<'_>, account: &Account) -> Result<(), Error> {
        for account in [account.clone(), Account::new(account.connection(), None)] {
            let key = GrantKey::new(&self.tenant, ask.user_id, Source::Vault, &account);
            let known = self.known(&key).await?;
            let Some(record) = known.as_deref().and_then(Known::record) else { continue };
            if record.state != GrantState::Revoked {
                continue;
            }
            let refused = || Error::reconnect(&account, Source::Vault, "the user revoked this account");
            let now = self.connected_copy(ask.user_id, account.connection()).await.map_err(|_| refused())?;
            if now == record.origin {
                return Err(refused());
            }
            self.grants.delete(&key).await?;
        }
        Ok(())
    }

    /// What stands for Auth0's copy where the vault shows none: the ids of the Connected Accounts.
    pub(crate) async fn connected_copy(&self, user_id: &str, connection: &str) -> Result<Fingerprint, Error> {
        let mut entries: Vec<_> = self
            .users
            .connected_accounts(user_id)
            .await?
            .iter()
            .filter(|entry| entry.connection == connection)
            .map(|entry| format!("{}@{}", entry.id, entry.created_at.as_deref().unwrap_or_default()))
            .collect();
        entries.sort();
        let parts: Vec<_> = entries.iter().map(|entry| Some(entry.as_str())).collect();
        Ok(self.grants.store.keys().fingerprint(&parts))
    }

    /// The account a vault ask means, for revocation.
    pub(crate) fn vault_account(provider: &Provider, selector: Option<&AccountSelector>) -> Option<Account> {
        let connection = match selector {
            Some(selector) => provider.connections.iter().find(|name| **name == selector.connection)?,
            None => provider.connections.first()?,
        };
        Some(Account::new(connection, selector.and_then(|selector| selector.user_id.clone())))
    }
}

fn token(provider: &Provider, account: Account, held: Held, cache: Cached) -> IdpToken {
    IdpToken {
        bearer: held.bearer,
        account,
        provider: Arc::from(provider.name.as_str()),
        source: Source::Vault,
        cache,
        expires_at: held.expires_at,
        scopes: held.scopes,
        refreshable: true,
        refreshed_at: None,
        user: None,
    }
}
