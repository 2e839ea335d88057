//! One load per key, in a task of its own: it goes on when the caller that started it hangs up.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use tracing::Instrument;

/// The loads under way, by key. It keeps no values: where they go, and how long they hold, is the caller's business.
#[derive(Debug)]
pub struct Flights<K, T> {
    table: Arc<Mutex<Table<K, T>>>,
}

#[derive(Debug)]
struct Table<K, T> {
    under_way: HashMap<K, (u64, Landing<T>)>,
    serial: u64,
}

/// How a caller got its value, from [`Flights::board`].
#[derive(Debug)]
pub enum Boarding<T> {
    /// The value was there after all.
    There(T),
    /// The caller's load, just started.
    Started(Landing<T>),
    /// Somebody else's load.
    Joined(Landing<T>),
}

/// The end of a load that is under way. Dropping it does not stop the load.
#[derive(Clone, Debug)]
pub struct Landing<T>(watch::Receiver<Option<T>>);

impl<T: Clone> Landing<T> {
    /// Waits for the load. `None`: its task died.
    pub async fn landed(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|value| value.clone())
    }
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { table: Arc::new(Mutex::new(Table { under_way: HashMap::new(), serial: 0 })) }
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// No load is under way.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins the load of `key`, or starts one. `there` is asked first, under the same lock under which finished
    /// loads are committed: nobody starts a load whose result has just arrived. `commit` keeps the value, unless
    /// the load was [abandoned](Self::abandon) meanwhile; it runs under the lock, so it must not block or come back here.
    ///
    /// The load runs in a spawned task, within the current span. Needs a Tokio runtime.
    pub fn board<F>(
        &self,
        key: &K,
        there: impl FnOnce() -> Option<T>,
        load: impl FnOnce() -> F,
        commit: impl FnOnce(&T) + Send + 'static,
    ) -> Boarding<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut table = lock(&self.table);
        if let Some((_, landing)) = table.under_way.get(key) {
            return Boarding::Joined(landing.clone());
        }
        if let Some(value) = there() {
            return Boarding::There(value);
        }
        table.serial += 1;
        let (landed, landing) = watch::channel(None);
        let landing = Landing(landing);
        let serial = table.serial;
        table.under_way.insert(key.clone(), (serial, landing.clone()));
        drop(table);
        let entry = Entry { table: self.table.clone(), key: key.clone(), serial };
        let load = load();
        tokio::spawn(
            async move {
                let value = load.await;
                entry.leave(|| commit(&value));
                landed.send_replace(Some(value));
            }
            .in_current_span(),
        );
        Boarding::Started(landing)
    }

    /// The load of `key`, if one is under way.
    #[must_use]
    pub fn under_way(&self, key: &K) -> Option<Landing<T>> {
        lock(&self.table).under_way.get(key).map(|(_, landing)| landing.clone())
    }

    /// Lets the load of `key` finish for those who wait for it, but keeps nothing of it.
    pub fn abandon(&self, key: &K) {
        lock(&self.table).under_way.remove(key);
    }

    /// The same for all loads that match.
    pub fn abandon_matching(&self, matches: impl Fn(&K) -> bool) {
        lock(&self.table).under_way.retain(|key, _| !matches(key));
    }
}

/// A load's place in the table; given up when the task ends, however it ends.
struct Entry<K: Eq + Hash, T> {
    table: Arc<Mutex<Table<K, T>>>,
    key: K,
    serial: u64,
}

impl<K: Eq + Hash, T> Entry<K, T> {
    /// Gives up the place; `commit` runs if the load still counts.
    fn leave(self, commit: impl FnOnce()) {
        let mut table = lock(&self.table);
        if table.under_way.get(&self.key).is_some_and(|(serial, _)| *serial == self.serial) {
            commit();
            table.under_way.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, T> Drop for Entry<K, T> {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        if table.under_way.get(&self.key).is_some_and(|(serial, _)| *serial == self.serial) {
            table.under_way.remove(&self.key);
        }
    }
}

fn lock<K, T>(table: &Mutex<Table<K, T>>) -> MutexGuard<'_, Table<K, T>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
