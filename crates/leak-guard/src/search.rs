//! The search itself, over a buffer that grows.
//!
//! 1. A few places of the data are looked at ([`sample`](crate::sample)): in every occurrence of a needle there is one of them.
//! 2. Where the bytes there stand in a needle, the needle is compared: backwards to its beginning, in all spellings, then
//!    forwards. It is compared at the first sampled place behind its beginning alone, so that no byte is compared for each of the
//!    places in an occurrence.
//! 3. Behind the last sampled place every place is tried as a beginning.
//! 4. A comparison that reaches the end of the data stays open, and the next piece continues it where it stopped. The data
//!    from the first open beginning on is held back.
//!
//! A needle that is too short for samples, or holds a character that begins escapes and so can be read in two ways, is compared
//! at every place, in all readings at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::budget::{self, Budget};
use crate::escape::{Before, Symbol, before, hex, is_lead, read, symbol};
use crate::needle::{Id, Needle, Needles, Prepared};
use crate::sample::{GRAM, Grams, INSIDE, Reader, Sample};

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
    /// Of sampled needles.
    comparisons: Budget,
    /// Of places for the other needles.
    readings: Budget,
}

impl Search {
    pub(crate) fn new(needles: Arc<Needles>) -> Self {
        Self {
            needles,
            open: Vec::new(),
            found: Vec::new(),
            seen: 0,
            comparisons: Budget::new(budget::FREE_COMPARISONS),
            readings: Budget::new(budget::FREE_READINGS),
        }
    }

    pub(crate) fn needles(&self) -> &Needles {
        &self.needles
    }

    /// Searches what is new in `data`, which begins with everything from [`Search::undecided`] on. With `last` nothing follows.
    pub(crate) fn feed(&mut self, data: &[u8], last: bool) {
        let needles = Arc::clone(&self.needles);
        self.comparisons.allow(budget::comparisons(&needles, data.len() - self.seen));
        self.readings.allow(budget::readings(&needles, data.len() - self.seen));
        let open = std::mem::take(&mut self.open);
        for candidate in &open {
            if let Some(needle) = needles.get(candidate.needle).filter(|needle| needle.sampled) {
                self.follow(needle, *candidate, data, last);
            }
        }
        for (token, prepared) in needles.tokens.iter().enumerate() {
            let prepared = &*prepared.0;
            if let Some(grams) = &prepared.grams {
                let tail = self.samples(token, prepared, grams, data, last);
                self.beginnings(token, prepared, data, tail, last);
            }
            for (encoding, needle) in prepared.needles.iter().enumerate() {
                if !needle.sampled {
                    self.unsampled(Id { token, encoding }, needle, data, &open, last);
                }
            }
        }
        self.seen = data.len();
        if self.open.len() > 1 {
            // The same place reached from several beginnings: the first one covers the others.
            self.open.sort_unstable();
            self.open.dedup_by_key(|candidate| (candidate.needle, candidate.at, candidate.matched));
        }
        if self.is_exhausted() {
            self.open.clear();
        }
    }

    /// Finds the occurrences that begin before the place that it returns.
    fn samples(
        &mut self,
        token: usize,
        prepared: &Prepared,
        grams: &Grams,
        data: &[u8],
        last: bool,
    ) -> usize {
        let mut floor = self.seen;
        let mut place = floor + grams.stride - 1;
        let mut reader = Reader::new(data);
        while place < data.len() {
            match reader.read(place) {
                Sample::Group { at, bytes } => {
                    for entry in grams.like(bytes) {
                        let id = Id { token, encoding: usize::from(entry.encoding) };
                        let offset = usize::from(entry.offset);
                        let Some(needle) = prepared.needles.get(id.encoding) else { continue };
                        if needle.bytes.get(offset..offset + GRAM) == Some(&bytes)
                            && let Some(start) = self.beginning(&needle.bytes[..offset], data, floor, at)
                        {
                            let candidate = Candidate { needle: id, at, matched: offset, start };
                            self.follow(needle, candidate, data, last);
                        }
                    }
                }
                Sample::Nothing => {}
                Sample::Cut => break,
            }
            if self.is_exhausted() {
                return data.len();
            }
            floor = place + 1;
            place += grams.stride;
        }
        floor
    }

    /// The first place from `floor` on from which `part` of a needle leads to `at`, in any spelling.
    fn beginning(&mut self, part: &[u8], data: &[u8], floor: usize, at: usize) -> Option<usize> {
        self.comparisons.used += 1;
        let near = data.get(at.saturating_sub(part.len() + INSIDE).max(floor)..at)?;
        if memchr::memchr3(b'%', b'\\', b'&', near).is_none() {
            return near.ends_with(part).then(|| at - part.len());
        }
        let (mut at, mut left) = (at, part);
        while let Some((byte, more)) = left.split_last() {
            self.comparisons.used += 1;
            at = match before(data, floor, at, *byte) {
                // The occurrence may begin inside the escape, if so few bytes are left.
                Before { escape: Some(start), plain: true } if left.len() <= INSIDE => {
                    let inside = self.beginning(more, data, floor, at - 1);
                    return self.beginning(more, data, floor, start).or(inside);
                }
                Before { escape: Some(start), .. } => start,
                Before { plain: true, .. } => at - 1,
                Before { .. } => return None,
            };
            left = more;
        }
        Some(at)
    }

