use std::time::Duration;
use tokio::time::Instant;

/// The three ages of a kept value.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Age {
    /// Use it.
    Fresh,
    /// Use it, and renew it in the background.
    Stale,
    /// Never use it.
    Expired,
}

/// When a value stops being fresh and when it ends, on Tokio's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    start: Instant,
    stale_at: Instant,
    ends_at: Instant,
}

impl Window {
    /// A window that starts now: fresh for `fresh_for`, usable for `lifetime`. A `fresh_for` beyond the lifetime is cut.
    #[must_use]
    pub fn new(fresh_for: Duration, lifetime: Duration) -> Self {
        Self::since(Instant::now(), fresh_for, lifetime)
    }

    /// A window that started earlier. A value's lifetime counts from before it was asked for, not from its arrival.
    #[must_use]
    pub fn since(start: Instant, fresh_for: Duration, lifetime: Duration) -> Self {
        // A lifetime that the clock cannot express is as good as the longest it can: thirty years.
        const FOREVER: Duration = Duration::from_secs(30 * 365 * 86_400);
        let ends_at = start + lifetime.min(FOREVER);
        Self { start, stale_at: start + fresh_for.min(lifetime).min(FOREVER), ends_at }
    }

    /// The age right now.
    #[must_use]
    pub fn age(&self) -> Age {
        self.age_at(Instant::now())
    }

    /// The age at a given time. The end itself is expired.
    #[must_use]
    pub fn age_at(&self, now: Instant) -> Age {
        if now >= self.ends_at {
            Age::Expired
        } else if now >= self.stale_at {
            Age::Stale
        } else {
            Age::Fresh
        }
    }

    /// How long it can still be used; zero when expired.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.ends_at.saturating_duration_since(Instant::now())
    }

    /// How long ago it started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// When it stops being fresh.
    #[must_use]
    pub fn stale_at(&self) -> Instant {
        self.stale_at
    }

    /// When it ends.
    #[must_use]
    pub fn ends_at(&self) -> Instant {
        self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_window_passes_through_its_ages() {
        let window = Window::new(Duration::from_secs(8), Duration::from_secs(10));
        assert_eq!(window.age(), Age::Fresh);
        tokio::time::advance(Duration::from_secs(8)).await;
        assert_eq!(window.age(), Age::Stale);
        assert_eq!(window.expires_in(), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(window.age(), Age::Expired);
        assert_eq!(window.expires_in(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn absurd_lifetimes_do_not_overflow() {
        let window = Window::new(Duration::MAX, Duration::MAX);
        assert_eq!(window.age(), Age::Fresh);
        assert_eq!(Window::new(Duration::MAX, Duration::ZERO).age(), Age::Expired);
    }
}
