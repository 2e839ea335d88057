//! The state machine as a table. Each combination of facts has exactly one row, so the order of the rows says nothing.

use proptest::prelude::*;

use super::*;

const CACHED: &[Reading] = &[Reading::Cached];
const CURRENT: &[Reading] = &[Reading::Current];
const BEHIND: &[Reading] = &[Reading::Behind];
/// Auth0's copy may be used as it is.
const READ: &[Reading] = &[Reading::Cached, Reading::Current];
const READINGS: &[Reading] = &[Reading::Cached, Reading::Behind, Reading::Current];

const RECORDS: &[Record] =
    &[Record::Open, Record::Revoked, Record::SignedInAgain, Record::Dead, Record::Lost];
/// The user has not disconnected the account.
const CONNECTED: &[Record] = &[Record::Open, Record::Dead, Record::Lost];

const TOKENS: &[Token] = &[Token::None, Token::Ended, Token::Unconfirmed, Token::Due, Token::Good];
const GOOD: &[Token] = &[Token::Good];
const DUE: &[Token] = &[Token::Due];
const UNCONFIRMED: &[Token] = &[Token::Unconfirmed];
const ENDED: &[Token] = &[Token::Ended];
const NONE: &[Token] = &[Token::None];
const NONE_OR_ENDED: &[Token] = &[Token::None, Token::Ended];
const NOT_SERVABLE: &[Token] = &[Token::None, Token::Ended, Token::Unconfirmed];

const REFRESHES: &[Refresh] = &[Refresh::Impossible, Refresh::Refused, Refresh::Exchange, Refresh::Ready];
const READY: &[Refresh] = &[Refresh::Ready];
const REFUSED: &[Refresh] = &[Refresh::Refused];
const NOT_READY: &[Refresh] = &[Refresh::Impossible, Refresh::Refused, Refresh::Exchange];
const NEVER: &[Refresh] = &[Refresh::Impossible, Refresh::Exchange];
const NOT_NOW: &[Refresh] = &[Refresh::Impossible, Refresh::Refused];
const AHEAD: &[Refresh] = &[Refresh::Ready, Refresh::Exchange];

const ANY: &[Refused] = &[
    Refused::No,
    Refused::Marked,
    Refused::Unknown,
    Refused::Worked,
    Refused::Fresh,
    Refused::Exhausted,
    Refused::Endpoint,
];
const NO: &[Refused] = &[Refused::No];
const MARKED: &[Refused] = &[Refused::Marked];
const UNKNOWN: &[Refused] = &[Refused::Unknown];
const WORKED: &[Refused] = &[Refused::Worked];
const FRESH: &[Refused] = &[Refused::Fresh];
const JUST_REFUSED: &[Refused] = &[Refused::Unknown, Refused::Worked, Refused::Fresh];
const GOOD_ELSEWHERE: &[Refused] = &[Refused::Exhausted, Refused::Endpoint];

const FIRST: &[bool] = &[false];
const AGAIN: &[bool] = &[true];
const BOTH: &[bool] = &[false, true];

