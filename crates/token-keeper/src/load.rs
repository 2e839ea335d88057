use crate::Window;
use std::time::Duration;

/// Where a kept value comes from: the one I/O boundary of this crate.
///
/// ```
/// use std::time::Duration;
/// use token_keeper::{FailedLoad, Keeper, Load, Loaded, Window};
///
/// struct Session {
///     url: String,
/// }
///
/// impl Load for Session {
///     type Value = String;
///     type Error = FailedLoad;
///
///     async fn load(&self) -> Result<Loaded<String>, FailedLoad> {
///         let session = format!("a session of {}", self.url); // ask the server here
///         Ok(Loaded::new(session, Window::new(Duration::from_secs(48), Duration::from_secs(60))))
///     }
/// }
///
/// let keeper = Keeper::builder(Session { url: "https://acme.test".into() }).build();
/// ```
pub trait Load: Send + Sync + 'static {
    /// What is kept.
    type Value: Send + Sync + 'static;
    /// Why a load failed.
    type Error: LoadError;

    /// Asks for a new value. Runs in a task of its own, at most one at a time for a keeper.
    fn load(&self) -> impl Future<Output = Result<Loaded<Self::Value>, Self::Error>> + Send;
}

/// A failed load. Every caller that waits for the load gets it, so it must be cheap to clone.
pub trait LoadError: Clone + Send + Sync + 'static {
    /// How long the source asks to be left alone (`Retry-After`), if it says so.
    fn retry_after(&self) -> Option<Duration>;

    /// The error for a load that ended without a usable value: it panicked, timed out, gave a value already past its
    /// end, or its runtime shut down.
    fn aborted() -> Self;

    /// The same error for a caller during the back-off: the next load is `wait` away.
    #[must_use]
    fn with_retry_after(self, wait: Duration) -> Self {
        let _ = wait;
        self
    }
}

/// A value and how long it may be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded<T> {
    /// The value.
    pub value: T,
    /// Its ages.
    pub window: Window,
}

impl<T> Loaded<T> {
    /// Puts a value into its window.
    pub fn new(value: T, window: Window) -> Self {
        Self { value, window }
    }
}
