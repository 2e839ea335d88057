//! Times in tokens: whole seconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `at` in seconds since 1970; times before that, which no clock shows, count as 0.
pub(crate) fn seconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, whole)
}

pub(crate) fn whole(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// `None` for times that the system cannot express.
pub(crate) fn system(seconds: i64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}
