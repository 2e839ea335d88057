//! A cached record and how old it may get. Time is Tokio's, so that tests can control it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::{Error, User};

/// How long records are good for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// Up to this age a record serves.
    pub(crate) cache: Duration,
    /// Up to this age a record serves while Auth0 cannot answer.
    pub(crate) stale: Duration,
    /// How long a missing user stays missing.
    pub(crate) negative: Duration,
}

/// At most one re-read for newer caller tokens per user in this time.
const NEWER_EVERY: Duration = Duration::from_secs(60);
/// The pause after a re-read for something that the record does not have; doubles while the record stays the same.
const ABSENT_PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// The longest pause between two attempts to reload a record in use.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What a record is good for at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Serves.
    Fresh,
    /// Serves, and is renewed in the background.
    Renew,
    /// Serves only if a reload fails for the tenant's reasons.
    Excused,
    /// Serves no more.
    Over,
}

/// A cached record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) user: Arc<User>,
    /// When its look-up started.
    born: Instant,
    /// Boxed, because few records have any.
    notes: Mutex<Option<Box<Notes>>>,
    /// The age in milliseconds from which it is renewed in the background: 80 % of `cache_ttl` and a little, so that
    /// users who came together are not renewed together.
    renew_from: u32,
    /// By how many milliseconds the caller token that caused the look-up was issued after it, by this machine's clock.
    ahead: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Notes {
    /// The last re-read that a newer caller token caused; carried over to successors.
    newer_read: Option<Instant>,
    /// The last re-read for something absent; carried over to successors.
    absent_read: Option<AbsentRead>,
    failures: u32,
    /// No new attempt to reload before this.
    pause_until: Option<Instant>,
    /// The last attempt failed for the tenant's reasons.
    excused: bool,
}

/// A re-read for something that the record does not have.
#[derive(Clone, Copy, Debug)]
struct AbsentRead {
    at: Instant,
    /// The pause after it, and the one after the next re-read.
    pauses: (Duration, Duration),
}

/// The pause after one more failure: 0.5 s, doubling to 5 s, and a little less so that processes do not try together.
pub(crate) fn pause_after(failures: u32, error: &Error) -> Duration {
    let pause = Duration::from_millis(500 * (1 << failures.min(4))).min(MAX_PAUSE);
    let pause = error.retry_after().map_or(pause, |hint| hint.clamp(pause, MAX_PAUSE));
    pause.mul_f64(0.75 + fastrand::f64() * 0.25)
}

impl Record {
    pub(crate) fn new(user: Arc<User>, born: Instant, as_of: SystemTime, ages: &Ages) -> Self {
        let renew_from = ages.cache.mul_f64(0.8 + fastrand::f64() * 0.02).as_millis();
        let renew_from = u32::try_from(renew_from).unwrap_or(u32::MAX);
        let ahead =
            as_of.duration_since(user.fetched_at()).unwrap_or_default().as_nanos().div_ceil(1_000_000);
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        Self { user, born, renew_from, ahead, notes: Mutex::default() }
    }

    /// Caller tokens issued up to this time are no reason for a re-read.
    pub(crate) fn as_of(&self) -> SystemTime {
        let read_at = self.user.fetched_at();
        read_at.checked_add(Duration::from_millis(self.ahead.into())).unwrap_or(read_at)
    }

    /// The bytes of the smallest record: itself, counters, one and a half places in the cache, and what the allocator rounds up.
    pub(crate) const SMALLEST: usize = 208 + size_of::<Self>() + size_of::<User>();

    /// The bytes of memory it takes in the cache, roughly.
    pub(crate) fn size(&self) -> usize {
        Self::SMALLEST + self.user.size_of_parts()
    }

    pub(crate) fn phase(&self, now: Instant, ages: &Ages) -> Phase {
        match now.saturating_duration_since(self.born) {
            age if age < Duration::from_millis(self.renew_from.into()) => Phase::Fresh,
            age if age < ages.cache => Phase::Renew,
            age if age < ages.stale => Phase::Excused,
            _ => Phase::Over,
        }
    }

