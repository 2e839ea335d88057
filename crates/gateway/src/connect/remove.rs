//! Removing an account from Token Vault, for a caller who is no browser.
//!
//! The My Account API takes the user's own token. Auth0 exchanges a caller's token for one where the Custom API Client of `[vault]`
//! may do that (On-Behalf-Of Token Exchange, with a user-delegated client grant for the My Account API). Where it may not,
//! nothing is removed, and the app can do it.

use mgmt_auth::ClientCredentials;
use token_broker::Account;

use super::HostedConnect;
use super::tenant::plain_word;

/// The grant of the exchange (RFC 8693).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SCOPE: &str = "read:me:connected_accounts delete:me:connected_accounts";

impl HostedConnect {
    /// Removes the user's accounts of this connection from Token Vault. Whether that was done; if not, the log says why.
    ///
    /// The My Account API does not say which account is whose at the provider. If the call named one account and Auth0 has
    /// several, none is removed. The token for the API is used for this and dropped.
    pub(crate) async fn remove(&self, caller: &str, account: &Account) -> bool {
        let Some(client) = &self.exchange else { return false };
        match self.removed(client, caller, account).await {
            Ok(()) => true,
            Err(cause) => {
                tracing::warn!(event = "vault_account_kept", connection = account.connection(), cause);
                false
            }
        }
    }

    async fn removed(
        &self,
        client: &ClientCredentials,
        caller: &str,
        account: &Account,
    ) -> Result<(), String> {
        let form = [
            ("grant_type", GRANT),
            ("subject_token", caller),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("audience", &self.sign_in.my_account_audience),
            ("scope", SCOPE),
        ];
        let exchanged = self.sign_in.tenant.request_token(client, &form).await;
        let exchanged = exchanged.map_err(|error| {
            let word = error.code().map_or_else(|| error.fault().as_str().to_owned(), plain_word);
            format!("no token for the My Account API: {word}")
        })?;
        let (api, token) = (&self.sign_in.my_account, exchanged.access_token());
        let ids = api.accounts(token, account.connection()).await.map_err(|error| error.to_string())?;
        if account.user_id().is_some() && ids.len() > 1 {
            return Err("Auth0 has several accounts of the connection and does not say which one was named"
                .to_owned());
        }
        for id in &ids {
            api.remove(token, id).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
