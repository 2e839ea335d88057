//! The search itself, over one buffer and over a stream of them.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::join;
use super::needle::{Needles, Unit, unit};

/// What a search of one buffer found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where spellings stand; may overlap, in no particular order.
    pub(super) ranges: Vec<Range<usize>>,
    /// From here on the buffer could be the beginning of a spelling; its length if it cannot.
    pub(super) hold_from: usize,
}

/// What becomes of a needle when it is compared with the data from some place on. Both can be true of a needle that holds
/// what escapes are made of, and so can be read in two ways.
#[derive(Default)]
struct Fit {
    /// It stands there, up to this end.
    whole: Option<usize>,
    /// The data ends before the needle does.
    part: bool,
}

/// Searches `data`; `last` says that nothing will follow, so that there is nothing to hold back.
pub(super) fn scan(needles: &Needles, data: &[u8], last: bool) -> Found {
    let mut found = Found { ranges: Vec::new(), hold_from: data.len() };
    if needles.is_empty() || data.is_empty() {
        return found;
    }
    plain(needles, data, &mut found);
    escaped(needles, data, &mut found);
    if last {
        found.hold_from = data.len();
    } else {
        plain_tail(needles, data, &mut found);
    }
    found
}

/// Step 1: spellings without an escape, overlapping ones included.
fn plain(needles: &Needles, data: &[u8], found: &mut Found) {
    for needle in needles.needles() {
        found.ranges.extend(needle.find(data).map(|start| start..start + needle.len()));
    }
}

/// Step 2: spellings with an escape, each found at its first one.
fn escaped(needles: &Needles, data: &[u8], found: &mut Found) {
    for at in memchr::memchr2_iter(b'%', b'\\', data) {
        match unit(data, at) {
            Unit::Plain => {}
            Unit::Cut => cut_escape(needles, data, at, found),
            Unit::Escape(byte, length) => {
                for (needle, position) in needles.occurrences(byte) {
                    let Some(start) = at.checked_sub(position) else { continue };
                    if data[start..at] != needle[..position] {
                        continue;
                    }
                    let fit = fit(&needle[position + 1..], data, at + length);
                    found.ranges.extend(fit.whole.map(|end| start..end));
                    if fit.part {
                        found.hold_from = found.hold_from.min(start);
                    }
                }
            }
        }
    }
}

/// The data ends inside an escape: hold it back, and the beginning of a needle before it.
fn cut_escape(needles: &Needles, data: &[u8], at: usize, found: &mut Found) {
    for needle in needles.iter() {
        for (position, byte) in needle.iter().enumerate() {
            let Some(start) = at.checked_sub(position) else { break };
            if may_become(&data[at..], *byte) && data[start..at] == needle[..position] {
                found.hold_from = found.hold_from.min(start);
            }
        }
    }
}

/// Compares what is left of a needle, in any spelling, with the data from `at` on.
fn fit(needle: &[u8], data: &[u8], at: usize) -> Fit {
    let mut fit = Fit::default();
    let mut places = Places { here: vec![at], next: Vec::new() };
    for expected in needle {
        for at in std::mem::take(&mut places.here) {
            places.step(*expected, data, at, &mut fit);
        }
        places.turn();
        if places.here.is_empty() {
            return fit;
        }
    }
    fit.whole = places.here.into_iter().max();
    fit
}

/// How far the data may have been read: one place, but for needles that hold what escapes are made of. Each place is kept
/// once, so that two readings a byte do not become two to the power of all bytes.
struct Places {
    here: Vec<usize>,
    next: Vec<usize>,
}

impl Places {
    /// Reads `expected` at `at`, plain and escaped.
    fn step(&mut self, expected: u8, data: &[u8], at: usize, fit: &mut Fit) {
        let Some(byte) = data.get(at) else {
            fit.part = true;
            return;
        };
        if *byte == expected {
            self.next.push(at + 1);
        }
        if let b'%' | b'\\' = byte {
            match unit(data, at) {
                Unit::Escape(byte, length) if byte == expected => self.next.push(at + length),
                Unit::Cut if may_become(&data[at..], expected) => fit.part = true,
                _ => {}
            }
        }
    }

