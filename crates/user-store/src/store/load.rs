//! Look-ups and what is kept of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use mgmt_auth::Priority;
use quick_cache::{Weighter, sync::Cache};
use token_keeper::{Clock, SingleFlight};
use tokio::time::Instant;

use super::connected::Connected;
use crate::{
    Directory, Error, User,
    names::Names,
    record::{Ages, Phase, Record},
    shared::SharedRecords,
};

pub(crate) type Loaded = Result<Arc<Record>, Error>;

/// How long a user whose record is too large is not asked for again.
const TOO_LARGE_PAUSE: Duration = Duration::from_secs(60);
/// How often records that serve no more are dropped.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

pub(crate) struct Inner {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) shared: Option<SharedRecords>,
    pub(crate) ages: Ages,
    pub(crate) priority: Priority,
    pub(crate) records: Cache<Arc<str>, Arc<Record>, BySize>,
    /// Users without a record. A cache of its own, so that unknown ids cannot push out known users.
    pub(crate) negatives: Cache<Arc<str>, Negative>,
    pub(crate) connected: Connected,
    /// Shared copies older than this were forgotten here.
    pub(crate) forgotten: Cache<Arc<str>, SystemTime>,
    pub(crate) all_forgotten: Mutex<Option<SystemTime>>,
    pub(crate) names: Names,
    pub(crate) clock: Clock,
    pub(crate) swept: Mutex<Instant>,
    pub(crate) loads: SingleFlight<Arc<str>, Loaded>,
}

/// The error of a look-up, and until when it is the answer.
#[derive(Clone)]
pub(crate) struct Negative {
    error: Error,
    until: Instant,
}

/// Weighs records by their bytes, and no record less than its share of the capacity: this bounds bytes and number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BySize {
    pub(crate) least: u64,
}

impl Weighter<Arc<str>, Arc<Record>> for BySize {
    fn weight(&self, _: &Arc<str>, record: &Arc<Record>) -> u64 {
        (record.size() as u64).max(self.least)
    }
}

/// What a look-up has to bring.
#[derive(Clone, Copy)]
pub(super) struct Order {
    pub(super) priority: Priority,
    /// No caller waits: only something better than the cached record counts.
    pub(super) in_background: bool,
    /// The caller token's time of issue.
    pub(super) than: Option<SystemTime>,
    /// Shared copies count only when read after this.
    pub(super) after: Option<SystemTime>,
}

impl Order {
    pub(super) fn by(priority: Priority) -> Self {
        Self { priority, in_background: false, than: None, after: None }
    }
}

impl Inner {
    /// The error that a recent look-up ended with, if it still is the answer.
    pub(super) fn negative(&self, user_id: &str) -> Option<Error> {
        let negative = self.negatives.get(user_id)?;
        let left = negative.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        Some(if negative.error.is_not_found() {
            negative.error
        } else {
            negative.error.with_retry_after(left)
        })
    }

    /// The shared copy if it will do, else Auth0's.
    pub(super) async fn look_up(&self, user_id: &str, order: Order) -> Loaded {
        let (born, started) = (Instant::now(), self.clock.now());
        let mut copy = None;
        if let Some(shared) = &self.shared
            && let Some(user) = shared.load(user_id).await
            && let Some(record) = self.adopt(user, order, born, started)
        {
            match record.phase(born, &self.ages) {
                Phase::Fresh => return Ok(Arc::new(record)),
                // A waiting caller takes it and has it renewed in the background; a renewal wants better.
                Phase::Renew if !order.in_background => return Ok(Arc::new(record)),
                Phase::Excused => copy = Some(record),
                Phase::Renew | Phase::Over => {}
            }
        }
        let mut user = match self.directory.user(user_id, order.priority).await {
            Ok(user) => user,
            // The fleet's record serves like this process's: while the tenant has nothing better.
            Err(error) => match copy.filter(|_| error.excuses_stale() && order.after.is_none()) {
                Some(copy) => {
                    copy.reload_failed(Instant::now(), &error);
                    return Ok(Arc::new(copy));
                }
                None => return Err(error),
            },
        };
        if user.user_id() != user_id {
            return Err(Error::mismatch());
        }
        // A record without tokens is of no use to a process that may see them.
        if let Some(shared) = self.shared.as_ref().filter(|_| !user.tokens_withheld()) {
            shared.store(&user, self.ages.stale).await;
        }
        user.share_names(&self.names);
        // The token that caused this look-up was issued before it, whatever the two clocks say.
        let as_of = order.than.map_or(started, |than| than.max(started));
        Ok(Arc::new(Record::new(Arc::new(user), born, as_of, &self.ages)))
    }

    /// A shared copy as a record, if it is new enough. How old it may be is for the caller.
    fn adopt(&self, mut user: User, order: Order, now: Instant, wall: SystemTime) -> Option<Record> {
        let fetched_at = user.fetched_at();
        let forgotten = self.forgotten.get(user.user_id()).into_iter();
        let all_forgotten = *self.all_forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let floor = forgotten.chain(all_forgotten).chain(order.after).max();
        let too_old = floor.is_some_and(|floor| fetched_at <= floor)
            || order.than.is_some_and(|than| order.after.is_some() && fetched_at < than);
        // A copy from the future (clocks differ) counts as just read.
        let age = wall.duration_since(fetched_at).unwrap_or(Duration::ZERO);
        if too_old {
            return None;
        }
        let born = now.checked_sub(age)?;
        user.share_names(&self.names);
        let record = Record::new(Arc::new(user), born, fetched_at, &self.ages);
        (order.after.is_none() || record.phase(now, &self.ages) == Phase::Fresh).then_some(record)
    }

    /// Keeps the result of a load. Failures never replace a record, except that the user does not exist.
    pub(super) fn commit(&self, key: Arc<str>, loaded: &Loaded) {
        let (old, now) = (self.records.peek(&*key), Instant::now());
        match loaded {
            Ok(record) => {
                if let Some(old) = old {
                    record.succeed(&old);
                }
                self.negatives.remove(&*key);
                // The record's own copy of the id is the key: the caller's is not kept.
                self.records.insert(record.user.user_id.clone(), record.clone());
                self.sweep(now);
            }
            Err(error) if error.is_not_found() => {
                self.records.remove(&*key);
                self.negatives
                    .insert(key, Negative { error: error.clone(), until: now + self.ages.negative });
            }
            Err(error) => {
                if let Some(old) = old {
                    old.reload_failed(now, error);
                }
                if error.is_too_large() {
                    let negative = Negative { error: error.clone(), until: now + TOO_LARGE_PAUSE };
                    self.negatives.insert(key, negative);
                }
            }
        }
    }

    /// Drops the records that serve no more; they hold tokens.
    fn sweep(&self, now: Instant) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(*swept) < SWEEP_EVERY {
            return;
        }
        *swept = now;
        drop(swept);
        self.records.retain(|_, record| record.phase(now, &self.ages) != Phase::Over);
        self.negatives.retain(|_, negative| negative.until > now);
    }
}
