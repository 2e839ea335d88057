//! The search itself, over a buffer that grows.
//!
//! 1. A piece of data is decoded once: every escape is replaced by the byte that it stands for. Most pieces have no escape and
//!    are not copied.
//! 2. In the decoded piece a vectorised search finds the anchor of each needle: 32 bytes behind its first seven. Decoding reads
//!    from left to right, while an occurrence may begin inside an escape (`%41BC` holds `41BC`). From the end of that escape on,
//!    at most seven bytes later, both read the same, so the anchor is there in any case.
//! 3. From each anchor the seven bytes before it are compared backwards in the data, in all spellings, and the rest of the needle
//!    forwards.
//! 4. Near the end of the piece an anchor may be incomplete: every place there is tried as a beginning.
//! 5. A comparison that reaches the end of the data stays open, and the next piece continues it where it stopped. The data
//!    from the first open beginning on is held back.
//!
//! A needle that is too short for an anchor, or holds a character that begins escapes and so can be read in two ways, is compared
//! at every place, in all readings at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::decode::Decoded;
use crate::escape::{LONGEST_SPELLING, is_lead, read};
use crate::needle::{Id, LEAD_IN, Needle, Needles, TAIL};

/// Most bytes that are searched in one go: more come in pieces, so that the memory for decoding them stays small.
pub(crate) const PIECE: usize = 64 * 1024;

/// Steps that any body may cost, and those that each of its bytes adds for each needle. Only a secret that repeats itself costs
/// more, in a body made of it.
pub(crate) const FREE_STEPS: u64 = 256 * 1024;
pub(crate) const STEPS_PER_BYTE: u64 = 16;

/// The data agrees with a needle from `start` to `at`, where it ends, or ends inside an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    needle: Id,
    at: usize,
    matched: usize,
    start: usize,
}

/// What has been found, and what is still open, in data that arrives bit by bit.
pub(crate) struct Search {
    needles: Arc<Needles>,
    /// Beginnings of occurrences that the next data decides.
    open: Vec<Candidate>,
    /// Where occurrences stand; may overlap.
    found: Vec<Range<usize>>,
    /// Every place before it has been looked at as a beginning.
    seen: usize,
    /// Every escape before it is read.
    decoded: usize,
    steps: u64,
    allowed: u64,
}

impl Search {
    pub(crate) fn new(needles: Arc<Needles>) -> Self {
        Self {
            needles,
            open: Vec::new(),
            found: Vec::new(),
            seen: 0,
            decoded: 0,
            steps: 0,
            allowed: FREE_STEPS,
        }
    }

    pub(crate) fn needles(&self) -> &Needles {
        &self.needles
    }

    /// Searches what is new in `data`, which begins with everything from [`Search::undecided`] on. With `last` nothing follows.
    pub(crate) fn feed(&mut self, data: &[u8], last: bool) {
        let mut end = self.seen;
        loop {
            end = data.len().min(end + PIECE);
            self.piece(&data[..end], last && end == data.len());
            if end == data.len() {
                return;
            }
        }
    }

    fn piece(&mut self, data: &[u8], last: bool) {
        let needles = Arc::clone(&self.needles);
        let added = (data.len() - self.seen) as u64;
        self.allowed += STEPS_PER_BYTE * added * needles.iter().count() as u64;
        let open = std::mem::take(&mut self.open);
        for candidate in &open {
            if let Some(needle) = needles.get(candidate.needle).filter(|needle| needle.anchor.is_some()) {
                self.follow(needle, *candidate, data, last);
            }
        }
        let decoded = Decoded::new(data, self.decoded, last);
        let tail = decoded.bytes.len().checked_sub(TAIL).map_or(self.seen, |index| decoded.place(index));
        let tail = tail.max(self.seen);
        self.anchors(&needles, data, &decoded, tail, last);
        self.beginnings(&needles, data, tail, last);
        if needles.unanchored {
            for (id, needle) in needles.numbered().filter(|(_, needle)| needle.anchor.is_none()) {
                self.unanchored(id, needle, data, &open, last);
            }
        }
        self.seen = data.len();
        self.decoded = decoded.end;
        if self.open.len() > 1 {
            // The same place reached from several beginnings: the first one covers the others.
            self.open.sort_unstable();
            self.open.dedup_by_key(|candidate| (candidate.needle, candidate.at, candidate.matched));
        }
        if self.is_exhausted() {
            self.open.clear();
        }
    }

