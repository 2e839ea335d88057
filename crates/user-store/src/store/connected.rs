//! Connected Accounts, cached and read once like users.

use std::{fmt, sync::Arc, time::Duration};

use quick_cache::{Weighter, sync::Cache};
use token_keeper::SingleFlight;
use tokio::time::Instant;

use crate::{ConnectedAccount, Error, record::Ages};

/// How long a list serves at most: a user who has just connected an account wants to see it.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a list serves at least where a caller wants it read anew; doubles to [`LONGEST`] while the list stays the same.
const SHORTEST: Duration = Duration::from_secs(5);

pub(super) type Accounts = Arc<[ConnectedAccount]>;

pub(crate) struct Connected {
    lists: Cache<Arc<str>, List, ByListSize>,
    pub(super) loads: SingleFlight<Arc<str>, Result<Accounts, Error>>,
}

#[derive(Clone)]
struct List {
    accounts: Accounts,
    read_at: Instant,
    /// How long it serves a caller who wants it read anew.
    pause: Duration,
}

#[derive(Clone, Copy)]
struct ByListSize {
    least: u64,
}

impl Weighter<Arc<str>, List> for ByListSize {
    fn weight(&self, user_id: &Arc<str>, list: &List) -> u64 {
        let accounts: usize = list.accounts.iter().map(ConnectedAccount::size).sum();
        ((user_id.len() + accounts + 128) as u64).max(self.least)
    }
}

impl Connected {
    pub(crate) fn new(capacity: usize, capacity_bytes: u64) -> Self {
        let least = capacity_bytes.div_ceil(capacity as u64);
        let lists = Cache::with_weighter(capacity, capacity_bytes, ByListSize { least });
        Self { lists, loads: SingleFlight::new() }
    }

    pub(super) fn forget(&self, user_id: &Arc<str>) {
        self.loads.discard(user_id);
        self.lists.remove(&**user_id);
    }

    pub(super) fn forget_all(&self) {
        self.loads.discard_matching(|_| true);
        self.lists.clear();
    }

    pub(super) fn weight(&self) -> u64 {
        self.lists.weight()
    }

    /// Keeps a list that was read at `read_at`.
    pub(super) fn keep(&self, user_id: Arc<str>, accounts: Accounts, read_at: Instant) {
        let old = self.lists.get(&*user_id).filter(|old| old.accounts == accounts);
        let pause = old.map_or(SHORTEST, |old| (old.pause * 2).min(LONGEST));
        self.lists.insert(user_id, List { accounts, read_at, pause });
    }

    /// How old the cached list may be for a caller who wants it read anew.
    pub(super) fn pause(&self, user_id: &str) -> Duration {
        self.lists.get(user_id).map_or(SHORTEST, |list| list.pause)
    }

    /// The cached list up to this age.
    pub(super) fn cached(&self, user_id: &str, up_to: Duration) -> Option<Accounts> {
        let list = self.lists.get(user_id)?;
        (list.read_at.elapsed() < up_to).then_some(list.accounts)
    }
}

impl Ages {
    pub(super) fn of_lists(&self) -> Duration {
        self.cache.min(LONGEST)
    }
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("lists", &self.lists.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tm_a11_lists_of_ever_new_users_stay_within_the_bytes() {
        let connected = Connected::new(10_000, 64 * 1024);
        for number in 0..2_000 {
            let account = ConnectedAccount::new(format!("cac_{number}"), "google-oauth2");
            connected.keep(format!("auth0|{number}").into(), Arc::from([account]), Instant::now());
        }
        let size = |list: &List| list.accounts.iter().map(ConnectedAccount::size).sum::<usize>();
        let held: usize = connected.lists.iter().map(|(user, list)| user.len() + size(&list)).sum();
        assert!(held > 0 && held <= 64 * 1024, "{held} bytes");
    }
}
