use crate::builder::KeeperBuilder;
use crate::from_fn::FromFn;
use crate::load::{Load, LoadError, Loaded};
use crate::single_flight::{Flight, Pending, SingleFlight};
use crate::window::{Age, Window};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::Instrument as _;

type Answer<L> = Result<Arc<<L as Load>::Value>, <L as Load>::Error>;
/// A load's result, with the window: a caller that waited can tell whether the value is still good.
type LoadResult<L> = Result<Current<<L as Load>::Value>, <L as Load>::Error>;

/// Keeps one value fresh. Clones share it.
///
/// A fresh value is returned at once. A stale value is returned at once and renewed in the background. Without a usable
/// value all callers wait for the same load. A load runs in its own task, so the caller that started it may go away.
///
/// ```
/// use std::time::Duration;
/// use token_keeper::{BearerToken, FailedLoad, Keeper, Loaded, Window};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), FailedLoad> {
/// let keeper = Keeper::from_fn(|| async {
///     let token = BearerToken::new("eyJhbGciOi").map_err(FailedLoad::new)?;
///     Ok(Loaded::new(token, Window::new(Duration::from_secs(2880), Duration::from_secs(3600))))
/// });
/// let token = keeper.get().await?;
/// // The API answered 401: the next caller gets another token.
/// assert!(keeper.reject(&token));
/// assert!(keeper.current().is_none());
/// # Ok(())
/// # }
/// ```
pub struct Keeper<L: Load> {
    inner: Arc<Inner<L>>,
}

struct Inner<L: Load> {
    settings: KeeperBuilder<L>,
    state: Mutex<State<L>>,
    /// Locked before `state`, never after it.
    loads: SingleFlight<(), LoadResult<L>>,
    /// Wakes `keep` when a value was loaded or rejected, or a load failed.
    changed: Notify,
}

struct State<L: Load> {
    current: Option<Current<L::Value>>,
    failure: Option<Failure<L::Error>>,
    failures: u32,
}

struct Current<V> {
    value: Arc<V>,
    window: Window,
    arrived: Instant,
}

impl<V> Clone for Current<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), window: self.window, arrived: self.arrived }
    }
}

struct Failure<E> {
    error: E,
    retry_at: Instant,
}

/// A snapshot of a keeper.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The value's age; `None` when there is no value.
    pub age: Option<Age>,
    /// How long ago the value's window started.
    pub loaded_ago: Option<Duration>,
    /// How long the value can still be used; zero when there is no value.
    pub expires_in: Duration,
    /// Failed loads in a row.
    pub failures: u32,
    /// How long no load will be started, after a failure.
    pub backing_off_for: Option<Duration>,
    /// Whether a load is in progress.
    pub loading: bool,
}

