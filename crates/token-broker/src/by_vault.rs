//! Source `vault`, seen from the broker: which connection, which mark, which error.

use std::sync::{Arc, OnceLock};

use crate::{
    Account, AccountSelector, Cached, Error, GrantKey, GrantRecord, GrantState, IdpToken, Provider, Reason,
    Source, TokenRequest,
    broker::{Inner, endpoint_refused},
    decide::{Action, Facts, Reading, Record, Refresh, Refused, Token, decide, signed_in_since},
    digest::Digest,
    grants::CachedGrant,
    knowledge::Use,
    vault::{Held, falls_through},
    vault_copy::VaultCopy,
};

impl Inner {
    /// The provider's connections are tried in order; the next one only when the vault holds nothing for the one
    /// before. With `more` another source comes after the vault: it is then not asked at every call in vain.
    pub(crate) async fn vault_token(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
        more: bool,
    ) -> Result<IdpToken, Error> {
        if self.users.peek(request.user_id).is_some_and(|user| user.is_blocked()) {
            return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
        }
        let mut nothing = self.not_connected(provider, Source::Vault, request.account);
        let named = |name: &String| request.account.is_none_or(|selector| selector.connection == *name);
        for connection in provider.connections.iter().filter(|name| named(name)) {
            match self.vault_connection(request, provider, connection, more).await {
                Err(error) if falls_through(&error) => nothing = error,
                other => return other,
            }
        }
        Err(nothing)
    }

    async fn vault_connection(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
        connection: &str,
        more: bool,
    ) -> Result<IdpToken, Error> {
        let hint = request.account.and_then(|selector| selector.user_id.as_deref());
        let account = Account::new(connection, hint.map(str::to_owned));
        self.refuse_revoked(request, &account).await?;
        let Some(subject) = request.subject_token else {
            return Err(self.not_connected(provider, Source::Vault, request.account));
        };
        let key = self.vault.key(request, connection, hint);
        let (held, cached) = match self.vault.peek(&key) {
            Some(held) => (held, Cached::Hit),
            None if !self.vault.admits(&key) => {
                return Err(self.not_connected(provider, Source::Vault, request.account));
            }
            None if more && self.vault.is_absent(&key, request.issued_at) => {
                return Err(self.not_connected(provider, Source::Vault, request.account));
            }
            None => {
                // The call waits for the tenant anyway, so the user is looked up at the same time: a blocked user gets
                // nothing. If the look-up fails, the tenant's answer to the exchange decides.
                let (held, user) = futures_util::future::join(
                    self.vault.get(&key, subject),
                    self.users.get(request.user_id),
                )
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
        if self.knowledge.is_dead(|| Digest::of(&held.bearer)) {
            return Err(self.dead_token(&account, Source::Vault, Digest::of(&held.bearer)));
        }
        Ok(token(provider, account, held, cached))
    }

    /// One new exchange, by the same state machine as for identities: an exchange stands for a look at Auth0's copy.
    pub(crate) async fn vault_rejected(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
        refused: &IdpToken,
    ) -> Result<IdpToken, Error> {
        let account = &refused.account;
        let Some(subject) = request.subject_token.filter(|_| self.vault.serves(request)) else {
            return Err(self.not_connected(provider, Source::Vault, request.account));
        };
        let grant = GrantKey::new(&self.tenant, request.user_id, Source::Vault, account);
        let used = Use::of(&grant, request.endpoint);
        let mut reading = Reading::Cached;
        loop {
            match decide(&self.vault_facts(refused, used, reading)) {
                Action::Reread => {
                    let key = self.vault.key(request, account.connection(), account.user_id());
                    let (held, cached) = self.vault.renew(&key, subject, refused.digest()).await?;
                    if held.bearer.expose() != refused.bearer.expose() {
                        return Ok(token(provider, account.clone(), held, cached));
                    }
                    reading = Reading::Current;
                }
                Action::PassOn => {
                    self.knowledge.note_refusing(used);
                    return Err(endpoint_refused(account, Source::Vault));
                }
                _ => {
                    self.knowledge.mark_dead(refused.digest());
                    return Err(self.dead_token(account, Source::Vault, refused.digest()));
                }
            }
        }
    }

    fn vault_facts(&self, refused: &IdpToken, used: Use, reading: Reading) -> Facts {
        let digest = refused.digest();
        let known = if self.knowledge.is_refusing(used) {
            Refused::Endpoint
        } else if self.knowledge.is_dead(|| digest) {
            Refused::Marked
        } else if self.knowledge.has_worked(digest) {
            Refused::Worked
        } else {
            Refused::Unknown
        };
        Facts {
            reading,
            record: Record::Open,
            token: Token::Good,
            refresh: Refresh::Impossible,
            refused: known,
            refreshed: false,
        }
    }

    /// A revoked connection is refused until Auth0 lists an entry for it that was not there, or the user has signed in again. A
    /// connection without an entry stays refused: its account was removed and not connected again. It is refused whatever account of it
    /// a call names: the vault does not say which account a token is for.
    pub(crate) async fn refuse_revoked(
        &self,
        request: &TokenRequest<'_>,
        account: &Account,
    ) -> Result<(), Error> {
        for (account, key) in self.vault_keys(request.user_id, account) {
            let Some(cached) = self.vault_revocation(&key).await? else { continue };
            let Some(record) = cached.record() else { continue };
            let refused = || disconnected(&account);
            if !self.signed_in_again(request, record) {
                let accounts = self.users.connected_accounts(request.user_id).await.map_err(|_| refused())?;
                let copy = VaultCopy::of(&accounts, account.connection());
                if !copy.is_connected_since(record, self.grants.store.keys()) {
                    return Err(refused());
                }
            }
            if !self.lift_seen(&key, record).await? {
                return Err(refused());
            }
        }
        Ok(())
    }

    /// The same by what is cached: `None` where the tenant would have to be asked.
    pub(crate) async fn peek_revoked(
        &self,
        request: &TokenRequest<'_>,
        account: &Account,
    ) -> Result<Option<()>, Error> {
        for (account, key) in self.vault_keys(request.user_id, account) {
            let Some(cached) = self.vault_revocation(&key).await? else { continue };
            let Some(record) = cached.record().filter(|record| !self.signed_in_again(request, record)) else {
                continue;
            };
            let Some(accounts) = self.users.peek_connected_accounts(request.user_id) else { return Ok(None) };
            let copy = VaultCopy::of(&accounts, account.connection());
            if !copy.is_connected_since(record, self.grants.store.keys()) {
                return Err(disconnected(&account));
            }
        }
        Ok(Some(()))
    }

    /// Where a revocation of the account's connection is filed. Older versions filed it under the account that was named.
    fn vault_keys<'a>(
        &'a self,
        user: &'a str,
        account: &Account,
    ) -> impl Iterator<Item = (Account, GrantKey)> + 'a {
        let named = account.user_id().is_some().then(|| account.clone());
        [Some(Account::new(account.connection(), None)), named].into_iter().flatten().map(move |account| {
            let key = GrantKey::new(&self.tenant, user, Source::Vault, &account);
            (account, key)
        })
    }

