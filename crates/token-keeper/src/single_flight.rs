//! One load per key, in a task of its own: it continues when the caller that started it goes away.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// The loads in progress, by key. It stores no values: where a value is kept, and for how long, is the caller's
/// decision. Clones share the loads.
///
/// ```
/// use token_keeper::{Flight, SingleFlight};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let loads: SingleFlight<&str, u32> = SingleFlight::new();
/// let value = match loads.join_or_start(&"key", || None, || async { 7 }, |_| ()) {
///     Flight::Cached(value) => Some(value),
///     Flight::Started(pending) | Flight::Joined(pending) => pending.wait().await,
/// };
/// assert_eq!(value, Some(7));
/// # }
/// ```
#[derive(Debug)]
pub struct SingleFlight<K, T> {
    loads: Arc<Mutex<Loads<K, T>>>,
}

#[derive(Debug)]
struct Loads<K, T> {
    by_key: HashMap<K, (u64, Pending<T>)>,
    last_number: u64,
}

/// How a caller gets its value from [`SingleFlight::join_or_start`].
#[derive(Debug)]
pub enum Flight<T> {
    /// A load is not needed: the value is cached.
    Cached(T),
    /// The caller's own load, just started.
    Started(Pending<T>),
    /// A load that another caller started.
    Joined(Pending<T>),
}

/// The result of a load in progress. Dropping it does not stop the load.
#[derive(Clone, Debug)]
pub struct Pending<T>(watch::Receiver<Option<T>>);

impl<T: Clone> Pending<T> {
    /// Waits for the load. `None`: its task panicked, or the runtime it ran on shut down.
    pub async fn wait(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|value| value.clone())
    }
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self { loads: Arc::new(Mutex::new(Loads { by_key: HashMap::new(), last_number: 0 })) }
    }
}

impl<K, T> Clone for SingleFlight<K, T> {
    fn clone(&self) -> Self {
        Self { loads: self.loads.clone() }
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Without any load in progress.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins the load of `key`, or starts one.
    ///
    /// If no load is in progress, `cached` is asked first, under the lock under which finished loads are committed: no
    /// caller starts a load whose result has just arrived. `commit` stores the value, unless the load was
    /// [discarded](Self::discard) meanwhile. It runs under the lock, so it must not block and must not call back.
    ///
    /// The load runs in a spawned task, outside of the current span; give it a span with `tracing::Instrument`. Needs a
    /// Tokio runtime.
    pub fn join_or_start<F>(
        &self,
        key: &K,
        cached: impl FnOnce() -> Option<T>,
        load: impl FnOnce() -> F,
        commit: impl FnOnce(&T) + Send + 'static,
    ) -> Flight<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut loads = lock(&self.loads);
        if let Some((_, pending)) = loads.by_key.get(key) {
            return Flight::Joined(pending.clone());
        }
        if let Some(value) = cached() {
            return Flight::Cached(value);
        }
        loads.last_number += 1;
        let number = loads.last_number;
        let (result, pending) = watch::channel(None);
        let pending = Pending(pending);
        loads.by_key.insert(key.clone(), (number, pending.clone()));
        drop(loads);
        let entry = Entry { loads: self.loads.clone(), key: key.clone(), number };
        let load = load();
        tokio::spawn(async move {
            let value = load.await;
            entry.finish(|| commit(&value));
            result.send_replace(Some(value));
        });
        Flight::Started(pending)
    }

    /// The load of `key`, if one is in progress.
    #[must_use]
    pub fn pending(&self, key: &K) -> Option<Pending<T>> {
        lock(&self.loads).by_key.get(key).map(|(_, pending)| pending.clone())
    }

    /// Discards the load of `key`: its callers get their answer, nothing of it is committed, and the next caller
    /// starts a new one.
    pub fn discard(&self, key: &K) {
        lock(&self.loads).by_key.remove(key);
    }

    /// Discards all loads whose key matches.
    pub fn discard_matching(&self, matches: impl Fn(&K) -> bool) {
        lock(&self.loads).by_key.retain(|key, _| !matches(key));
    }
}

/// A load's entry in the table; removed when the task ends, in whatever way.
struct Entry<K: Eq + Hash, T> {
    loads: Arc<Mutex<Loads<K, T>>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, T> Entry<K, T> {
    /// Removes the entry, and commits unless the load was discarded.
    fn finish(self, commit: impl FnOnce()) {
        let mut loads = lock(&self.loads);
        if self.remove_from(&mut loads) {
            commit();
        }
        drop(loads);
    }

    fn remove_from(&self, loads: &mut Loads<K, T>) -> bool {
        let current = loads.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number);
        if current {
            loads.by_key.remove(&self.key);
        }
        current
    }
}

impl<K: Eq + Hash, T> Drop for Entry<K, T> {
    fn drop(&mut self) {
        let loads = self.loads.clone();
        self.remove_from(&mut lock(&loads));
    }
}

fn lock<K, T>(loads: &Mutex<Loads<K, T>>) -> MutexGuard<'_, Loads<K, T>> {
    loads.lock().unwrap_or_else(PoisonError::into_inner)
}