    /// Occurrences that begin before `tail`: the anchor stands whole in the decoded piece.
    fn anchors(&mut self, needles: &Needles, data: &[u8], decoded: &Decoded<'_>, tail: usize, last: bool) {
        for (id, needle) in needles.numbered() {
            let Some(anchor) = &needle.anchor else { continue };
            let mut from = 0;
            while let Some(offset) = decoded.bytes.get(from..).and_then(|rest| anchor.find(rest)) {
                let index = from + offset;
                from = index + 1;
                let at = decoded.place(index);
                if let Some(start) = self.beginning(needle, data, at)
                    && start < tail
                {
                    self.follow(needle, Candidate { needle: id, at, matched: LEAD_IN, start }, data, last);
                }
                if self.is_exhausted() {
                    return;
                }
            }
        }
    }

    /// The first place from which the bytes of `needle` before its anchor lead to `at`, in any spelling.
    fn beginning(&mut self, needle: &Needle, data: &[u8], at: usize) -> Option<usize> {
        let mut here = vec![at];
        for expected in needle.bytes[..LEAD_IN].iter().rev() {
            let mut before = Vec::with_capacity(here.len());
            for end in here {
                self.steps += 1;
                let Some(byte) = end.checked_sub(1).and_then(|at| data.get(at)) else { continue };
                if byte == expected && end > self.seen {
                    before.push(end - 1);
                }
                if byte.is_ascii_hexdigit() || matches!(byte, b'/' | b'"' | b'\\' | b';') {
                    for length in 2..=LONGEST_SPELLING.min(end - self.seen.min(end)) {
                        let start = end - length;
                        if is_lead(data[start])
                            && read(&data[start..]).lengths(*expected).any(|read| read == length)
                        {
                            before.push(start);
                        }
                    }
                }
            }
            if before.is_empty() {
                return None;
            }
            before.sort_unstable();
            before.dedup();
            here = before;
        }
        here.into_iter().min()
    }

    /// Occurrences of anchored needles that begin at `tail` or later, and may lack the anchor yet.
    fn beginnings(&mut self, needles: &Needles, data: &[u8], tail: usize, last: bool) {
        for start in tail..data.len() {
            self.steps += 1;
            if !begins(data, start, |byte| needles.begins(byte)) {
                continue;
            }
            for (id, needle) in needles.numbered().filter(|(_, needle)| needle.anchor.is_some()) {
                self.follow(needle, Candidate { needle: id, at: start, matched: 0, start }, data, last);
            }
        }
    }

    /// Compares on, in any spelling. The needle is anchored, so that no place can be read in two ways.
    fn follow(&mut self, needle: &Needle, mut candidate: Candidate, data: &[u8], last: bool) {
        loop {
            let left = &needle.bytes[candidate.matched..];
            let Some(expected) = left.first() else {
                self.found.push(candidate.start..candidate.at);
                return;
            };
            self.steps += 1;
            let rest = data.get(candidate.at..).unwrap_or_default();
            let Some(byte) = rest.first() else { break };
            if is_lead(*byte) {
                let escapes = read(rest);
                match escapes.lengths(*expected).next() {
                    Some(length) => {
                        candidate.at += length;
                        candidate.matched += 1;
                    }
                    None if escapes.cut => break,
                    None => return,
                }
            } else {
                let same = left.iter().zip(rest).take_while(|(needed, byte)| needed == byte).count();
                if same == 0 || self.is_exhausted() {
                    return;
                }
                self.steps += same as u64;
                candidate.at += same;
                candidate.matched += same;
            }
        }
        if !last {
            self.open.push(candidate);
        }
    }

