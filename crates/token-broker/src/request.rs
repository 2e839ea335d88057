//! What the broker is asked for.

use std::time::SystemTime;

use token_keeper::BearerToken;

use crate::AccountSelector;

/// Who wants a token, and for what. Everything about the user comes from a verified caller token.
///
/// ```
/// use token_broker::TokenRequest;
///
/// let request = TokenRequest::new("google-oauth2|100000000000000000002", "github");
/// assert_eq!(request.provider, "github");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenRequest<'a> {
    /// The caller's Auth0 user id (`sub`).
    pub user_id: &'a str,
    /// The organisation the caller token was issued for.
    pub organization: Option<&'a str>,
    /// The caller token's audiences.
    pub audience: &'a [String],
    /// The caller token itself, to be exchanged at Token Vault.
    pub subject_token: Option<&'a BearerToken>,
    /// When the caller token was issued.
    pub issued_at: SystemTime,
    /// The name of the provider. [`Broker::accounts`](crate::Broker::accounts) takes an empty name for all.
    pub provider: &'a str,
    /// Which of several accounts is meant.
    pub account: Option<&'a AccountSelector>,
    /// What the token is used for at the provider.
    pub endpoint: Option<&'a str>,
}

impl<'a> TokenRequest<'a> {
    /// A token of the user with this Auth0 user id at the provider of this name.
    #[must_use]
    pub fn new(user_id: &'a str, provider: &'a str) -> Self {
        Self {
            user_id,
            organization: None,
            audience: &[],
            subject_token: None,
            issued_at: SystemTime::UNIX_EPOCH,
            provider,
            account: None,
            endpoint: None,
        }
    }

    /// The organisation the caller token was issued for.
    #[must_use]
    pub fn organization(mut self, organization: Option<&'a str>) -> Self {
        self.organization = organization;
        self
    }

    /// The caller token to exchange at Token Vault, and its audiences. Without one, source `vault` is skipped: a
    /// key-bound caller token cannot be the subject of an exchange.
    #[must_use]
    pub fn subject_token(mut self, token: Option<&'a BearerToken>, audience: &'a [String]) -> Self {
        self.subject_token = token;
        self.audience = audience;
        self
    }

    /// When the caller token was issued. A token that is newer than the cached user record causes one new look-up, so leave
    /// it out where there is no caller token.
    #[must_use]
    pub fn issued_at(mut self, time: SystemTime) -> Self {
        self.issued_at = time;
        self
    }

    /// Which of several accounts is meant.
    #[must_use]
    pub fn account(mut self, account: Option<&'a AccountSelector>) -> Self {
        self.account = account;
        self
    }

    /// What the token is used for at the provider, for example method and path. A token that is refused at one endpoint is
    /// not taken for dead while it works at others.
    #[must_use]
    pub fn endpoint(mut self, endpoint: &'a str) -> Self {
        self.endpoint = Some(endpoint);
        self
    }
}

/// What [`Broker::forget`](crate::Broker::forget) forgets. Set members must all apply; none set means everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selector {
    /// One user.
    pub user: Option<String>,
    /// One connection.
    pub connection: Option<String>,
    /// One provider.
    pub provider: Option<String>,
    /// Stored grants too. Without it they survive: a rotated grant exists nowhere else.
    pub grants: bool,
}
