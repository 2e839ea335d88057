//! What the parts of one connection share: running requests, the refused head, stalled answers, floods.

use super::wire::Fault;
use futures_util::task::AtomicWaker;
use http::HeaderValue;
use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// A head that the guard refused.
#[derive(Clone, Debug)]
pub(crate) struct RefusedHead {
    pub(crate) fault: Fault,
    /// Its `Origin`, as far as the head was read: the page that sent it may read the refusal.
    pub(crate) origin: Option<HeaderValue>,
}

/// What the guard, the driver and the requests of one connection tell each other.
#[derive(Debug, Default)]
pub(crate) struct ConnState {
    active: AtomicUsize,
    quiet: AtomicWaker,
    served: AtomicU64,
    refused: OnceLock<(u64, RefusedHead)>,
    flooded: AtomicBool,
    flood: Notify,
    streams: Mutex<Vec<Weak<Progress>>>,
}

/// A running request; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Active(Arc<ConnState>);

impl Drop for Active {
    fn drop(&mut self) {
        if self.0.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            // From now on the connection is idle, and the guard has to start its clock.
            self.0.quiet.wake();
        }
    }
}

impl ConnState {
    /// Running requests.
    pub(crate) fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// Whether no request is running; when one is, the waker is woken at its end.
    pub(crate) fn is_quiet(&self, waker: &Waker) -> bool {
        self.quiet.register(waker);
        self.active.load(Ordering::Acquire) == 0
    }

    /// Starts a request.
    pub(crate) fn enter(self: &Arc<Self>) -> Active {
        self.active.fetch_add(1, Ordering::Relaxed);
        Active(Arc::clone(self))
    }

    /// The head with that number is refused; it is the connection's last.
    pub(crate) fn refuse(&self, number: u64, refused: RefusedHead) {
        let _ = self.refused.set((number, refused));
    }

    /// The next request's number, and the refusal it stands in for.
    pub(crate) fn next(&self) -> Option<RefusedHead> {
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        self.refused.get().filter(|(refused, _)| *refused == number).map(|(_, refused)| refused.clone())
    }

    /// The peer floods us with control frames.
    pub(crate) fn flooded(&self) {
        if !self.flooded.swap(true, Ordering::Relaxed) {
            self.flood.notify_one();
        }
    }

    /// Waits until the peer floods us with control frames.
    pub(crate) fn flood_reported(&self) -> impl Future<Output = ()> + '_ {
        self.flood.notified()
    }

    /// Counts a request of an HTTP/2 connection.
    pub(crate) fn count_request(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Watches an answer's body for a reader that stalls.
    pub(crate) fn watch(&self) -> Arc<Progress> {
        let progress = Arc::new(Progress(Mutex::new(None)));
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() >= 64 {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        streams.push(Arc::downgrade(&progress));
        progress
    }

    /// The longest time for which an answer of this connection was not read.
    pub(crate) fn longest_stall(&self) -> Duration {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| stream.strong_count() > 0);
        streams.iter().filter_map(Weak::upgrade).map(|stream| stream.stalled_for()).max().unwrap_or_default()
    }
}

/// When an HTTP/2 answer's body last handed a frame out without having been asked again.
#[derive(Debug)]
pub(crate) struct Progress(Mutex<Option<Instant>>);

impl Progress {
    /// The body was polled; `handed` says whether it gave a frame.
    pub(crate) fn mark(&self, handed: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = handed.then(Instant::now);
    }

    fn stalled_for(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map_or(Duration::ZERO, |since| since.elapsed())
    }
}