    /// A needle that is short or holds what escapes are made of: from each place all readings, each place and length once.
    fn unanchored(&mut self, id: Id, needle: &Needle, data: &[u8], open: &[Candidate], last: bool) {
        let Some(first) = needle.bytes.first() else { return };
        let own = open.iter().filter(|candidate| candidate.needle == id);
        // By place and number of bytes read: the first beginning that leads there.
        let mut here: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for candidate in own {
            reach(&mut here, candidate.at, candidate.matched, candidate.start);
        }
        let from = here.keys().next().map_or(self.seen, |(at, _)| self.seen.min(*at));
        for at in from..=data.len() {
            self.steps += 1;
            if at >= self.seen && at < data.len() && begins(data, at, |byte| byte == *first) {
                reach(&mut here, at, 0, at);
            }
            while let Some(entry) = here.first_entry().filter(|entry| entry.key().0 == at) {
                let ((_, matched), start) = entry.remove_entry();
                let candidate = Candidate { needle: id, at, matched, start };
                self.step(needle, candidate, data, last, &mut here);
                if self.is_exhausted() {
                    return;
                }
            }
        }
    }

    /// Reads one byte of `needle` in all ways.
    fn step(
        &mut self,
        needle: &Needle,
        candidate: Candidate,
        data: &[u8],
        last: bool,
        here: &mut BTreeMap<(usize, usize), usize>,
    ) {
        self.steps += 1;
        let Candidate { at, matched, start, .. } = candidate;
        let Some(expected) = needle.bytes.get(matched) else { return };
        let rest = data.get(at..).unwrap_or_default();
        let escapes = read(rest);
        let plain = (rest.first() == Some(expected)).then_some(1);
        for length in plain.into_iter().chain(escapes.lengths(*expected)) {
            if matched + 1 == needle.bytes.len() {
                self.found.push(start..at + length);
            } else {
                reach(here, at + length, matched + 1, start);
            }
        }
        if !last && (escapes.cut || rest.is_empty()) {
            self.open.push(candidate);
        }
    }

    /// From here on the data may be the beginning of an occurrence, or of an escape.
    pub(crate) fn undecided(&self) -> usize {
        let begun = self.open.iter().map(|candidate| candidate.start).min();
        begun.map_or(self.decoded, |start| start.min(self.decoded))
    }

    /// Forgets the first `count` bytes of the data, all of them decided.
    pub(crate) fn forget(&mut self, count: usize) {
        self.seen = self.seen.saturating_sub(count);
        self.decoded = self.decoded.saturating_sub(count);
        for candidate in &mut self.open {
            candidate.start -= count;
            candidate.at -= count;
        }
    }

    /// What was found since the last call, by its end, one for each end.
    pub(crate) fn take_found(&mut self) -> Vec<Range<usize>> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_unstable_by_key(|range| (range.end, range.start));
        found.dedup_by_key(|range| range.end);
        found
    }

    /// The data costs more to search than any text would: it was made for that, of the secret, and nothing of it may pass.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.steps > self.allowed
    }

    /// Comparisons made so far.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }
}

/// Whether a byte of interest may begin at `at`.
fn begins(data: &[u8], at: usize, is_wanted: impl Fn(u8) -> bool) -> bool {
    let rest = data.get(at..).unwrap_or_default();
    let Some(byte) = rest.first() else { return false };
    if is_wanted(*byte) {
        return true;
    }
    is_lead(*byte) && {
        let escapes = read(rest);
        escapes.cut || escapes.bytes().any(is_wanted)
    }
}

fn reach(here: &mut BTreeMap<(usize, usize), usize>, at: usize, matched: usize, start: usize) {
    here.entry((at, matched)).and_modify(|first| *first = start.min(*first)).or_insert(start);
}
