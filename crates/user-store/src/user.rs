//! The user record as far as the gateway needs it.

use std::{fmt, time::Duration, time::SystemTime};

use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

/// An Auth0 user: id, blocked or not, identities. Nothing else of the profile is asked for.
#[derive(Debug)]
pub struct User {
    pub(crate) user_id: String,
    pub(crate) blocked: bool,
    pub(crate) identities: Vec<Identity>,
    pub(crate) fetched_at: SystemTime,
}

impl User {
    /// The full user id, provider prefix included (`github|583231`).
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Whether the tenant's administrators blocked this user. Any value of Auth0's `blocked` but `false`, `null`
    /// and absence counts as blocked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The accounts linked to this user, in Auth0's order. The first one is the primary account, which is no
    /// reason to prefer it.
    #[must_use]
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// When the look-up that brought this record started, by this machine's clock.
    #[must_use]
    pub fn fetched_at(&self) -> SystemTime {
        self.fetched_at
    }

    /// What this record weighs in the cache: one unit for every started 8 KiB.
    pub(crate) fn weight(&self) -> u32 {
        let bytes: usize = self.identities.iter().map(Identity::size).sum::<usize>() + self.user_id.len();
        u32::try_from(bytes / 8192).unwrap_or(u32::MAX - 1) + 1
    }
}

/// One account of a user at a provider. Tokens are secret; `Debug` shows only whether they are there.
pub struct Identity {
    pub(crate) connection: String,
    pub(crate) provider: String,
    pub(crate) user_id: String,
    pub(crate) access_token: Option<SecretString>,
    pub(crate) bearer: Option<BearerToken>,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) social: bool,
}

impl Identity {
    /// The connection's name (`google-oauth2`, `acme-entra`).
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// Auth0's strategy behind the connection (`google-oauth2`, `waad`). Any text: unknown ones are kept.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The user's id at the provider, as text also where Auth0 sends a number.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The IdP token. `None` when the provider gave none, the connection keeps its tokens in Token Vault, or the
    /// management token lacks `read:user_idp_tokens`.
    #[must_use]
    pub fn access_token(&self) -> Option<&SecretString> {
        self.access_token.as_ref()
    }

    /// The IdP token ready to be sent; cloning it copies no bytes. `None` also for a token that cannot stand in
    /// a header.
    #[must_use]
    pub fn bearer(&self) -> Option<&BearerToken> {
        self.bearer.as_ref()
    }

    /// The refresh token, where the provider returned one and Auth0 kept it.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// The token's lifetime when it was issued. Auth0 does not say when that was.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// Whether this is a social account.
    #[must_use]
    pub fn is_social(&self) -> bool {
        self.social
    }

    pub(crate) fn size(&self) -> usize {
        let secret = |s: &Option<SecretString>| s.as_ref().map_or(0, |s| s.expose_secret().len());
        self.connection.len()
            + self.provider.len()
            + self.user_id.len()
            + 2 * secret(&self.access_token)
            + secret(&self.refresh_token)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mask = |there: bool| if there { "***" } else { "none" };
        f.debug_struct("Identity")
            .field("connection", &self.connection)
            .field("provider", &self.provider)
            .field("user_id", &self.user_id)
            .field("access_token", &format_args!("{}", mask(self.access_token.is_some())))
            .field("refresh_token", &format_args!("{}", mask(self.refresh_token.is_some())))
            .field("expires_in", &self.expires_in)
            .field("social", &self.social)
            .finish()
    }
}

/// One entry of the user's Connected Accounts: what Token Vault can be asked for. It holds no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectedAccount {
    /// Auth0's id of the entry (`cac_...`); another one after the user connected anew.
    pub id: String,
    /// The connection's name.
    pub connection: String,
    /// Auth0's strategy behind the connection, if it said so.
    pub strategy: Option<String>,
    /// The scopes granted at connect time.
    pub scopes: Vec<String>,
    /// RFC 3339, as Auth0 wrote it.
    pub created_at: Option<String>,
    /// RFC 3339, as Auth0 wrote it.
    pub expires_at: Option<String>,
    /// The organisation the account was connected under.
    pub organization_id: Option<String>,
}
