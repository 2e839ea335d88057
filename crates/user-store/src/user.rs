//! The user record, as far as tokens need it. Records are cached in great numbers, so they are compact: names shared
//! between records, one copy of each token, no spare capacity.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;

use crate::names::{Connection, Names};

/// An Auth0 user: id, blocked or not, identities. The rest of the profile is not read.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) user_id: Arc<str>,
    pub(crate) identities: Box<[Identity]>,
    /// Nanoseconds since 1970, in half the room of a `SystemTime`.
    pub(crate) fetched_at: u64,
    /// Seconds since 1970; zero when unknown.
    pub(crate) last_login: u32,
    pub(crate) blocked: bool,
    pub(crate) tokens_withheld: bool,
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
    /// reason to prefer it. An account that Auth0 lists twice is here once.
    #[must_use]
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Whether the record was read with a management token that lacks `read:user_idp_tokens`. Then the absence of IdP
    /// tokens says nothing about the user: the operator has to grant the scope. The store reads such a record again as
    /// soon as there is a better token.
    #[must_use]
    pub fn tokens_withheld(&self) -> bool {
        self.tokens_withheld
    }

    /// The same record, read without the right to see IdP tokens; for a [`Directory`](crate::Directory) that knows this.
    #[must_use]
    pub fn with_tokens_withheld(mut self) -> Self {
        self.tokens_withheld = true;
        self
    }

    /// When the user last signed in, to the second, if stated. It belongs to the user, not to one identity.
    #[must_use]
    pub fn last_login(&self) -> Option<SystemTime> {
        let since = Duration::from_secs(u64::from(self.last_login));
        (self.last_login > 0).then(|| SystemTime::UNIX_EPOCH + since)
    }

    /// When the look-up that brought this record started, by this machine's clock.
    #[must_use]
    pub fn fetched_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.fetched_at)
    }

    /// The bytes of memory it takes, roughly.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.size_of_parts()
    }

    /// The bytes of what it points to.
    pub(crate) fn size_of_parts(&self) -> usize {
        self.user_id.len() + self.identities.iter().map(Identity::size).sum::<usize>()
    }

    /// Whether both records say the same about the user.
    pub(crate) fn says_the_same(&self, other: &User) -> bool {
        self.blocked == other.blocked
            && self.tokens_withheld == other.tokens_withheld
            && self
                .identities
                .iter()
                .map(Identity::content)
                .eq(other.identities.iter().map(Identity::content))
    }

    /// Shares names with other records.
    pub(crate) fn share_names(&mut self, names: &Names) {
        for identity in &mut self.identities {
            names.share(&mut identity.connection);
        }
    }
}

/// Nanoseconds from 1970 to `at`, which is between then and the year 2554.
pub(crate) fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What two records of one identity can differ in.
type Content<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a str>, u32);

/// One account of a user at a provider. Tokens are secret; `Debug` shows only whether they are there.
#[derive(Clone)]
pub struct Identity {
    pub(crate) connection: Arc<Connection>,
    pub(crate) user_id: Arc<str>,
    pub(crate) bearer: Option<BearerToken>,
    pub(crate) refresh_token: Option<SecretString>,
    /// Seconds; zero for an unknown lifetime.
    pub(crate) expires_in: u32,
    pub(crate) social: bool,
    pub(crate) unusable_token: bool,
    /// What recognises the token, once it was asked for.
    pub(crate) digest: OnceLock<[u8; 32]>,
}

impl Identity {
    /// The connection's name (`google-oauth2`, `acme-entra`).
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.connection.name
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_connection(&self) -> Arc<str> {
        Arc::clone(&self.connection.name)
    }

    /// Auth0's strategy behind the connection (`google-oauth2`, `waad`). Any text: unknown ones are kept.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.connection.provider
    }

    /// The user's id at the provider, as text also where Auth0 sends a number.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_user_id(&self) -> Arc<str> {
        Arc::clone(&self.user_id)
    }

    /// The IdP token, ready to be sent; a clone copies no bytes. `None` when the provider gave none, the connection keeps
    /// its tokens in Token Vault, the management token lacks `read:user_idp_tokens` ([`User::tokens_withheld`]), or the
    /// token cannot be sent ([`has_unusable_token`](Self::has_unusable_token)).
    #[must_use]
    pub fn bearer(&self) -> Option<&BearerToken> {
        self.bearer.as_ref()
    }

    /// The SHA-256 digest of the IdP token. `sha256` makes it at the first call for this record; this crate has no cryptography
    /// of its own.
    pub fn token_digest(&self, sha256: impl FnOnce(&[u8]) -> [u8; 32]) -> Option<[u8; 32]> {
        let bearer = self.bearer.as_ref()?;
        Some(*self.digest.get_or_init(|| sha256(bearer.expose().as_bytes())))
    }

    /// Whether Auth0 has an IdP token with characters that cannot be sent in a header.
    #[must_use]
    pub fn has_unusable_token(&self) -> bool {
        self.unusable_token
    }

    /// The refresh token, where the provider returned one and Auth0 kept it.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// The token's lifetime when it was issued. Auth0 does not state when that was.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        (self.expires_in > 0).then(|| Duration::from_secs(u64::from(self.expires_in)))
    }

    /// Whether this is a social account.
    #[must_use]
    pub fn is_social(&self) -> bool {
        self.social
    }

    pub(crate) fn size(&self) -> usize {
        let token = self.bearer.as_ref().map_or(0, |token| token.header().len());
        let refresh = self.refresh_token.as_ref().map_or(0, |token| token.expose_secret().len());
        // The id with the counters of its owners.
        size_of::<Self>() + 2 * size_of::<usize>() + self.user_id.len() + token + refresh
    }

    fn content(&self) -> Content<'_> {
        let refresh = self.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        let bearer = self.bearer.as_ref().map(BearerToken::expose);
        (self.connection(), self.provider(), &self.user_id, bearer, refresh, self.expires_in)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mask = |there: bool| if there { "***" } else { "none" };
        f.debug_struct("Identity")
            .field("connection", &self.connection())
            .field("provider", &self.provider())
            .field("user_id", &self.user_id)
            .field("bearer", &format_args!("{}", mask(self.bearer.is_some())))
            .field("refresh_token", &format_args!("{}", mask(self.refresh_token.is_some())))
            .field("expires_in", &self.expires_in())
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
    /// Auth0's strategy behind the connection, if stated.
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

impl ConnectedAccount {
    /// An entry with its two required members; the others can be set. For a [`Directory`](crate::Directory) of your own.
    ///
    /// ```
    /// let mut account = user_store::ConnectedAccount::new("cac_1", "google-oauth2");
    /// account.scopes = vec!["openid".to_owned()];
    /// ```
    #[must_use]
    pub fn new(id: impl Into<String>, connection: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            connection: connection.into(),
            strategy: None,
            scopes: Vec::new(),
            created_at: None,
            expires_at: None,
            organization_id: None,
        }
    }

    /// When the entry was made, to the second. `None` where [`created_at`](Self::created_at) is absent or is no time in UTC.
    #[must_use]
    pub fn created(&self) -> Option<SystemTime> {
        let since = crate::wire::rfc3339(self.created_at.as_deref()?)?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(since)))
    }

    pub(crate) fn size(&self) -> usize {
        let optional = [&self.strategy, &self.created_at, &self.expires_at, &self.organization_id];
        let texts = optional.into_iter().flatten().chain(&self.scopes).chain([&self.id, &self.connection]);
        size_of::<Self>() + texts.map(|text| text.len() + size_of::<String>()).sum::<usize>()
    }
}