    /// Whether a reload may be tried now, whether or not the last one failed.
    pub(crate) fn may_reload(&self, now: Instant) -> bool {
        self.notes(|notes| notes.pause_until.is_none_or(|until| until <= now))
    }

    /// Whether it may serve past its time without another attempt: the last one has just failed, for the tenant's
    /// reasons.
    pub(crate) fn is_excused(&self, now: Instant) -> bool {
        self.notes(|notes| notes.excused) && !self.may_reload(now)
    }

    /// Pauses reloads for a while that grows with each failure.
    pub(crate) fn reload_failed(&self, now: Instant, error: &Error) {
        self.note(|notes| {
            let pause = pause_after(notes.failures, error);
            notes.failures = notes.failures.saturating_add(1);
            notes.excused = error.excuses_stale();
            notes.pause_until = Some(now + pause);
        });
    }

    /// Takes the one re-read for newer caller tokens that is allowed per user and 60 s.
    pub(crate) fn take_newer_read(&self, now: Instant) -> bool {
        self.note(|notes| {
            let allowed =
                notes.newer_read.is_none_or(|last| now.saturating_duration_since(last) >= NEWER_EVERY);
            if allowed {
                notes.newer_read = Some(now);
            }
            allowed
        })
    }

    /// Takes a re-read for something that the record does not have, if its pause is over. The next pause is twice as
    /// long, up to a minute.
    pub(crate) fn take_absent_read(&self, now: Instant) -> bool {
        let (first, longest) = ABSENT_PAUSES;
        self.note(|notes| {
            let pause = match notes.absent_read {
                Some(last) if now.saturating_duration_since(last.at) < last.pauses.0 => return false,
                Some(last) => last.pauses.1,
                None => first,
            };
            notes.absent_read = Some(AbsentRead { at: now, pauses: (pause, (pause * 2).min(longest)) });
            true
        })
    }

    /// Takes over what must outlive a reload. A record that says something new begins with the shortest pause.
    pub(crate) fn succeed(&self, old: &Record) {
        let (newer_read, absent_read) = old.notes(|notes| (notes.newer_read, notes.absent_read));
        if newer_read.is_none() && absent_read.is_none() {
            return;
        }
        let same = self.user.says_the_same(&old.user);
        let anew = |last| AbsentRead { pauses: (ABSENT_PAUSES.0, ABSENT_PAUSES.0), ..last };
        let absent_read = if same { absent_read } else { absent_read.map(anew) };
        self.note(|notes| (notes.newer_read, notes.absent_read) = (newer_read, absent_read));
    }

    fn notes<T>(&self, read: impl FnOnce(Notes) -> T) -> T {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        read(notes.as_deref().copied().unwrap_or_default())
    }

    fn note<T>(&self, change: impl FnOnce(&mut Notes) -> T) -> T {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        change(notes.get_or_insert_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    #[test]
    fn a_record_takes_few_bytes_beside_its_texts() {
        // Sizes that the allocator has, less the counters of an `Arc`.
        assert!(size_of::<Record>() <= 64 - 16 && size_of::<User>() <= 64 - 16);
        assert!(size_of::<Identity>() <= 128);
    }

    #[test]
    fn a_record_counts_as_new_as_the_token_that_caused_it() {
        let fetched_at = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        let user = User::from_json(br#"{"user_id":"auth0|a"}"#, "auth0|a", fetched_at).unwrap();
        let user = Arc::new(user);
        assert_eq!(user.fetched_at(), fetched_at);
        let ages = Ages {
            cache: Duration::from_secs(600),
            stale: Duration::from_secs(600),
            negative: Duration::ZERO,
        };
        let than = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_002);
        for (as_of, next) in [(fetched_at, Duration::from_nanos(1)), (than, Duration::from_secs(1))] {
            let record = Record::new(user.clone(), Instant::now(), as_of, &ages);
            assert!(record.as_of() >= as_of && record.as_of() < as_of + next);
        }
        let earlier = Record::new(user, Instant::now(), SystemTime::UNIX_EPOCH, &ages);
        assert_eq!(earlier.as_of(), fetched_at);
    }
}
