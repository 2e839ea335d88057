use crate::builder::KeeperBuilder;
use crate::load::{Load, LoadError, Loaded};
use crate::window::{Age, Window};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::Instrument as _;

type Answer<L> = Result<Arc<<L as Load>::Value>, <L as Load>::Error>;
/// A load's end: with the window, so that who waited can tell whether the value is still good.
type Outcome<L> = Result<Kept<<L as Load>::Value>, <L as Load>::Error>;
type Waiting<L> = watch::Receiver<Option<Outcome<L>>>;

/// Keeps one value fresh. Clones share it.
///
/// A fresh value is answered at once. A stale one is answered at once and renewed behind. Without a usable value all
/// callers wait for the one load there is. A load runs in its own task, so whoever started it may go away.
pub struct Keeper<L: Load> {
    shared: Arc<Shared<L>>,
}

struct Shared<L: Load> {
    settings: KeeperBuilder<L>,
    state: Mutex<State<L>>,
    /// Wakes `keep` when a value came or went, or could not be had.
    changed: Notify,
}

struct State<L: Load> {
    kept: Option<Kept<L::Value>>,
    loading: Option<Waiting<L>>,
    failure: Option<Failure<L::Error>>,
    failures: u32,
}

struct Kept<V> {
    value: Arc<V>,
    window: Window,
    arrived: Instant,
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), window: self.window, arrived: self.arrived }
    }
}

struct Failure<E> {
    error: E,
    quiet_until: Instant,
}

/// A snapshot of a keeper.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The value's age; `None` when there is none.
    pub age: Option<Age>,
    /// How long ago the value's window started.
    pub loaded_ago: Option<Duration>,
    /// How long the value can still be used; zero when there is none.
    pub expires_in: Duration,
    /// Failed loads in a row.
    pub failures: u32,
    /// How long no load will be started, after a failure.
    pub backing_off_for: Option<Duration>,
    /// Whether a load is under way.
    pub loading: bool,
}

impl<L: Load> Keeper<L> {
    /// Starts building a keeper over a source.
    pub fn builder(load: L) -> KeeperBuilder<L> {
        KeeperBuilder::new(load)
    }

    pub(crate) fn from_builder(settings: KeeperBuilder<L>) -> Self {
        let state = State { kept: None, loading: None, failure: None, failures: 0 };
        Self { shared: Arc::new(Shared { settings, state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// The source, as given to the builder.
    #[must_use]
    pub fn loader(&self) -> &L {
        &self.shared.settings.load
    }

    /// The value: now when it is fresh or stale, after the one load when there is none that can be used.
    ///
    /// # Errors
    ///
    /// The load's error. While backing off after a failure the last error is returned at once, without a load, with
    /// the time left ([`LoadError::with_retry_after`]).
    pub async fn get(&self) -> Answer<L> {
        loop {
            let waiting = {
                let mut state = self.shared.lock();
                match state.usable() {
                    Some((value, Age::Fresh)) => return Ok(value),
                    Some((value, _)) => {
                        if state.quiet().is_none() {
                            drop(self.shared.start(&mut state));
                        }
                        return Ok(value);
                    }
                    None => {}
                }
                if let (None, Some(failure)) = (&state.loading, state.quiet()) {
                    let wait = failure.quiet_until.saturating_duration_since(Instant::now());
                    return Err(failure.error.clone().with_retry_after(wait));
                }
                self.shared.start(&mut state)
            };
            if let Some(value) = unexpired(wait::<L>(waiting).await?) {
                return Ok(value);
            }
        }
    }

    /// The value if there is one that can be used, without any load.
    #[must_use]
    pub fn current(&self) -> Option<Arc<L::Value>> {
        self.shared.lock().usable().map(|(value, _)| value)
    }

    /// Joins the load under way, or starts one although the value may be fresh and although a failure is recent.
    /// Whoever calls this bounds how often.
    ///
    /// # Errors
    ///
    /// The load's error; a usable value is kept all the same.
    pub async fn renew(&self) -> Answer<L> {
        loop {
            let waiting = self.shared.start(&mut self.shared.lock());
            if let Some(value) = unexpired(wait::<L>(waiting).await?) {
                return Ok(value);
            }
        }
    }

    /// Waits for the load under way; `None` when there is none. Never starts one.
    pub async fn join(&self) -> Option<Answer<L>> {
        let waiting = self.shared.lock().loading.clone()?;
        Some(wait::<L>(waiting).await.map(|kept| kept.value))
    }

    /// Clears the value if it is still the one that was seen to be refused. Returns whether it was. A newer value stays.
    pub fn reject(&self, seen: &Arc<L::Value>) -> bool {
        let mut state = self.shared.lock();
        let same = state.kept.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.value, seen));
        let old = if same { state.kept.take() } else { None };
        drop(state);
        if old.is_some() {
            self.shared.changed.notify_waiters();
        }
        same
    }

    /// A snapshot for readiness and metrics.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        let kept = state.kept.as_ref();
        Status {
            age: kept.map(|kept| kept.window.age()),
            loaded_ago: kept.map(|kept| kept.window.elapsed()),
            expires_in: kept.map(|kept| kept.window.expires_in()).unwrap_or_default(),
            failures: state.failures,
            backing_off_for: state
                .quiet()
                .map(|failure| failure.quiet_until.saturating_duration_since(Instant::now())),
            loading: state.loading.is_some(),
        }
    }

    /// Keeps the value fresh without requests: loads at once, then ahead of each end of freshness, and after failures
    /// when the back-off is over. Never returns; the application spawns it and drops it.
    pub async fn keep(&self) -> Infallible {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let due = self.shared.lock().due(self.shared.settings.backoff.min);
            if due <= Instant::now() {
                // The failure is in the status and in the event; there is nobody else to tell here.
                let _ = self.renew().await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = changed => {}
            }
        }
    }
}

