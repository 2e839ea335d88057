//! IdP tokens and accounts: the broker, for admitted callers alone.

use std::sync::Arc;

use caller_auth::Verified;
use token_broker::{
    Account, AccountSelector, AccountStatus, Broker, Error, IdpToken, Revocation, RevokedGrant, Selector,
    Source, TokenRequest,
};

use super::steps::{Admitted, AdmittedCall, CallToken};
use crate::fleet::{Blocked, Fleet};
use crate::provider::ProviderRuntime;

/// Why there is no token for a call.
#[derive(Debug)]
pub(crate) enum TokenError {
    /// The broker has none.
    Broker(Error),
    /// An operator blocked the account's connection.
    Blocked(Blocked),
}

/// Whether an account is one that the selector names. Token Vault does not tell the user's id of its accounts.
pub(crate) fn is_meant(selector: &AccountSelector, account: &Account) -> bool {
    match account.user_id() {
        Some(id) => selector.matches(account.connection(), id),
        None => selector.connection() == account.connection(),
    }
}

/// The broker behind the steps.
pub(crate) struct Tokens {
    broker: Broker,
    fleet: Arc<Fleet>,
}

impl Tokens {
    pub(crate) fn new(broker: Broker, fleet: Arc<Fleet>) -> Self {
        // A reload makes a new broker: it refuses what the one before it did.
        broker.apply_revocations(&fleet.revoked());
        Self { broker, fleet }
    }

    /// The token of the account that the call is for.
    ///
    /// # Errors
    /// There is none, or its connection is blocked.
    pub(crate) async fn find(&self, call: &AdmittedCall<'_>) -> Result<CallToken, TokenError> {
        let request = call.request();
        let token = self.broker.token(&request).await.map_err(TokenError::Broker)?;
        self.unblocked(&request, token.account().connection())?;
        Ok(CallToken::new(token))
    }

    fn unblocked(&self, request: &TokenRequest<'_>, connection: &str) -> Result<(), TokenError> {
        let checked = self.fleet.check(request.user_id, Some(request.provider), Some(connection));
        checked.map_err(TokenError::Blocked)
    }

    /// The account whose token a call would get, by the caches alone; `None` where they do not know. It hands nothing out, so
    /// the caller need not be admitted.
    ///
    /// # Errors
    /// There would be no token.
    pub(crate) async fn preview(
        &self,
        verified: Verified,
        provider: &ProviderRuntime,
        account: Option<AccountSelector>,
        vault: bool,
    ) -> Result<Option<AccountStatus>, TokenError> {
        let asking = Admitted::new(verified, Some(provider), account, vault);
        let request = asking.request();
        let known = self.broker.preview(&request).await.map_err(TokenError::Broker)?;
        if let Some(status) = &known {
            self.unblocked(&request, status.account.connection())?;
        }
        Ok(known)
    }

    /// Another token for a call whose token the provider refused. If `refresh_helps` is false, only a new login gives a token.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn replace(
        &self,
        call: &AdmittedCall<'_>,
        refused: &IdpToken,
        refresh_helps: bool,
    ) -> Result<CallToken, Error> {
        let request = call.request();
        let found = if refresh_helps {
            self.broker.token_rejected(&request, refused).await
        } else {
            self.broker.login_required(&request, refused).await
        };
        found.map(CallToken::new)
    }

    /// The provider accepted the token of this call.
    pub(crate) fn accepted(&self, call: &AdmittedCall<'_>, token: &CallToken) {
        self.broker.token_accepted(&call.request(), token);
    }

    /// The caller's accounts.
    ///
    /// # Errors
    /// As [`Broker::accounts`].
    pub(crate) async fn accounts(&self, admitted: &Admitted<'_>) -> Result<Vec<AccountStatus>, Error> {
        self.broker.accounts(&admitted.request()).await
    }

    /// Revokes the grant at the provider where that can be done, and forgets it.
    ///
    /// # Errors
    /// As [`Broker::revoke`]; or the account's connection is blocked.
    pub(crate) async fn revoke(&self, admitted: &Admitted<'_>) -> Result<Vec<Revocation>, TokenError> {
        let request = admitted.request();
        let accounts = self.broker.accounts(&request).await.map_err(TokenError::Broker)?;
        let meant = |account: &Account| request.account.is_none_or(|selector| is_meant(selector, account));
        let connections = accounts.iter().map(|status| &status.account).filter(|account| meant(account));
        let named = request.account.map(AccountSelector::connection);
        for connection in connections.map(Account::connection).chain(named) {
            self.unblocked(&request, connection)?;
        }
        self.broker.revoke(&request).await.map_err(TokenError::Broker)
    }

    /// Forgets what is cached, and stored grants where the selector says so.
    ///
    /// # Errors
    /// As [`Broker::forget`].
    pub(crate) async fn forget(&self, selector: &Selector) -> Result<u64, Error> {
        self.broker.forget(selector).await
    }

    /// The user has just connected this account again: it is not refused any more.
    ///
    /// # Errors
    /// As [`Broker::reconnected`].
    pub(crate) async fn reconnected(
        &self,
        user: &str,
        source: Source,
        account: &Account,
    ) -> Result<Account, Error> {
        self.broker.reconnected(user, source, account).await
    }

    /// Takes over what was revoked elsewhere.
    pub(crate) fn apply_revocations(&self, revoked: &[RevokedGrant]) {
        self.broker.apply_revocations(revoked);
    }

    /// Has a user's grants read again.
    pub(crate) fn invalidate(&self, user: &str) {
        self.broker.invalidate_grants(user);
    }
}
