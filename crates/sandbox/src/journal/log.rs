//! The journal: every request any server of the sandbox saw, and what became of its answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::request::Parts;
use tokio::sync::watch;

use super::entry::{Arrival, Ended, Entry};
use crate::kinds::Server;

/// Nothing that matched came in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{seen} of {wanted} awaited requests came within {} s", WAIT_LIMIT.as_secs())]
pub struct NotSeen {
    seen: usize,
    wanted: usize,
}

/// How long the waiting methods wait: far beyond what a healthy test needs.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// A cheap handle on everything the sandbox's servers saw.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    changed: watch::Sender<u64>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Arc<Entry>>,
    next: u64,
}

impl Journal {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Shared { log: Mutex::default(), changed: watch::Sender::new(0), capacity }))
    }

    pub(crate) fn record(&self, arrival: &Arrival, parts: &Parts) -> Arc<Entry> {
        let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Arc::new(Entry::new(log.next, arrival, parts));
        log.next += 1;
        if log.entries.len() == self.0.capacity {
            log.entries.pop_front();
        }
        log.entries.push_back(Arc::clone(&entry));
        drop(log);
        self.touch();
        entry
    }

    pub(crate) fn touch(&self) {
        self.0.changed.send_modify(|version| *version += 1);
    }

    /// Everything seen so far and not cleared, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).entries.iter().cloned().collect()
    }

    /// What `server` saw, oldest first.
    #[must_use]
    pub fn of(&self, server: Server) -> Vec<Arc<Entry>> {
        self.matching(|entry| entry.server() == server)
    }

    /// The entries `wanted` accepts, oldest first.
    pub fn matching(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.entries.iter().filter(|entry| wanted(entry)).cloned().collect()
    }

    /// How many requests `wanted` accepts.
    pub fn count(&self, wanted: impl Fn(&Entry) -> bool) -> usize {
        self.0
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
            .iter()
            .filter(|entry| wanted(entry))
            .count()
    }

    /// How many requests `server` saw on paths that start with `prefix`.
    #[must_use]
    pub fn count_of(&self, server: Server, prefix: &str) -> usize {
        self.count(|entry| entry.server() == server && entry.path().starts_with(prefix))
    }

    /// The newest request to `server`.
    #[must_use]
    pub fn last(&self, server: Server) -> Option<Arc<Entry>> {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.entries.iter().rev().find(|entry| entry.server() == server).cloned()
    }

    /// Forgets everything seen so far. Numbers go on counting.
    pub fn clear(&self) {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).entries.clear();
    }

    /// Waits until `count` entries satisfy `wanted`, those already seen included, and returns them.
    /// `wanted` is asked again as answers go out, so it may look at [`Entry::status`] and [`Entry::ended`].
    ///
    /// # Errors
    /// When that does not happen within half a minute of real time.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&Entry) -> bool,
        count: usize,
    ) -> Result<Vec<Arc<Entry>>, NotSeen> {
        let mut changes = self.0.changed.subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let found = self.matching(&wanted);
                if found.len() >= count {
                    return found;
                }
                // The sender lives as long as `self`: this cannot fail.
                let _ = changes.changed().await;
            }
        };
        match tokio::time::timeout(WAIT_LIMIT, waiting).await {
            Ok(found) => Ok(found),
            Err(_) => Err(NotSeen { seen: self.count(&wanted), wanted: count }),
        }
    }

    /// Waits until this exchange is over and says how it ended.
    ///
    /// # Errors
    /// When that does not happen within half a minute of real time.
    pub async fn ended(&self, entry: &Entry) -> Result<Ended, NotSeen> {
        let found =
            self.wait_for(|seen| seen.number() == entry.number() && seen.ended().is_some(), 1).await?;
        found.first().and_then(|entry| entry.ended()).ok_or(NotSeen { seen: 0, wanted: 1 })
    }
}