struct Row(
    &'static [Reading],
    &'static [Record],
    &'static [Token],
    &'static [Refresh],
    &'static [Refused],
    &'static [bool],
    Action,
);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Auth0's copy | our record              | token at hand | refresh | what was refused | refreshed in this call | action

    // Another replica knows more: nothing is decided from an old copy.
    Row(BEHIND,  RECORDS,                  TOKENS,        REFRESHES, ANY,            BOTH,  Action::Reread),
    // The user disconnected the account, and lifts that by signing in again.
    Row(READ,    &[Record::Revoked],       TOKENS,        REFRESHES, ANY,            BOTH,  Action::RefuseRevoked),
    Row(READ,    &[Record::SignedInAgain], TOKENS,        REFRESHES, ANY,            BOTH,  Action::Reopen),
    // A token that is marked as dead causes no call.
    Row(READ,    CONNECTED,                TOKENS,        REFRESHES, MARKED,         BOTH,  Action::RefuseMarked),
    // Two refreshes within a minute, or an endpoint that refuses good tokens: nothing is spent and nobody is closed.
    Row(READ,    CONNECTED,                TOKENS,        REFRESHES, GOOD_ELSEWHERE, BOTH,  Action::PassOn),
    // A refused token is replaced by one refresh. One that brings it again is the provider's last word.
    Row(READ,    CONNECTED,                TOKENS,        READY,     JUST_REFUSED,   FIRST, Action::Refresh),
    Row(READ,    CONNECTED,                TOKENS,        READY,     JUST_REFUSED,   AGAIN, Action::PassOn),
    // Without a refresh, one look at Auth0's copy. The refusal of a refresh token has included that look.
    Row(CACHED,  CONNECTED,                TOKENS,        NOT_READY, JUST_REFUSED,   FIRST, Action::Reread),
    Row(CACHED,  CONNECTED,                TOKENS,        NOT_READY, UNKNOWN,        AGAIN, Action::Close),
    Row(CURRENT, CONNECTED,                TOKENS,        NOT_READY, UNKNOWN,        BOTH,  Action::Close),
    Row(CACHED,  CONNECTED,                TOKENS,        NOT_READY, WORKED,         AGAIN, Action::PassOn),
    Row(CURRENT, CONNECTED,                TOKENS,        NOT_READY, WORKED,         BOTH,  Action::PassOn),
    Row(CACHED,  CONNECTED,                TOKENS,        NEVER,     FRESH,          AGAIN, Action::PassOn),
    Row(CURRENT, CONNECTED,                TOKENS,        NEVER,     FRESH,          BOTH,  Action::PassOn),
    // A new token that never worked, and its refresh token: the API and the token endpoint refuse both.
    Row(CACHED,  CONNECTED,                TOKENS,        REFUSED,   FRESH,          AGAIN, Action::Close),
    Row(CURRENT, CONNECTED,                TOKENS,        REFUSED,   FRESH,          BOTH,  Action::Close),
    // A token that nobody refused is served.
    Row(READ,    CONNECTED,                GOOD,          REFRESHES, NO,             BOTH,  Action::Serve),
    Row(READ,    CONNECTED,                DUE,           NOT_NOW,   NO,             BOTH,  Action::Serve),
    Row(READ,    CONNECTED,                DUE,           AHEAD,     NO,             BOTH,  Action::ServeAndRefresh),
    // Nothing to serve: one refresh.
    Row(READ,    CONNECTED,                NOT_SERVABLE,  READY,     NO,             FIRST, Action::Refresh),
    Row(READ,    CONNECTED,                NOT_SERVABLE,  READY,     NO,             AGAIN, Action::TryAgain),
    // Nothing to serve, and the refresh token was refused: the user may have signed in again.
    Row(CACHED,  CONNECTED,                UNCONFIRMED,      NOT_READY, NO,             FIRST, Action::Reread),
    Row(CACHED,  CONNECTED,                UNCONFIRMED,      NOT_READY, NO,             AGAIN, Action::Close),
    Row(CURRENT, CONNECTED,                UNCONFIRMED,      NOT_READY, NO,             BOTH,  Action::Close),
    Row(CACHED,  CONNECTED,                NONE_OR_ENDED, REFUSED,   NO,             FIRST, Action::Reread),
    Row(CACHED,  CONNECTED,                NONE_OR_ENDED, REFUSED,   NO,             AGAIN, Action::Close),
    Row(CURRENT, CONNECTED,                NONE_OR_ENDED, REFUSED,   NO,             BOTH,  Action::Close),
    // Nothing to serve, and nothing to refresh with.
    Row(READ,    CONNECTED,                ENDED,         NEVER,     NO,             BOTH,  Action::RefuseEnded),
    Row(READ,    CONNECTED,                NONE,          NEVER,     NO,             BOTH,  Action::RefuseNothing),
];

fn all() -> Vec<Facts> {
    let mut all = Vec::new();
    for &reading in READINGS {
        for &record in RECORDS {
            for &token in TOKENS {
                for &refresh in REFRESHES {
                    for &refused in ANY {
                        for &refreshed in BOTH {
                            all.push(Facts { reading, record, token, refresh, refused, refreshed });
                        }
                    }
                }
            }
        }
    }
    all
}

impl Row {
    fn covers(&self, facts: &Facts) -> bool {
        self.0.contains(&facts.reading)
            && self.1.contains(&facts.record)
            && self.2.contains(&facts.token)
            && self.3.contains(&facts.refresh)
            && self.4.contains(&facts.refused)
            && self.5.contains(&facts.refreshed)
    }
}

#[test]
fn every_combination_has_exactly_one_row_and_its_action() {
    let all = all();
    assert_eq!(all.len(), 3 * 5 * 5 * 4 * 7 * 2);
    for facts in all {
        let rows: Vec<_> = TABLE.iter().filter(|row| row.covers(&facts)).collect();
        assert_eq!(rows.len(), 1, "{facts:?}");
        assert_eq!(decide(&facts), rows[0].6, "{facts:?}");
    }
}

