//! The members of a problem that say which account it is about, and how it is connected.

use serde::Serialize;

/// One account to choose from.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct AccountRef {
    /// The value for `Idp-Account`: connection, `|`, provider-side user id, percent-encoded where needed.
    pub account: String,
    /// Auth0's name for the connection.
    pub connection: String,
    /// The user's id at the provider.
    pub user_id: String,
    /// The provider's name in the gateway's configuration.
    pub provider: String,
}

/// What an app needs to send the user through the connection again; it adds its own client and redirect.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Connect {
    /// A login at the tenant's authorization endpoint.
    Authorize {
        /// `https://{tenant}/authorize`.
        authorization_endpoint: String,
        /// The connection to log in with.
        connection: String,
        /// Scopes to ask the provider for, where more are needed.
        #[serde(skip_serializing_if = "Option::is_none")]
        connection_scope: Option<String>,
        /// `offline` where the provider only then hands out a refresh token.
        #[serde(skip_serializing_if = "Option::is_none")]
        access_type: Option<&'static str>,
        /// `consent` where the provider only then hands out a new grant.
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt: Option<&'static str>,
        /// A page of the gateway that does all this, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// A Connected Account (Token Vault), made at the tenant's My Account API.
    MyAccount {
        /// `https://{tenant}/me/v1/connected-accounts/connect`.
        my_account_endpoint: String,
        /// The connection to connect.
        connection: String,
        /// Scopes to ask the provider for.
        scopes: Vec<String>,
        /// A page of the gateway that does all this, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
}

impl Connect {
    /// Sets the address of the gateway's own page, which `link` makes of the connection, whether the vault keeps the account, and
    /// the scopes to ask for.
    pub(super) fn set_page(&mut self, link: impl FnOnce(&str, bool, Vec<String>) -> Option<String>) {
        match self {
            Self::Authorize { connection, connection_scope, url, .. } => {
                let scopes = connection_scope.as_deref().unwrap_or_default();
                let scopes = scopes.split(',').filter(|scope| !scope.is_empty()).map(str::to_owned);
                *url = link(connection, false, scopes.collect());
            }
            Self::MyAccount { connection, scopes, url, .. } => *url = link(connection, true, scopes.clone()),
        }
    }
}
