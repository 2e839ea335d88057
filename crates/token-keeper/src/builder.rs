use crate::backoff::Backoff;
use crate::keeper::Keeper;
use crate::load::Load;
use std::time::Duration;

/// The settings of a [`Keeper`].
///
/// ```
/// use std::time::Duration;
/// use token_keeper::{FailedLoad, FromFn, Keeper, Loaded, Window};
///
/// let source = FromFn::new(|| async {
///     Ok::<_, FailedLoad>(Loaded::new("value", Window::new(Duration::from_secs(48), Duration::from_secs(60))))
/// });
/// let keeper = Keeper::builder(source)
///     .name("session")
///     .load_timeout(Duration::from_secs(5))
///     .backoff(Duration::from_secs(1), Duration::from_secs(60))
///     .build();
/// ```
#[derive(Debug)]
pub struct KeeperBuilder<L> {
    pub(crate) load: L,
    pub(crate) name: &'static str,
    pub(crate) backoff: Backoff,
    pub(crate) load_timeout: Duration,
    pub(crate) longest_retry_after: Duration,
}

impl<L: Load> KeeperBuilder<L> {
    pub(crate) fn new(load: L) -> Self {
        let backoff = Backoff { min: Duration::from_millis(500), max: Duration::from_secs(60) };
        let (load_timeout, longest_retry_after) = (Duration::from_secs(30), Duration::from_secs(3600));
        Self { load, name: "value", backoff, load_timeout, longest_retry_after }
    }

    /// What is kept, for spans: one word of a closed set. Default `value`.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Shortest and longest pause after failed loads. Default 500 ms and 60 s. The pause doubles with each failure; its
    /// upper half is random, so that replicas do not retry in step.
    #[must_use]
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.backoff = Backoff { min, max: max.max(min) };
        self
    }

    /// How long one load may take before it counts as failed. Default 30 s.
    #[must_use]
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = timeout;
        self
    }

    /// The longest [`LoadError::retry_after`](crate::LoadError::retry_after) that is honoured. Default one hour.
    #[must_use]
    pub fn longest_retry_after(mut self, longest: Duration) -> Self {
        self.longest_retry_after = longest;
        self
    }

    /// Builds the keeper. Nothing is loaded and nothing is spawned until the first call.
    #[must_use]
    pub fn build(self) -> Keeper<L> {
        Keeper::from_builder(self)
    }
}
