//! What the parts of one connection share: running requests, the refused head, stalled answers, floods.

use super::wire::Fault;
use crate::room::Share;
use futures_util::task::AtomicWaker;
use http::HeaderValue;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::Instant,
};

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
    overfull: Notify,
    streams: Mutex<Vec<Weak<Progress>>>,
    /// Streams of an HTTP/2 connection that are not finished on the wire.
    open: AtomicUsize,
    /// What their answers hold whose body h2 has taken.
    unsent: Mutex<VecDeque<(Instant, Held)>>,
}

/// What an answer holds until it is sent.
#[derive(Debug)]
pub(crate) enum Held {
    /// A share of the room for answers that are not read.
    Room(#[expect(dead_code, reason = "held")] Share),
    /// There was no room: the place among the running requests, if the request had one.
    Place(#[expect(dead_code, reason = "held")] Option<OwnedSemaphorePermit>),
}

/// Streams that a connection may have open while its answers find neither room nor a place.
const FEW_STREAMS: usize = 8;

/// A running request; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Active(Arc<ConnState>);

impl Active {
    /// There is no room for the request's answer: a connection with several streams is cut.
    pub(crate) fn is_not_bounded(&self) {
        if self.0.open.load(Ordering::Acquire) >= FEW_STREAMS {
            self.0.overfull.notify_one();
        }
    }

    /// h2 has taken the request's answer as a whole, and may hold it for as long as the client does not read.
    pub(crate) fn unsent(&self, held: Held) {
        let mut unsent = self.0.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        unsent.push_back((Instant::now(), held));
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if self.0.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            // From now on the connection is idle, and the guard has to start its clock.
            self.0.quiet.wake();
        }
        self.0.let_go();
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

    /// Waits until an answer finds neither room nor a place, while others of the connection are not sent.
    pub(crate) fn overfull_reported(&self) -> impl Future<Output = ()> + '_ {
        self.overfull.notified()
    }

    /// Counts a request of an HTTP/2 connection.
    pub(crate) fn count_request(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// So many streams are not finished on the wire.
    pub(crate) fn opened(&self, streams: usize) {
        if self.open.swap(streams, Ordering::AcqRel) > streams {
            self.let_go();
        }
    }

    /// Lets go what belongs to streams that are finished: no more can be unsent than streams are open without a running request.
    fn let_go(&self) {
        let unsent = self.open.load(Ordering::Acquire).saturating_sub(self.active());
        let mut held = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = held.len().saturating_sub(unsent);
        held.drain(..finished);
    }

    /// Whether a request is running or an answer is not sent.
    pub(crate) fn is_busy(&self) -> bool {
        self.active() > 0 || self.open.load(Ordering::Acquire) > 0
    }

    /// The longest time for which something has been held that the client does not read.
    pub(crate) fn unread_for(&self) -> Duration {
        let unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = unsent.front().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        drop(unsent);
        oldest.max(self.stalls(Progress::held_for))
    }

    /// Watches an answer's body for a reader that stalls.
    pub(crate) fn watch(&self) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() >= 64 {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        streams.push(Arc::downgrade(&progress));
        progress
    }

    /// The longest time for which an answer of this connection was not read.
    pub(crate) fn longest_stall(&self) -> Duration {
        self.stalls(Progress::stalled_for)
    }

    fn stalls(&self, of: fn(&Progress) -> Duration) -> Duration {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|stream| stream.strong_count() > 0);
        streams.iter().filter_map(Weak::upgrade).map(|stream| of(&stream)).max().unwrap_or_default()
    }
}

/// When an HTTP/2 answer, or a frame of its body, was handed out that the client has not asked to go on from.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    handed: Mutex<Option<Instant>>,
    /// The answer is in memory and takes room until it is read.
    in_memory: AtomicBool,
}

impl Progress {
    /// The answer was handed out, or its body was polled; `handed` says whether there is something to read.
    pub(crate) fn mark(&self, handed: bool) {
        *self.handed.lock().unwrap_or_else(PoisonError::into_inner) = handed.then(Instant::now);
    }

    /// The answer takes room until it is read.
    pub(crate) fn mark_in_memory(&self) {
        self.in_memory.store(true, Ordering::Relaxed);
    }

    fn stalled_for(&self) -> Duration {
        let handed = *self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        handed.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn held_for(&self) -> Duration {
        if self.in_memory.load(Ordering::Relaxed) { self.stalled_for() } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    fn held(room: &Room) -> Held {
        let mut share = room.share();
        assert!(share.grow(4096));
        Held::Room(share)
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a15_an_answer_that_h2_holds_takes_room_until_its_stream_is_finished() {
        let (state, room) = (Arc::new(ConnState::default()), Room::new(16 * 1024));
        let mut requests: Vec<Active> = (0..3).map(|_| state.enter()).collect();
        state.opened(3);
        for _ in 0..2 {
            let request = requests.pop().unwrap();
            request.unsent(held(&room));
        }
        assert!(!room.share().grow(10 * 1024), "two answers are not sent");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(state.unread_for(), Duration::from_secs(2));
        state.opened(2);
        assert!(!room.share().grow(14 * 1024), "one of them is sent");
        state.opened(1);
        assert_eq!(state.unread_for(), Duration::ZERO, "the last stream is of the running request");
        // The end of a stream may be on the wire before its request is done.
        let last = requests.pop().unwrap();
        state.opened(0);
        last.unsent(held(&room));
        drop(last);
        assert!(room.share().grow(16 * 1024));
        assert!(!state.is_busy());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_many_streams_is_cut_when_an_answer_finds_neither_room_nor_place() {
        let state = Arc::new(ConnState::default());
        let request = state.enter();
        let cut =
            async || tokio::time::timeout(Duration::from_millis(1), state.overfull_reported()).await.is_ok();
        state.opened(FEW_STREAMS - 1);
        request.is_not_bounded();
        assert!(!cut().await);
        state.opened(FEW_STREAMS);
        request.is_not_bounded();
        assert!(cut().await);
    }
}