    async fn vault_revocation(&self, key: &GrantKey) -> Result<Option<Arc<CachedGrant>>, Error> {
        let is_revoked = |cached: &Arc<CachedGrant>| {
            cached.record().is_some_and(|record| record.state == GrantState::Revoked)
        };
        Ok(self.cached_grant(key).await?.filter(is_revoked))
    }

    fn signed_in_again(&self, request: &TokenRequest<'_>, record: &GrantRecord) -> bool {
        let user = self.users.peek(request.user_id);
        user.is_some_and(|user| signed_in_since(&user, request.issued_at, record.updated_at))
    }

    /// The account a vault request means, for revocation.
    pub(crate) fn vault_account(provider: &Provider, selector: Option<&AccountSelector>) -> Option<Account> {
        let connection = match selector {
            Some(selector) => provider.connections.iter().find(|name| **name == selector.connection)?,
            None => provider.connections.first()?,
        };
        Some(Account::new(connection, selector.and_then(|selector| selector.user_id.clone())))
    }
}

fn disconnected(account: &Account) -> Error {
    Error::revoked(account, Source::Vault, "the user disconnected this account")
}

fn token(provider: &Provider, account: Account, held: Held, cache: Cached) -> IdpToken {
    IdpToken {
        bearer: held.bearer,
        digest: OnceLock::new(),
        account,
        provider: provider.shared_name.clone(),
        source: Source::Vault,
        cache,
        expires_at: held.expires_at,
        scopes: held.scopes,
        refreshable: true,
        refreshed_at: None,
        just_refreshed: false,
        exchanged: Arc::default(),
        user: None,
    }
}
