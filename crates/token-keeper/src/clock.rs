use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// The wall clock, handed in so that tests can move it. Cheap to clone.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// let clock = token_keeper::Clock::new(|| SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock that shows what `now` returns.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// A clock that shows the system's time now and from then on moves with Tokio's clock, which tests pause and advance.
    #[must_use]
    pub fn following_tokio() -> Self {
        let (wall, start) = (SystemTime::now(), Instant::now());
        Self::new(move || wall + start.elapsed())
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system's clock.
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
