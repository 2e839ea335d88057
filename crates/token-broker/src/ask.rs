//! What is asked of the broker.

use std::time::SystemTime;

use token_keeper::BearerToken;

use crate::AccountSelector;

/// Who wants a token for what. Everything in it comes from a verified caller token, but for the last two.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The caller's Auth0 user id (`sub`).
    pub user_id: &'a str,
    /// The organisation the caller token was issued for.
    pub organization: Option<&'a str>,
    /// The caller token's audiences.
    pub audience: &'a [String],
    /// The caller token itself, to be exchanged at Token Vault. `None` for key-bound caller tokens, which cannot
    /// be a subject, and for callers without one; source `vault` is then skipped.
    pub subject_token: Option<&'a BearerToken>,
    /// When the caller token was issued.
    pub issued_at: SystemTime,
    /// The name of the provider. [`Broker::accounts`](crate::Broker::accounts) takes an empty name for all.
    pub provider: &'a str,
    /// Which of several accounts is meant.
    pub account: Option<&'a AccountSelector>,
}

/// What [`Broker::forget`](crate::Broker::forget) forgets. Set members must all apply; none set means everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
