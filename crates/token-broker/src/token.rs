//! What the broker hands out.

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use secrecy::SecretString;
use token_keeper::BearerToken;
use user_store::{Found, User};

use crate::{Account, RevokedGrant, Source, digest::Digest};

/// One usable IdP token. Cloning it copies no secret; `Debug` shows none.
#[derive(Clone, Debug)]
pub struct IdpToken {
    pub(crate) bearer: BearerToken,
    /// Of the bearer token; computed when it is needed, once.
    pub(crate) digest: OnceLock<Digest>,
    pub(crate) account: Account,
    pub(crate) provider: Arc<str>,
    pub(crate) source: Source,
    pub(crate) cache: Cached,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) scopes: Option<Arc<[String]>>,
    pub(crate) refreshable: bool,
    pub(crate) refreshed_at: Option<SystemTime>,
    /// A refresh of the same call brought it: another one would be that call's second.
    pub(crate) just_refreshed: bool,
    /// What that refresh sent to the provider, and what its answer brought.
    pub(crate) exchanged: Arc<[SecretString]>,
    /// The user record it was found with; what a re-read must differ from.
    pub(crate) user: Option<Arc<User>>,
}

impl IdpToken {
    /// The token, ready to be sent.
    #[must_use]
    pub fn bearer(&self) -> &BearerToken {
        &self.bearer
    }

    /// Whose token it is.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The provider's configured name.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Where the grant came from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// When a refresh brought it; `None` for Auth0's copy and for the vault's. A token that was refreshed a while ago
    /// and is refused may still have a successor: ask [`Broker::token_rejected`](crate::Broker::token_rejected) again.
    #[must_use]
    pub fn refreshed_at(&self) -> Option<SystemTime> {
        self.refreshed_at
    }

    /// How it was found.
    #[must_use]
    pub fn cache(&self) -> Cached {
        self.cache
    }

    /// When it expires. `None` when that is unknown: Auth0 keeps no time of issue beside an identity's token.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// The secrets that the provider has seen for this call besides the token: where the call had it refreshed, the refresh
    /// tokens before and after, the OAuth client's secret and an ID token. Empty for a token that was at hand. No answer to
    /// the call may hold one of them.
    #[must_use]
    pub fn exchanged(&self) -> &[SecretString] {
        &self.exchanged
    }

    /// The scopes it carries, where they are known.
    #[must_use]
    pub fn scopes(&self) -> Option<&[String]> {
        self.scopes.as_deref()
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_scopes(&self) -> Option<Arc<[String]>> {
        self.scopes.clone()
    }

    /// Whether a dead one can be replaced without the user.
    #[must_use]
    pub fn is_refreshable(&self) -> bool {
        self.refreshable
    }

    /// The SHA-256 digest of the token, to recognise it without keeping it.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.digest().to_bytes()
    }

    pub(crate) fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(&self.bearer))
    }
}

/// How a token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cached {
    /// In a cache.
    Hit,
    /// By a look-up, an exchange or a refresh that another call had started.
    Joined,
    /// By a look-up, an exchange or a refresh.
    Loaded,
    /// In a cache, from a record past its time, because Auth0 cannot answer at the moment.
    Stale,
}

impl Cached {
    /// The word for it in answers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Cached::Hit => "hit",
            Cached::Joined => "joined",
            Cached::Loaded => "loaded",
            Cached::Stale => "stale",
        }
    }
}

impl From<Found> for Cached {
    fn from(found: Found) -> Self {
        match found {
            Found::Joined => Cached::Joined,
            Found::Loaded => Cached::Loaded,
            Found::Stale => Cached::Stale,
            _ => Cached::Hit,
        }
    }
}

/// One account of a user, as `GET /v1/me` shows it: never a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountStatus {
    /// The account.
    pub account: Account,
    /// The provider's configured name.
    pub provider: String,
    /// Where its grant comes from.
    pub source: Source,
    /// What is known of its token.
    pub state: AccountState,
    /// When its token ends, where it is known.
    pub expires_at: Option<SystemTime>,
    /// Whether a dead token can be replaced without the user.
    pub refreshable: bool,
    /// The scopes, where they are known.
    pub scopes: Option<Vec<String>>,
}

/// What is known of an account's token without asking the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccountState {
    /// It has a token that does not expire or has not expired yet.
    Usable,
    /// Its token has expired.
    Expired,
    /// The user has to connect it again.
    Reconnect,
    /// It has a token that expires, and the time of issue is unknown.
    Unknown,
}

impl AccountState {
    /// The word for it in `GET /v1/me`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AccountState::Usable => "usable",
            AccountState::Expired => "expired",
            AccountState::Reconnect => "reconnect",
            AccountState::Unknown => "unknown",
        }
    }
}

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// Whether the provider ended the grant.
    pub at_provider: RevokedAtProvider,
    /// Why not, for people.
    pub detail: Option<String>,
    /// The account; refused from now on, until Auth0's copy changes or the user signs in again.
    pub account: Account,
    /// To be told to every other replica.
    pub revoked: RevokedGrant,
    /// Whether it was not revoked before.
    pub changed: bool,
    /// Whether the same was done within a minute.
    pub again: bool,
}

/// Whether the provider ended the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokedAtProvider {
    /// It did, now or before.
    Yes,
    /// It was asked and did not.
    No,
    /// It cannot be asked: no such endpoint, or no client credentials for it.
    Unsupported,
}

impl RevokedAtProvider {
    /// The word for it in the answer to `DELETE /v1/me/{provider}`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RevokedAtProvider::Yes => "yes",
            RevokedAtProvider::No => "no",
            RevokedAtProvider::Unsupported => "unsupported",
        }
    }
}
