//! The state machine of one account: from what is known to the one next action. Pure.
//!
//! [`Facts`] is what is known: how current Auth0's copy is, what our record says, which token is at hand, whether it can
//! be refreshed, what is known of the refused token, and whether this call has already refreshed. [`decide`] names the
//! action. The caller carries it out, which changes the facts, and asks again: [`Reading::Current`] rules out another
//! look-up and `refreshed` another refresh, so a call takes at most one of each. The same function is asked again under
//! the lease, with the record as it is then, before a refresh token is spent. What a refused refresh token means is
//! decided by [`conclude`], which also knows of the intent that a cut-off refresh left behind.

mod conclude;
mod facts;

pub(crate) use self::{
    conclude::{Conclusion, StoredNow, TenantNow, conclude},
    facts::{Account, Current, Surroundings, current, signed_in_since, surely_after},
};

/// How current Auth0's copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Read for an earlier call.
    Cached,
    /// Another replica may have seen a newer copy: our record was written after this one was read, from another copy.
    Behind,
    /// Read in this call.
    Current,
}

/// What our record says of the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Nothing against it, or there is no record.
    Open,
    /// The user revoked the account.
    Revoked,
    /// The user revoked the account and has signed in again since.
    SignedInAgain,
    /// The provider refused the refresh token for good.
    Dead,
    /// The same, and a refresh before it was cut off: the next refresh token was lost.
    Lost,
}

/// The access token at hand: Auth0's where that is new, else ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// There is none.
    None,
    /// It has expired, or is about to.
    Ended,
    /// Auth0's copy, of unknown age, beside a refresh token that the provider has refused.
    Unconfirmed,
    /// It serves, and is worth a refresh ahead of time.
    Due,
    /// It serves.
    Good,
}

/// Whether a refresh is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// No refresh token, no credentials for it, or it would not help.
    Impossible,
    /// The provider has refused the refresh token; it is left alone for a while.
    Refused,
    /// A living access token can be exchanged for a longer one; a dead one cannot.
    Exchange,
    /// There is a refresh token.
    Ready,
}

/// What is known of the token at hand as a refused one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It was not refused, or another token was refused.
    No,
    /// It is marked as dead.
    Marked,
    /// It was refused, and nothing speaks for it.
    Unknown,
    /// It was refused, and it worked elsewhere a moment ago.
    Worked,
    /// It was refused, and a refresh brought it a moment ago.
    Fresh,
    /// The same, it was the second refresh within a minute, and the token never worked or endpoints of this account refuse
    /// good tokens.
    Exhausted,
    /// It was refused by an endpoint that also refused a good token lately.
    Endpoint,
}

/// Everything that a decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) reading: Reading,
    pub(crate) record: Record,
    pub(crate) token: Token,
    pub(crate) refresh: Refresh,
    pub(crate) refused: Refused,
    /// This call has already refreshed, or waited for a refresh.
    pub(crate) refreshed: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Hand out the token at hand.
    Serve,
    /// The same, and refresh it in the background.
    ServeAndRefresh,
    /// Refresh, then decide again.
    Refresh,
    /// Read Auth0's copy again, then decide again.
    Reread,
    /// Remove the revocation, then decide again.
    Reopen,
    /// The endpoint refuses a good token: pass its answer on. The account stays open.
    PassOn,
    /// Mark the token as dead and refuse.
    Close,
    /// Refuse: the token is marked as dead.
    RefuseMarked,
    /// Refuse: the user revoked the account.
    RefuseRevoked,
    /// Refuse: the token has expired and cannot be refreshed.
    RefuseEnded,
    /// Refuse: there is no token.
    RefuseNothing,
    /// The grant has changed while it was refreshed; the next call can go on.
    TryAgain,
}

/// The one next action. The rows are tried in their order; `tests` repeats them as a table.
pub(crate) fn decide(facts: &Facts) -> Action {
    use Refused::{Endpoint, Exhausted, Fresh, Marked, No, Unknown, Worked};
    let Facts { reading, record, token, refresh, refused, refreshed } = *facts;
    match (reading, record, refused) {
        (Reading::Behind, ..) => Action::Reread,
        (_, Record::SignedInAgain, _) => Action::Reopen,
        (_, Record::Revoked, _) => Action::RefuseRevoked,
        (_, _, Endpoint | Exhausted) => Action::PassOn,
        (_, _, Marked) => Action::RefuseMarked,
        (_, _, Unknown | Worked | Fresh) => refused_token(reading, refresh, refused, refreshed),
        (_, _, No) => token_at_hand(reading, token, refresh, refreshed),
    }
}

fn refused_token(reading: Reading, refresh: Refresh, refused: Refused, refreshed: bool) -> Action {
    match refresh {
        Refresh::Ready if refreshed => Action::PassOn,
        Refresh::Ready => Action::Refresh,
        // The refusal of a refresh token is confirmed with a look at Auth0's copy.
        _ if reading == Reading::Cached && !refreshed => Action::Reread,
        _ if refused == Refused::Unknown => Action::Close,
        // The token endpoint and the API agree: this is more than one endpoint.
        Refresh::Refused if refused == Refused::Fresh => Action::Close,
        _ => Action::PassOn,
    }
}

fn token_at_hand(reading: Reading, token: Token, refresh: Refresh, refreshed: bool) -> Action {
    let unread = reading == Reading::Cached && !refreshed;
    match (token, refresh) {
        (Token::Good, _) | (Token::Due, Refresh::Impossible | Refresh::Refused) => Action::Serve,
        (Token::Due, Refresh::Ready | Refresh::Exchange) => Action::ServeAndRefresh,
        (Token::None | Token::Ended | Token::Unconfirmed, Refresh::Ready) if refreshed => Action::TryAgain,
        (Token::None | Token::Ended | Token::Unconfirmed, Refresh::Ready) => Action::Refresh,
        (Token::Unconfirmed, _) | (Token::None | Token::Ended, Refresh::Refused) if unread => Action::Reread,
        (Token::Unconfirmed, _) | (Token::None | Token::Ended, Refresh::Refused) => Action::Close,
        (Token::Ended, _) => Action::RefuseEnded,
        (Token::None, _) => Action::RefuseNothing,
    }
}

#[cfg(test)]
mod tests;
