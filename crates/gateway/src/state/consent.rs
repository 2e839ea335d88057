//! What users were asked to consent to: the same cause is not asked for twice in a row.
//!
//! An app that meets `provider-scope-missing` sends its user through the login once more, asking for the scope. A user who
//! says no, or a provider that never grants it, would have it ask again at the next call, for ever. So an ask is
//! remembered, and when the grant has changed since and the same scopes are still missing, the answer says so and asks
//! for nothing.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::{Duration, SystemTime};

use idp_adapters::Classified;
use quick_cache::sync::Cache;
use token_broker::IdpToken;
use tokio::time::Instant;

/// How long an ask is remembered: time enough to log in, and little enough to try again after a change of mind.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Asks that are remembered; the least used go first.
const CAPACITY: usize = 10_000;

/// Who lacks what: hashes under a key of this process, so that a token or a user cannot be told from them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Cause(u64);

#[derive(Clone, Copy)]
struct Ask {
    token: u64,
    at: Instant,
    time: SystemTime,
    /// The user has been asked, and came back without it.
    answered: bool,
}

/// The consent prompts of this replica.
pub(crate) struct ConsentPrompts {
    hasher: RandomState,
    asks: Cache<Cause, Ask>,
}

impl Default for ConsentPrompts {
    fn default() -> Self {
        Self { hasher: RandomState::new(), asks: Cache::new(CAPACITY) }
    }
}

impl ConsentPrompts {
    /// Whether to ask `user` for what `classified` lacks with `token`, and remembers that it was done. Any number of calls
    /// with the same grant are one ask.
    pub(crate) fn may_ask(&self, user: &str, token: &IdpToken, classified: &Classified) -> bool {
        let mut missing: Vec<&str> = classified.missing_scopes.iter().map(String::as_str).collect();
        missing.sort_unstable();
        let account = token.account();
        let who = (user, token.provider(), account.connection(), account.user_id());
        let cause = Cause(self.hasher.hash_one((who, missing)));
        self.decide(cause, self.hasher.hash_one(token.bearer().expose()), token.refreshed_at())
    }

    fn decide(&self, cause: Cause, token: u64, refreshed_at: Option<SystemTime>) -> bool {
        let (at, time) = (Instant::now(), SystemTime::now());
        let known = self.asks.get(&cause).filter(|ask| at.duration_since(ask.at) < REMEMBERED);
        let ask = match known {
            None => Ask { token, at, time, answered: false },
            Some(ask) if ask.token == token => return !ask.answered,
            // Our own refresh changes the token and not what was granted.
            Some(ask) if refreshed_at.is_some_and(|refreshed| refreshed > ask.time) => Ask { token, ..ask },
            Some(_) => Ask { token, at, time, answered: true },
        };
        self.asks.insert(cause, ask);
        !ask.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSE: Cause = Cause(1);

    #[tokio::test(start_paused = true)]
    async fn one_ask_for_each_cause_until_it_is_forgotten() {
        let asked = ConsentPrompts::default();
        assert!(asked.decide(CAUSE, 1, None), "the first time");
        assert!(asked.decide(CAUSE, 1, None), "a second call before the user was back");
        assert!(asked.decide(Cause(2), 1, None), "something else");
        assert!(!asked.decide(CAUSE, 2, None), "back without it");
        assert!(!asked.decide(CAUSE, 2, None), "and with every call after that");
        assert!(!asked.decide(CAUSE, 3, None), "back again");
        tokio::time::advance(REMEMBERED).await;
        assert!(asked.decide(CAUSE, 3, None), "a change of mind");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_is_no_answer_of_the_user() {
        let asked = ConsentPrompts::default();
        assert!(asked.decide(CAUSE, 1, None));
        let later = SystemTime::now() + Duration::from_secs(1);
        assert!(asked.decide(CAUSE, 2, Some(later)), "refreshed since");
        assert!(asked.decide(CAUSE, 2, Some(later)));
        assert!(!asked.decide(CAUSE, 3, None), "back without it");
    }
}
