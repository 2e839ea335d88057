//! Connected Accounts, cached and read once like users.

mod failures;

use std::{fmt, sync::Arc, time::Duration};

use quick_cache::{Weighter, sync::Cache};
use token_keeper::SingleFlight;
use tokio::time::Instant;

use crate::{ConnectedAccount, Error, record::Ages};
use failures::Failures;

/// How long a list serves at most: a user who has just connected an account wants to see it.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a list serves at least where a caller wants it read anew; doubles to [`LONGEST`] while the list stays the same.
const SHORTEST: Duration = Duration::from_secs(5);

pub(super) type Accounts = Arc<[ConnectedAccount]>;

type Loads = SingleFlight<Arc<str>, Result<Accounts, Error>>;

pub(crate) struct Connected {
    lists: Cache<Arc<str>, List, ByListSize>,
    failures: Failures,
    loads: Loads,
    /// Those for a change: one of the others may have begun before what the user has just done.
    loads_for_change: Loads,
}

/// What a list is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Show,
    /// The user changes something, for the first time as far as is known.
    Change,
    /// The user changes something that has been changed before.
    RepeatedChange,
}

#[derive(Clone)]
struct List {
    accounts: Accounts,
    read_at: Instant,
    /// It was read for a change.
    for_change: bool,
    /// How long it serves a repeated change.
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
        let (loads, loads_for_change) = Default::default();
        Self { lists, failures: Failures::new(capacity), loads, loads_for_change }
    }

    /// Which loads serve this purpose. One for a change serves a list that is shown too.
    pub(super) fn loads(&self, purpose: Purpose, user_id: &Arc<str>) -> &Loads {
        let shown = purpose == Purpose::Show && self.loads_for_change.pending(user_id).is_none();
        if shown { &self.loads } else { &self.loads_for_change }
    }

    /// A load begins: what it brings is newer than what an earlier one brings.
    pub(super) fn begin(&self, purpose: Purpose, user_id: &Arc<str>) {
        if purpose != Purpose::Show {
            self.loads.discard(user_id);
        }
    }

    /// Failures stay: forgetting them would cost Auth0 a read each time.
    pub(super) fn forget(&self, user_id: &Arc<str>) {
        self.loads.discard(user_id);
        self.loads_for_change.discard(user_id);
        self.lists.remove(&**user_id);
    }

    pub(super) fn forget_all(&self) {
        self.loads.discard_matching(|_| true);
        self.loads_for_change.discard_matching(|_| true);
        self.lists.clear();
        self.failures.clear();
    }

    pub(super) fn weight(&self) -> u64 {
        self.lists.weight()
    }

    /// Keeps what a load brought that began at `read_at`.
    pub(super) fn keep(
        &self,
        user_id: Arc<str>,
        read: &Result<Accounts, Error>,
        (purpose, read_at): (Purpose, Instant),
        ages: &Ages,
    ) {
        let accounts = match read {
            Ok(accounts) => accounts.clone(),
            Err(error) => return self.failures.note(user_id, error, ages),
        };
        self.failures.forget(&user_id);
        let same = |old: &List| old.accounts == accounts && purpose != Purpose::Change;
        let pause = match self.lists.get(&*user_id).filter(same) {
            Some(old) => (old.pause * 2).min(LONGEST),
            None => SHORTEST,
        };
        let for_change = purpose != Purpose::Show;
        self.lists.insert(user_id, List { accounts, read_at, for_change, pause });
    }

    /// The answer without a look-up: a list that serves this purpose, or why none can be read just now.
    pub(super) fn answer(
        &self,
        user_id: &str,
        purpose: Purpose,
        ages: &Ages,
    ) -> Option<Result<Accounts, Error>> {
        let list = self.lists.get(user_id);
        let list = list.filter(|list| {
            let age = list.read_at.elapsed();
            match purpose {
                Purpose::Show => age < ages.of_lists(),
                Purpose::Change => list.for_change && age < SHORTEST,
                Purpose::RepeatedChange => age < list.pause,
            }
        });
        list.map(|list| Ok(list.accounts)).or_else(|| self.failures.get(user_id).map(Err))
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
        let ages = Ages { cache: LONGEST, stale: LONGEST, negative: SHORTEST };
        for number in 0..2_000 {
            let account = ConnectedAccount::new(format!("cac_{number}"), "google-oauth2");
            let read = Ok(Arc::from([account]));
            connected.keep(format!("auth0|{number}").into(), &read, (Purpose::Show, Instant::now()), &ages);
        }
        let size = |list: &List| list.accounts.iter().map(ConnectedAccount::size).sum::<usize>();
        let held: usize = connected.lists.iter().map(|(user, list)| user.len() + size(&list)).sum();
        assert!(held > 0 && held <= 64 * 1024, "{held} bytes");
    }
}
