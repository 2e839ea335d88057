//! Removing an account from Token Vault, for a caller who is no browser.
//!
//! The My Account API takes the user's own token. Auth0 exchanges a caller's token for one where the Custom API Client of `[vault]`
//! may do that (On-Behalf-Of Token Exchange, with a user-delegated client grant for the My Account API). Where it may not,
//! nothing is removed, and the app can do it.

use mgmt_auth::ClientCredentials;

use super::HostedConnect;
use super::tenant::plain_word;

/// The grant of the exchange (RFC 8693).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SCOPE: &str = "read:me:connected_accounts delete:me:connected_accounts";

impl HostedConnect {
    /// Removes the accounts of this connection from Token Vault, for the user of this caller token. Whether that was done; if not, the log says why. The token
    /// for the My Account API is used for this and dropped.
    pub(crate) async fn remove(&self, caller: &str, connection: &str) -> bool {
        let Some(client) = &self.exchange else { return false };
        match self.removed(client, caller, connection).await {
            Ok(()) => true,
            Err(cause) => {
                tracing::warn!(event = "vault_account_kept", connection, cause);
                false
            }
        }
    }

    async fn removed(
        &self,
        client: &ClientCredentials,
        caller: &str,
        connection: &str,
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
        let removed = self.sign_in.my_account.remove(exchanged.access_token(), connection).await;
        removed.map_err(|failed| match failed.0 {
            Some(status) => format!("the My Account API answered with {}", status.as_u16()),
            None => "the My Account API did not answer".to_owned(),
        })
    }
}
