//! What a call would find, by the caches alone.

use std::sync::Arc;

use crate::{
    Account, AccountState, AccountStatus, Broker, Error, Provider, Reason, Source, TokenRequest,
    broker::Inner,
    choose::{Choice, choose},
    digest::Digest,
};

impl Broker {
    /// The account that [`token`](Self::token) would choose, and its state, as far as the caches say: no tenant and no
    /// provider is asked, and nothing is refreshed. `None` where the caches do not know.
    ///
    /// # Errors
    /// Why there would be no token: the user is blocked, has no such account, or has several.
    pub async fn preview(&self, request: &TokenRequest<'_>) -> Result<Option<AccountStatus>, Error> {
        let inner = &self.inner;
        let provider = inner.provider(request.provider)?;
        let user = inner.users.peek(request.user_id);
        if user.as_ref().is_some_and(|user| user.is_blocked()) {
            return Err(Error::new(Reason::UserBlocked, "the user is blocked in the tenant"));
        }
        let mut nothing = None;
        for source in &provider.sources {
            match source {
                Source::Vault if !inner.vault.serves(request) => {}
                Source::Vault => match inner.preview_vault(request, provider).await? {
                    Some(found) => return Ok(found),
                    None => nothing = Some(inner.not_connected(provider, *source, request.account)),
                },
                Source::Identities => {
                    let Some(user) = &user else { return Ok(None) };
                    match choose(user, provider, request.account) {
                        Choice::One(identity) => {
                            let status = inner.status(provider, user, identity, request.issued_at).await;
                            return Ok(Some(status));
                        }
                        Choice::None => {
                            nothing = Some(inner.not_connected(provider, *source, request.account));
                        }
                        Choice::Ambiguous(accounts) => {
                            return Err(Error::new(
                                Reason::AccountAmbiguous(accounts),
                                "the user has several accounts at this provider; name one with Idp-Account",
                            ));
                        }
                    }
                }
            }
        }
        Err(nothing.unwrap_or_else(|| inner.skipped(provider)))
    }
}

impl Inner {
    /// `Some(None)`: Auth0 would have to be asked. `None`: the vault said a moment ago that it holds nothing.
    ///
    /// # Errors
    /// The user has disconnected the account, or the provider refuses its token.
    async fn preview_vault(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
    ) -> Result<Option<Option<AccountStatus>>, Error> {
        let hint = request.account.and_then(|selector| selector.user_id.as_deref());
        let named = |name: &&String| request.account.is_none_or(|selector| selector.connection == **name);
        for connection in provider.connections.iter().filter(named) {
            let account = Account::new(connection, hint.map(str::to_owned));
            if self.peek_revoked(request, &account).await?.is_none() {
                return Ok(Some(None));
            }
            let key = self.vault.key(request, connection, hint);
            match self.vault.peek(&key) {
                Some(held) => {
                    if self.knowledge.is_dead(|| Digest::of(&held.bearer)) {
                        return Err(self.dead_token(&account, Source::Vault, Digest::of(&held.bearer)));
                    }
                    return Ok(Some(Some(AccountStatus {
                        account,
                        provider: provider.name.clone(),
                        source: Source::Vault,
                        state: AccountState::Usable,
                        expires_at: held.expires_at,
                        refreshable: true,
                        scopes: held.scopes.map(|scopes| scopes.to_vec()),
                    })));
                }
                None if self.vault.is_absent(&key, request.issued_at) => {}
                None => return Ok(Some(None)),
            }
        }
        Ok(None)
    }
}