    fn turn(&mut self) {
        self.next.sort_unstable();
        self.next.dedup();
        std::mem::swap(&mut self.here, &mut self.next);
        self.next.clear();
    }
}

/// Whether the unfinished escape `start` can still become one for `byte`.
fn may_become(start: &[u8], byte: u8) -> bool {
    let high = char::from_digit(u32::from(byte >> 4), 16);
    let low = char::from_digit(u32::from(byte & 15), 16);
    let spelled = |template: &[u8]| {
        start.iter().zip(template).all(|(given, slot)| match slot {
            b'H' => high.is_some_and(|digit| given.eq_ignore_ascii_case(&(digit as u8))),
            b'L' => low.is_some_and(|digit| given.eq_ignore_ascii_case(&(digit as u8))),
            literal => given == literal,
        })
    };
    match start {
        [b'%', ..] => spelled(b"%HL"),
        [b'\\'] => true,
        _ => spelled(b"\\u00HL"),
    }
}

/// Step 3: the earliest place from which the rest of the data is the beginning of a needle, all plain.
fn plain_tail(needles: &Needles, data: &[u8], found: &mut Found) {
    for needle in needles.iter() {
        let from = data.len().saturating_sub(needle.len() - 1);
        let window = from..found.hold_from.max(from);
        for offset in memchr::memchr_iter(needle[0], &data[window]) {
            let start = from + offset;
            if needle.starts_with(&data[start..]) {
                found.hold_from = found.hold_from.min(start);
                break;
            }
        }
    }
}

/// Puts stars over `ranges`.
pub(super) fn overwrite(data: &mut [u8], ranges: &[Range<usize>]) {
    for range in ranges {
        if let Some(part) = data.get_mut(range.clone()) {
            part.fill(b'*');
        }
    }
}

/// Scrubs a body chunk by chunk; see the module's description.
pub struct Scrubber {
    needles: Arc<Needles>,
    /// Bytes that could be the beginning of a spelling, as they came.
    held: BytesMut,
    /// How many of `held`, from its beginning, belong to an occurrence that began before them.
    covered: usize,
    hits: u64,
}

impl Scrubber {
    pub(super) fn new(needles: Arc<Needles>) -> Self {
        Self { needles, held: BytesMut::new(), covered: 0, hits: 0 }
    }

    /// Takes the next chunk and gives what can be passed on: the same bytes in the same order, occurrences overwritten.
    ///
    /// A chunk that is clean and follows nothing held back comes out without a copy.
    pub fn push(&mut self, chunk: Bytes) -> Bytes {
        if self.needles.is_empty() {
            return chunk;
        }
        self.process(chunk, false)
    }

    /// The end of the body: gives what is still held back.
    pub fn finish(&mut self) -> Bytes {
        self.process(Bytes::new(), true)
    }

    /// Bytes held back at the moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The most that is ever held back with these tokens.
    #[must_use]
    pub fn longest_hold(&self) -> usize {
        self.needles.longest_partial()
    }

    /// Occurrences overwritten since the last call.
    pub fn take_hits(&mut self) -> u64 {
        std::mem::take(&mut self.hits)
    }

    fn process(&mut self, chunk: Bytes, last: bool) -> Bytes {
        let mut data = join(&mut self.held, chunk);
        let covered = std::mem::take(&mut self.covered);
        let found = scan(&self.needles, &data, last);
        let mut ready = data.split_to(found.hold_from);
        self.held.extend_from_slice(&data);

        // Occurrences that begin in the held part will be found again together with what follows.
        let mut ranges: Vec<_> = found.ranges.into_iter().filter(|range| range.start < ready.len()).collect();
        self.hits += ranges.len() as u64;
        if covered > 0 {
            ranges.push(0..covered);
        }
        if ranges.is_empty() {
            return ready;
        }
        let end = ranges.iter().map(|range| range.end).max().unwrap_or_default();
        self.covered = end.saturating_sub(ready.len());
        for range in &mut ranges {
            range.end = range.end.min(ready.len());
        }
        let mut clean = BytesMut::from(std::mem::take(&mut ready));
        overwrite(&mut clean, &ranges);
        clean.freeze()
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
