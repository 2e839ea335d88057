//! A cached record and how old it may get. Time is Tokio's, so that tests can drive it.

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
/// The longest pause between two attempts to reload a record in use.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What a record is good for at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Serves.
    Fresh,
    /// Serves, and is renewed behind.
    Renew,
    /// Serves only if a reload fails through no fault but the tenant's.
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
    /// The age from which it is renewed behind: 80 % of `cache_ttl` and a little, so that users who came together
    /// do not come back together.
    renew_from: Duration,
    /// Caller tokens issued up to this time are no reason for a re-read.
    pub(crate) as_of: SystemTime,
    notes: Mutex<Notes>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Notes {
    /// The last re-read that a newer caller token caused; carried over to successors.
    newer_read: Option<Instant>,
    failures: u32,
    /// No new attempt to reload before this.
    pause_until: Option<Instant>,
    /// The last attempt failed through the tenant's fault.
    excused: bool,
}

impl Record {
    pub(crate) fn new(user: Arc<User>, born: Instant, as_of: SystemTime, ages: &Ages) -> Self {
        let renew_from = ages.cache.mul_f64(0.8 + fastrand::f64() * 0.02);
        Self { user, born, renew_from, as_of, notes: Mutex::default() }
    }

    pub(crate) fn phase(&self, now: Instant, ages: &Ages) -> Phase {
        match now.saturating_duration_since(self.born) {
            age if age < self.renew_from => Phase::Fresh,
            age if age < ages.cache => Phase::Renew,
            age if age < ages.stale => Phase::Excused,
            _ => Phase::Over,
        }
    }

    /// Whether a reload may be tried now, the last one having failed or not.
    pub(crate) fn may_reload(&self, now: Instant) -> bool {
        self.notes().pause_until.is_none_or(|until| until <= now)
    }

    /// Whether it may serve past its time without another attempt: the last one has just failed, and through the
    /// tenant's fault.
    pub(crate) fn is_excused(&self, now: Instant) -> bool {
        let excused = self.notes().excused;
        excused && !self.may_reload(now)
    }

    /// Pauses reloads for a while that grows with each failure.
    pub(crate) fn reload_failed(&self, now: Instant, error: &Error) {
        let mut notes = self.notes();
        let pause = Duration::from_millis(500 * (1 << notes.failures.min(4))).min(MAX_PAUSE);
        let pause = error.retry_after().map_or(pause, |hint| hint.clamp(pause, MAX_PAUSE));
        notes.failures = notes.failures.saturating_add(1);
        notes.excused = error.excuses_stale();
        notes.pause_until = Some(now + pause.mul_f64(0.75 + fastrand::f64() * 0.25));
    }

    /// Takes the one re-read for newer caller tokens that is allowed per user and 60 s.
    pub(crate) fn take_newer_read(&self, now: Instant) -> bool {
        let mut notes = self.notes();
        let allowed = notes.newer_read.is_none_or(|last| now.saturating_duration_since(last) >= NEWER_EVERY);
        if allowed {
            notes.newer_read = Some(now);
        }
        allowed
    }

    /// Takes over what must outlive a reload.
    pub(crate) fn succeed(&self, old: &Record) {
        let newer_read = old.notes().newer_read;
        self.notes().newer_read = newer_read;
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
