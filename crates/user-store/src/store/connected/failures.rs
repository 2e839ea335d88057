//! Why lists could not be read, remembered so that each request of a user is not one of Auth0's.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{
    Error,
    record::{Ages, pause_after},
};

/// How long nothing is asked after Auth0 has forbidden it to the management client. A scope that the operator grants counts by then.
const FORBIDDEN_FOR: Duration = Duration::from_secs(60);

/// Failures of one user's look-ups, and one of everybody's.
pub(super) struct Failures {
    by_user: Cache<Arc<str>, Failure>,
    forbidden: Mutex<Option<Failure>>,
}

#[derive(Clone)]
struct Failure {
    error: Error,
    until: Instant,
    /// How many there were in a row, this one included.
    count: u32,
}

impl Failure {
    /// The error, while it is the answer.
    fn answer(&self) -> Option<Error> {
        let left = self.until.saturating_duration_since(Instant::now());
        let error = || self.error.clone();
        (!left.is_zero()).then(|| if self.is_brief() { error().with_retry_after(left) } else { error() })
    }

    /// Whether time alone may end it.
    fn is_brief(&self) -> bool {
        !self.error.is_not_found() && !self.error.is_forbidden()
    }
}

impl Failures {
    pub(super) fn new(capacity: usize) -> Self {
        Self { by_user: Cache::new(capacity), forbidden: Mutex::default() }
    }

    pub(super) fn note(&self, user_id: Arc<str>, error: &Error, ages: &Ages) {
        let now = Instant::now();
        let failure = |pause, count| Failure { error: error.clone(), until: now + pause, count };
        if error.is_forbidden() {
            *self.forbidden() = Some(failure(FORBIDDEN_FOR, 1));
            return;
        }
        let before = self.by_user.get(&*user_id).map_or(0, |failure| failure.count);
        let pause = if error.is_not_found() { ages.negative } else { pause_after(before, error) };
        self.by_user.insert(user_id, failure(pause, before.saturating_add(1)));
    }

    pub(super) fn get(&self, user_id: &str) -> Option<Error> {
        let forbidden = self.forbidden().as_ref().and_then(Failure::answer);
        forbidden.or_else(|| self.by_user.get(user_id)?.answer())
    }

    pub(super) fn forget(&self, user_id: &str) {
        self.by_user.remove(user_id);
    }

    pub(super) fn clear(&self) {
        self.by_user.clear();
        *self.forbidden() = None;
    }

    fn forbidden(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