impl<L: Load> Shared<L> {
    fn lock(&self) -> MutexGuard<'_, State<L>> {
        // Nothing inside the lock can panic half-way; a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the load under way or starts one in a task of its own.
    fn start(self: &Arc<Self>, state: &mut State<L>) -> Waiting<L> {
        if let Some(loading) = &state.loading {
            return loading.clone();
        }
        let (sender, receiver) = watch::channel(None);
        state.loading = Some(receiver.clone());
        let shared = Arc::clone(self);
        // A span of its own, linked by time only: the load outlives the request that happened to start it.
        let span = tracing::info_span!(
            parent: None,
            "keeper.load",
            keeper = self.settings.name,
            outcome = tracing::field::Empty
        );
        let guard = Abandoned { shared: Some(Arc::clone(self)) };
        tokio::spawn(
            async move {
                let loaded =
                    tokio::time::timeout(shared.settings.load_timeout, shared.settings.load.load()).await;
                let outcome = shared.settle(loaded.unwrap_or_else(|_| Err(L::Error::aborted())));
                guard.disarm();
                sender.send_replace(Some(outcome));
                shared.changed.notify_waiters();
            }
            .instrument(span),
        );
        receiver
    }

    fn settle(&self, loaded: Result<Loaded<L::Value>, L::Error>) -> Outcome<L> {
        let arrived = Instant::now();
        // A value past its end on arrival is none at all; kept, it would be asked for again without a pause.
        let loaded = loaded.and_then(|loaded| match loaded.window.age_at(arrived) {
            Age::Expired => Err(L::Error::aborted()),
            _ => Ok(loaded),
        });
        let mut state = self.lock();
        state.loading = None;
        match loaded {
            Ok(loaded) => {
                let kept = Kept { value: Arc::new(loaded.value), window: loaded.window, arrived };
                let old = state.kept.replace(kept.clone());
                state.failure = None;
                state.failures = 0;
                drop(state);
                drop(old);
                // A load that fails may have said why; see the loaders.
                tracing::Span::current().record("outcome", "ok");
                tracing::debug!(keeper = self.settings.name, expires_in = ?loaded.window.expires_in(), "loaded");
                Ok(kept)
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
        let kept = self.kept.as_ref()?;
        let age = kept.window.age();
        (age != Age::Expired).then(|| (Arc::clone(&kept.value), age))
    }

    /// The last failure, while its back-off lasts.
    fn quiet(&self) -> Option<&Failure<L::Error>> {
        self.failure.as_ref().filter(|failure| failure.quiet_until > Instant::now())
    }

    fn fail(&mut self, settings: &KeeperBuilder<L>, error: L::Error) {
        self.failures = self.failures.saturating_add(1);
        let wish = error.retry_after().map(|wish| wish.min(settings.longest_wish));
        let delay = settings.backoff.delay(self.failures, wish, fastrand::f64());
        self.failure = Some(Failure { error, quiet_until: Instant::now() + delay });
    }

    /// When `keep` has to load next. A value that is never fresh is not renewed in a spin.
    fn due(&self, least_pause: Duration) -> Instant {
        let ahead = |kept: &Kept<_>| kept.window.stale_at().max(kept.arrived + least_pause);
        let wanted = self.kept.as_ref().map_or_else(Instant::now, ahead);
        self.failure.as_ref().map_or(wanted, |failure| wanted.max(failure.quiet_until))
    }
}

/// Lets the waiters go when a load ends without an answer: it panicked or its runtime went away.
struct Abandoned<L: Load> {
    shared: Option<Arc<Shared<L>>>,
}

impl<L: Load> Abandoned<L> {
    fn disarm(mut self) {
        self.shared = None;
    }
}

impl<L: Load> Drop for Abandoned<L> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let mut state = shared.lock();
        state.loading = None;
        state.fail(&shared.settings, L::Error::aborted());
        drop(state);
        shared.changed.notify_waiters();
    }
}

/// The value, unless it ended between its arrival and its waiter's turn.
fn unexpired<V>(kept: Kept<V>) -> Option<Arc<V>> {
    (kept.window.age() != Age::Expired).then_some(kept.value)
}

async fn wait<L: Load>(mut waiting: Waiting<L>) -> Outcome<L> {
    match waiting.wait_for(Option::is_some).await {
        Ok(answer) => answer.clone().unwrap_or_else(|| Err(L::Error::aborted())),
        Err(_) => Err(L::Error::aborted()),
    }
}

impl<L: Load> Clone for Keeper<L> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<L: Load> fmt::Debug for Keeper<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("name", &self.shared.settings.name)
            .field("status", &self.status())
            .finish()
    }
}