#[test]
fn every_row_is_needed() {
    let all = all();
    for (number, row) in TABLE.iter().enumerate() {
        assert!(all.iter().any(|facts| row.covers(facts)), "row {number}");
    }
}

struct Refusal(&'static [StoredNow], &'static [TenantNow], &'static [bool], &'static [bool], Conclusion);

#[rustfmt::skip]
const CONCLUSIONS: &[Refusal] = &[
    // The store               | Auth0's copy     | single use | intent | what the refusal means
    Refusal(&[StoredNow::Other],      &[TenantNow::Same, TenantNow::Other, TenantNow::Unreadable], BOTH, BOTH, Conclusion::LookAgain),
    // Another replica may have spent the token.
    Refusal(&[StoredNow::Unreadable], &[TenantNow::Same, TenantNow::Other, TenantNow::Unreadable], AGAIN, BOTH, Conclusion::StoreUnavailable),
    Refusal(&[StoredNow::Unreadable], &[TenantNow::Other],      FIRST, BOTH,  Conclusion::LookAgain),
    Refusal(&[StoredNow::Unreadable], &[TenantNow::Unreadable], FIRST, BOTH,  Conclusion::TenantUnavailable),
    Refusal(&[StoredNow::Unreadable], &[TenantNow::Same],       FIRST, FIRST, Conclusion::Dead),
    Refusal(&[StoredNow::Unreadable], &[TenantNow::Same],       FIRST, AGAIN, Conclusion::Lost),
    // The user may have signed in again.
    Refusal(&[StoredNow::Same],       &[TenantNow::Other],      BOTH,  BOTH,  Conclusion::LookAgain),
    Refusal(&[StoredNow::Same],       &[TenantNow::Unreadable], BOTH,  BOTH,  Conclusion::TenantUnavailable),
    // Nothing speaks for the grant. With an intent, a refresh was cut off after the provider had spent the token.
    Refusal(&[StoredNow::Same],       &[TenantNow::Same],       BOTH,  FIRST, Conclusion::Dead),
    Refusal(&[StoredNow::Same],       &[TenantNow::Same],       BOTH,  AGAIN, Conclusion::Lost),
];

#[test]
fn every_refusal_of_a_refresh_token_has_exactly_one_conclusion() {
    for stored in [StoredNow::Same, StoredNow::Other, StoredNow::Unreadable] {
        for tenant in [TenantNow::Same, TenantNow::Other, TenantNow::Unreadable] {
            for single_use in [false, true] {
                for intent in [false, true] {
                    let rows: Vec<_> = CONCLUSIONS
                        .iter()
                        .filter(|row| {
                            row.0.contains(&stored)
                                && row.1.contains(&tenant)
                                && row.2.contains(&single_use)
                                && row.3.contains(&intent)
                        })
                        .collect();
                    assert_eq!(rows.len(), 1, "{stored:?} {tenant:?} {single_use} {intent}");
                    assert_eq!(conclude(stored, tenant, single_use, intent), rows[0].4);
                }
            }
        }
    }
}

fn facts() -> impl Strategy<Value = Facts> {
    proptest::sample::select(all())
}

proptest! {
    /// Whatever the answers make of the facts, a call ends, refreshes once at most, and closes no account whose token was
    /// good a moment ago.
    #[test]
    fn a_call_ends_after_one_refresh_at_most(first in facts(), answers in prop::collection::vec(facts(), 8)) {
        let mut facts = Facts { refreshed: false, ..first };
        let (mut refreshes, mut rereads) = (0, 0);
        let mut answers = answers.into_iter();
        let last = loop {
            // What an action does to the facts: anything, but for what this call has done.
            let next = answers.next();
            prop_assert!(next.is_some(), "the call does not end");
            let next = next.unwrap_or(facts);
            match decide(&facts) {
                Action::Refresh => {
                    refreshes += 1;
                    facts = Facts { refreshed: true, ..next };
                }
                Action::Reread => {
                    rereads += 1;
                    facts = Facts { reading: Reading::Current, refreshed: facts.refreshed, ..next };
                    continue;
                }
                Action::Reopen => {
                    facts = Facts { record: Record::Open, reading: facts.reading, ..facts };
                    continue;
                }
                last => break last,
            }
            if rereads > 0 {
                facts.reading = Reading::Current;
            }
        };
        prop_assert!(refreshes <= 1 && rereads <= 1, "{refreshes} refreshes, {rereads} looks");
        if last == Action::Close {
            let both_refused = facts.refused == Refused::Fresh && facts.refresh == Refresh::Refused;
            prop_assert!(both_refused || matches!(facts.refused, Refused::Unknown | Refused::No), "{facts:?}");
        }
    }
}
