//! What is done with what was found: one buffer, or a stream of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::needle::Needles;
use crate::search::Search;

/// A copy of `data` without secrets and the number of occurrences, or `None` if it is clean.
pub(crate) fn whole(needles: &Arc<Needles>, data: &[u8]) -> Option<(Vec<u8>, u64)> {
    if !needles.fit(data) {
        return None;
    }
    let mut search = Search::new(Arc::clone(needles));
    search.feed(data, true);
    let found = search.take_found();
    if search.is_exhausted() {
        return Some((vec![b'*'; data.len()], found.len().max(1) as u64));
    }
    if found.is_empty() {
        return None;
    }
    let mut clean = data.to_vec();
    let count = found.len() as u64;
    let mut covered = VecDeque::new();
    found.into_iter().for_each(|range| cover(&mut covered, range));
    for range in covered {
        overwrite(&mut clean, range);
    }
    Some((clean, count))
}

/// Scrubs a body chunk by chunk; made by [`LeakGuard::scrubber`](crate::LeakGuard::scrubber).
///
/// A chunk of any size is taken. Where much comes at once, pushing pieces of some 64 KiB with a yield to other tasks between
/// them keeps a thread from being busy for long; the result is the same.
///
/// ```
/// use leak_guard::{LeakGuard, bytes::Bytes};
///
/// let guard = LeakGuard::new(&["gho_16C7e42F292c6912E7710c838347Ae178B4a"], false);
/// let mut scrubber = guard.scrubber();
/// assert_eq!(scrubber.push(Bytes::from_static(b"a=gho_16C7e42F292c")), "a=");
/// assert_eq!(scrubber.push(Bytes::from_static(b"another")), "gho_16C7e42F292canother");
/// assert_eq!(scrubber.finish(), "");
/// ```
pub struct Scrubber {
    search: Search,
    /// Bytes that could be the beginning of an occurrence, as they came.
    held: BytesMut,
    /// Occurrences that are not passed on yet, in order, none of them touching another; counted from the body's beginning.
    covered: VecDeque<Range<usize>>,
    /// Bytes passed on.
    passed: usize,
    hits: u64,
    /// Everything is overwritten from now on.
    closed: bool,
}

impl Scrubber {
    pub(crate) fn new(needles: Arc<Needles>) -> Self {
        Self {
            search: Search::new(needles),
            held: BytesMut::new(),
            covered: VecDeque::new(),
            passed: 0,
            hits: 0,
            closed: false,
        }
    }

    /// Takes the next chunk and gives what can be passed on: the same bytes in the same order, occurrences overwritten.
    ///
    /// A chunk that is clean and follows nothing held back comes out without a copy.
    pub fn push(&mut self, chunk: Bytes) -> Bytes {
        if self.search.needles().is_empty() || chunk.is_empty() {
            return chunk;
        }
        if self.held.is_empty() {
            return self.pass(chunk);
        }
        self.hold(&chunk);
        self.release(false)
    }

    /// The end of the body: gives what is still held back.
    pub fn finish(&mut self) -> Bytes {
        self.release(true)
    }

    /// Bytes held back at the moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The most that is ever held back with these tokens.
    #[must_use]
    pub fn longest_hold(&self) -> usize {
        self.search.needles().longest_partial()
    }

    /// Occurrences overwritten since the last call.
    pub fn take_hits(&mut self) -> u64 {
        std::mem::take(&mut self.hits)
    }

    #[cfg(test)]
    pub(crate) fn comparisons(&self) -> u64 {
        self.search.comparisons()
    }

    /// A chunk with nothing held back before it.
    fn pass(&mut self, mut chunk: Bytes) -> Bytes {
        let count = self.search(&chunk, false);
        let ready = chunk.split_to(count);
        self.hold(&chunk);
        self.search.forget(count);
        if !self.closed && self.covered.front().is_none_or(|range| range.start >= self.passed + count) {
            self.passed += count;
            return ready;
        }
        let mut clean = BytesMut::from(ready);
        self.overwrite(&mut clean);
        clean.freeze()
    }

    /// Searches what is held and gives what is decided.
    fn release(&mut self, last: bool) -> Bytes {
        let held = std::mem::take(&mut self.held);
        let count = self.search(&held, last);
        self.held = held;
        let mut ready = self.held.split_to(count);
        self.search.forget(count);
        self.overwrite(&mut ready);
        ready.freeze()
    }

    /// Searches `data`; says how much of it is decided.
    fn search(&mut self, data: &[u8], last: bool) -> usize {
        if self.closed {
            return data.len();
        }
        self.search.feed(data, last);
        let found = self.search.take_found();
        self.hits += found.len() as u64;
        let passed = self.passed;
        found
            .into_iter()
            .for_each(|range| cover(&mut self.covered, range.start + passed..range.end + passed));
        if self.search.is_exhausted() {
            self.closed = true;
            self.hits = self.hits.max(1);
        }
        if last || self.closed { data.len() } else { self.search.undecided() }
    }

    /// Room is doubled, so that bytes held back for long are not copied for each one that follows.
    fn hold(&mut self, chunk: &[u8]) {
        if self.held.capacity() - self.held.len() < chunk.len() {
            self.held.reserve(chunk.len().max(self.held.len()));
        }
        self.held.extend_from_slice(chunk);
    }

    fn overwrite(&mut self, ready: &mut BytesMut) {
        if self.closed {
            ready.fill(b'*');
            return;
        }
        let end = self.passed + ready.len();
        while let Some(range) = self.covered.front().filter(|range| range.start < end) {
            overwrite(ready, range.start.saturating_sub(self.passed)..range.end.min(end) - self.passed);
            if range.end > end {
                break;
            }
            self.covered.pop_front();
        }
        self.passed = end;
    }
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scrubber")
            .field("held", &self.held.len())
            .field("hits", &self.hits)
            .finish_non_exhaustive()
    }
}

/// Adds a range; most are added at the end.
fn cover(covered: &mut VecDeque<Range<usize>>, mut range: Range<usize>) {
    let at = covered.partition_point(|other| other.end < range.start);
    while let Some(other) = covered.get(at).filter(|other| other.start <= range.end) {
        range = other.start.min(range.start)..other.end.max(range.end);
        covered.remove(at);
    }
    covered.insert(at, range);
}

fn overwrite(data: &mut [u8], range: Range<usize>) {
    if let Some(part) = data.get_mut(range) {
        part.fill(b'*');
    }
}