impl<V, E> Keeper<FromFn<V, E>>
where
    V: Send + Sync + 'static,
    E: LoadError,
{
    /// A keeper with default settings over a function that loads the value. For other settings give
    /// [`FromFn::new`] to [`Keeper::builder`].
    pub fn from_fn<F, Fut>(load: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send + 'static,
    {
        Self::builder(FromFn::new(load)).build()
    }
}

impl<L: Load> Keeper<L> {
    /// Starts building a keeper over a source.
    pub fn builder(load: L) -> KeeperBuilder<L> {
        KeeperBuilder::new(load)
    }

    pub(crate) fn from_builder(settings: KeeperBuilder<L>) -> Self {
        let state = Mutex::new(State { current: None, failure: None, failures: 0 });
        let (loads, changed) = (SingleFlight::new(), Notify::new());
        Self { inner: Arc::new(Inner { settings, state, loads, changed }) }
    }

    /// The source, as given to the builder.
    #[must_use]
    pub fn loader(&self) -> &L {
        &self.inner.settings.load
    }

    /// The value: at once when it is fresh or stale; after a load when there is no usable value.
    ///
    /// # Errors
    ///
    /// The load's error. During the back-off after a failure the last error is returned at once, without a load, with
    /// the time left ([`LoadError::with_retry_after`]).
    pub async fn get(&self) -> Answer<L> {
        let usable = self.inner.lock().usable();
        match usable {
            Some((value, Age::Fresh)) => Ok(value),
            Some((value, _)) => {
                drop(self.inner.join_or_start(State::no_reason_to_renew));
                Ok(value)
            }
            None => self.wait_for_load(State::answer).await,
        }
    }

    /// The value if a usable one is there, without any load.
    #[must_use]
    pub fn current(&self) -> Option<Arc<L::Value>> {
        self.inner.lock().usable().map(|(value, _)| value)
    }

    /// Joins the load in progress, or starts one although the value may be fresh and although a failure is recent.
    /// The caller has to limit how often.
    ///
    /// # Errors
    ///
    /// The load's error; a usable value stays.
    pub async fn renew(&self) -> Answer<L> {
        self.wait_for_load(|_| None).await
    }

    /// Waits for the load in progress; `None` when there is none. Never starts one.
    pub async fn join(&self) -> Option<Answer<L>> {
        let outcome = self.inner.loads.pending(&())?.wait().await;
        Some(outcome.unwrap_or_else(|| Err(L::Error::aborted())).map(|current| current.value))
    }

    /// Removes the value if it is still the refused one. Returns whether it was. A newer value stays.
    pub fn reject(&self, refused: &Arc<L::Value>) -> bool {
        let mut state = self.inner.lock();
        let same = state.current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.value, refused));
        let old = if same { state.current.take() } else { None };
        drop(state);
        if old.is_some() {
            self.inner.changed.notify_waiters();
        }
        same
    }

    /// A snapshot for readiness and metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        let loading = self.inner.loads.pending(&()).is_some();
        let state = self.inner.lock();
        let current = state.current.as_ref();
        Status {
            age: current.map(|current| current.window.age()),
            loaded_ago: current.map(|current| current.window.elapsed()),
            expires_in: current.map(|current| current.window.expires_in()).unwrap_or_default(),
            failures: state.failures,
            backing_off_for: state.backing_off().map(Failure::wait),
            loading,
        }
    }

    /// Keeps the value fresh without requests: loads at once, then ahead of each end of freshness, and after failures
    /// when the back-off is over. Never returns; the application spawns it and drops it.
    pub async fn keep(&self) -> Infallible {
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let due = self.inner.lock().due(self.inner.settings.backoff.min);
            if due <= Instant::now() {
                // The failure is in the status and in the event; there is no caller to tell.
                let _ = self.renew().await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = changed => {}
            }
        }
    }

    /// Waits for the load in progress or a new one, unless `cached` has an answer.
    async fn wait_for_load(&self, cached: impl Fn(&State<L>) -> Option<LoadResult<L>>) -> Answer<L> {
        let mut lost = false;
        loop {
            let outcome = match self.inner.join_or_start(&cached) {
                Flight::Cached(outcome) => Some(outcome),
                Flight::Started(load) | Flight::Joined(load) => Pending::wait(load).await,
            };
            match outcome {
                Some(outcome) => {
                    if let Some(value) = unexpired(outcome?) {
                        return Ok(value);
                    }
                }
                // The load may have run on another runtime, which shut down; this one can start its own.
                None if !lost => lost = true,
                None => return Err(L::Error::aborted()),
            }
        }
    }
}