    /// Occurrences of a token's sampled needles that begin at `tail` or later.
    fn beginnings(&mut self, token: usize, prepared: &Prepared, data: &[u8], tail: usize, last: bool) {
        for start in tail..data.len() {
            let begins = match symbol(&data[start..]) {
                Symbol::Byte(byte, _) => prepared.begins(byte),
                Symbol::Cut => true,
                Symbol::Never => false,
            };
            if !begins {
                continue;
            }
            for (encoding, needle) in prepared.needles.iter().enumerate().filter(|(_, needle)| needle.sampled)
            {
                let needle_id = Id { token, encoding };
                self.follow(
                    needle,
                    Candidate { needle: needle_id, at: start, matched: 0, start },
                    data,
                    last,
                );
            }
            if self.is_exhausted() {
                return;
            }
        }
    }

    /// Compares on, in any spelling. The needle is sampled, so that no place can be read in two ways.
    fn follow(&mut self, needle: &Needle, mut candidate: Candidate, data: &[u8], last: bool) {
        loop {
            let left = needle.bytes.get(candidate.matched..).unwrap_or_default();
            let Some(expected) = left.first() else {
                self.found.push(candidate.start..candidate.at);
                return;
            };
            // The first byte is compared at every place behind the last sampled one, whatever the body says.
            self.comparisons.used += u64::from(candidate.matched > 0);
            let rest = data.get(candidate.at..).unwrap_or_default();
            // The commonest escape, without the detour.
            if let [b'%', high, low, ..] = *rest
                && (high, low) != (b'2', b'5')
            {
                if hex(high, low) != Some(*expected) {
                    return;
                }
                candidate.at += 3;
                candidate.matched += 1;
                continue;
            }
            match symbol(rest) {
                Symbol::Byte(byte, 1) if byte == *expected => {
                    let same = same_bytes(left, rest);
                    self.comparisons.used += same as u64 / 8;
                    candidate.at += same;
                    candidate.matched += same;
                }
                Symbol::Byte(byte, length) if byte == *expected => {
                    candidate.at += length;
                    candidate.matched += 1;
                }
                Symbol::Cut => break,
                _ => return,
            }
        }
        if !last {
            self.open.push(candidate);
        }
    }

    /// A needle that is short or holds what escapes are made of: from each place all readings, each place and length once.
    fn unsampled(&mut self, id: Id, needle: &Needle, data: &[u8], open: &[Candidate], last: bool) {
        let Some(first) = needle.bytes.first() else { return };
        let own = open.iter().filter(|candidate| candidate.needle == id);
        // By place and number of bytes read: the first beginning that leads there.
        let mut here: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for candidate in own {
            reach(&mut here, candidate.at, candidate.matched, candidate.start);
        }
        let from = here.keys().next().map_or(self.seen, |(at, _)| self.seen.min(*at));
        let mut next = from;
        while next <= data.len() {
            if here.is_empty() && next >= self.seen {
                let rest = data.get(next..).unwrap_or_default();
                let away = rest.iter().position(|byte| byte == first || is_lead(*byte));
                next += away.unwrap_or(rest.len());
            }
            let at = next;
            next += 1;
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
        self.readings.used += 1;
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

    /// From here on the data may be the beginning of an occurrence.
    pub(crate) fn undecided(&self) -> usize {
        self.open.iter().map(|candidate| candidate.start).min().unwrap_or(self.seen)
    }

    /// Forgets the first `count` bytes of the data, all of them decided.
    pub(crate) fn forget(&mut self, count: usize) {
        self.seen = self.seen.saturating_sub(count);
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
        self.comparisons.is_exceeded() || self.readings.is_exceeded()
    }

    /// Readings that were tried so far.
    #[cfg(test)]
    pub(crate) fn readings(&self) -> u64 {
        self.readings.used
    }

    /// Comparisons made so far.
    #[cfg(test)]
    pub(crate) fn comparisons(&self) -> u64 {
        self.comparisons.used
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

/// How many bytes both begin with.
#[inline]
fn same_bytes(left: &[u8], right: &[u8]) -> usize {
    let (eights, _) = left.as_chunks::<8>();
    let mut same = 0;
    for (left, right) in eights.iter().zip(right.as_chunks::<8>().0) {
        let differs = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if differs != 0 {
            return same + differs.trailing_zeros() as usize / 8;
        }
        same += 8;
    }
    let (left, right) = (left.get(same..).unwrap_or_default(), right.get(same..).unwrap_or_default());
    same + left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

fn reach(here: &mut BTreeMap<(usize, usize), usize>, at: usize, matched: usize, start: usize) {
    here.entry((at, matched)).and_modify(|first| *first = start.min(*first)).or_insert(start);
}