impl<L: Load> Inner<L> {
    fn lock(&self) -> MutexGuard<'_, State<L>> {
        // Nothing inside the lock can panic half-way; a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join_or_start(
        self: &Arc<Self>,
        cached: impl FnOnce(&State<L>) -> Option<LoadResult<L>>,
    ) -> Flight<LoadResult<L>> {
        let load = || {
            // A root span: the load outlives the request that happened to start it.
            let span = tracing::info_span!(
                parent: None,
                "keeper.load",
                keeper = self.settings.name,
                outcome = tracing::field::Empty
            );
            Arc::clone(self).load().instrument(span)
        };
        self.loads.join_or_start(&(), || cached(&self.lock()), load, |_| ())
    }

    async fn load(self: Arc<Self>) -> LoadResult<L> {
        let _panic = FailOnPanic(Arc::clone(&self));
        let loaded = tokio::time::timeout(self.settings.load_timeout, self.settings.load.load()).await;
        let outcome = self.settle(loaded.unwrap_or_else(|_| Err(L::Error::aborted())));
        self.changed.notify_waiters();
        outcome
    }

    fn settle(&self, loaded: Result<Loaded<L::Value>, L::Error>) -> LoadResult<L> {
        let arrived = Instant::now();
        // A value past its end on arrival is a failure; stored, it would be loaded again without a pause.
        let loaded = loaded.and_then(|loaded| match loaded.window.age_at(arrived) {
            Age::Expired => Err(L::Error::aborted()),
            _ => Ok(loaded),
        });
        let mut state = self.lock();
        match loaded {
            Ok(loaded) => {
                let current = Current { value: Arc::new(loaded.value), window: loaded.window, arrived };
                let old = state.current.replace(current.clone());
                state.failure = None;
                state.failures = 0;
                drop(state);
                drop(old);
                // A load that fails records its own reason; see the loaders.
                tracing::Span::current().record("outcome", "ok");
                tracing::debug!(keeper = self.settings.name, expires_in = ?loaded.window.expires_in(), "loaded");
                Ok(current)
            }
            Err(error) => {
                state.fail(&self.settings, error.clone());
                tracing::warn!(keeper = self.settings.name, failures = state.failures, "load failed");
                Err(error)
            }
        }
    }
}

impl<L: Load> State<L> {
    /// The value and its age, unless expired.
    fn usable(&self) -> Option<(Arc<L::Value>, Age)> {
        let current = self.current.as_ref()?;
        let age = current.window.age();
        (age != Age::Expired).then(|| (Arc::clone(&current.value), age))
    }

    /// What a caller gets without a load: a usable value, or the last failure while its back-off lasts.
    fn answer(&self) -> Option<LoadResult<L>> {
        let usable = self.current.as_ref().filter(|current| current.window.age() != Age::Expired);
        usable.map(|current| Ok(current.clone())).or_else(|| self.refusal())
    }

    fn no_reason_to_renew(&self) -> Option<LoadResult<L>> {
        let fresh = self.current.as_ref().filter(|current| current.window.age() == Age::Fresh);
        fresh.map(|current| Ok(current.clone())).or_else(|| self.refusal())
    }

    fn refusal(&self) -> Option<LoadResult<L>> {
        self.backing_off().map(|failure| Err(failure.error.clone().with_retry_after(failure.wait())))
    }

    /// The last failure, while its back-off lasts.
    fn backing_off(&self) -> Option<&Failure<L::Error>> {
        self.failure.as_ref().filter(|failure| failure.retry_at > Instant::now())
    }

    fn fail(&mut self, settings: &KeeperBuilder<L>, error: L::Error) {
        self.failures = self.failures.saturating_add(1);
        let hint = error.retry_after().map(|hint| hint.min(settings.longest_retry_after));
        let delay = settings.backoff.delay(self.failures, hint, fastrand::f64());
        self.failure = Some(Failure { error, retry_at: Instant::now() + delay });
    }

    /// When `keep` has to load next. A value that is never fresh is not renewed in a spin.
    fn due(&self, least_pause: Duration) -> Instant {
        let ahead = |current: &Current<_>| current.window.stale_at().max(current.arrived + least_pause);
        let wanted = self.current.as_ref().map_or_else(Instant::now, ahead);
        self.failure.as_ref().map_or(wanted, |failure| wanted.max(failure.retry_at))
    }
}

impl<E> Failure<E> {
    fn wait(&self) -> Duration {
        self.retry_at.saturating_duration_since(Instant::now())
    }
}

/// Counts a load that panics as failed, so that it is not repeated without a pause. A load that its runtime drops is no
/// failure of the source: the next caller starts another at once.
struct FailOnPanic<L: Load>(Arc<Inner<L>>);

impl<L: Load> Drop for FailOnPanic<L> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().fail(&self.0.settings, L::Error::aborted());
            self.0.changed.notify_waiters();
        }
    }
}

/// The value, unless it ended between its arrival and its caller's turn.
fn unexpired<V>(current: Current<V>) -> Option<Arc<V>> {
    (current.window.age() != Age::Expired).then_some(current.value)
}

impl<L: Load> Clone for Keeper<L> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<L: Load> fmt::Debug for Keeper<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("name", &self.inner.settings.name)
            .field("status", &self.status())
            .finish()
    }
}
