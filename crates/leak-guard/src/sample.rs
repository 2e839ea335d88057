//! Looking at a few places of the data instead of all.
//!
//! A needle of n bytes takes at least n bytes of the data, in whatever spelling. So one of every `stride` places lies in it, and
//! the first [`GRAM`] bytes that are read from there stand in the needle too, near its beginning. Only where such a group of
//! bytes is one of a needle's, the needle is compared.
//!
//! A place may lie inside an escape. Reading then begins behind that escape ([`boundary`]): wherever an occurrence of a needle
//! without escape characters begins, a byte of it ends there.

use crate::escape::{LONGEST_SPELLING, Symbol, has_lead, is_lead, symbol};
use crate::needle::Needle;

/// Bytes that are read at each place.
pub(crate) const GRAM: usize = 4;

/// The most bytes of an escape behind its first: an occurrence that begins inside an escape reads at most so many bytes
/// until both readings agree.
pub(crate) const INSIDE: usize = LONGEST_SPELLING - 1;

/// Shortest needle that is found by samples.
pub(crate) const SHORTEST: usize = INSIDE + GRAM;

/// The most bytes between two places: more would hardly cost less, and take more memory.
const LONGEST_STRIDE: usize = 64;

/// Bits of a filter that says of most groups of bytes that no needle has them.
const FILTER: usize = 4096;

/// Lists of groups that a look-up chooses from.
const BUCKETS: usize = 256;

/// A group of bytes that stands in a needle.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// Which needle of the token.
    pub(crate) encoding: u8,
    /// Where in the needle.
    pub(crate) offset: u8,
}

/// The groups of bytes at the beginning of a token's needles.
pub(crate) struct Grams {
    /// One of so many places following each other must be looked at.
    pub(crate) stride: usize,
    filter: [u64; FILTER / 64],
    /// Where each bucket begins in `entries`.
    starts: [u16; BUCKETS + 1],
    entries: Box<[Entry]>,
}

impl Grams {
    /// The groups of all `needles` that are sampled. `None` if there is none.
    pub(crate) fn new(needles: &[Needle]) -> Option<Self> {
        let sampled = || needles.iter().enumerate().filter(|(_, needle)| needle.sampled);
        let shortest = sampled().map(|(_, needle)| needle.bytes.len()).min()?;
        let stride = (shortest - GRAM + 1).min(LONGEST_STRIDE);
        // Behind an escape in which the occurrence begins, up to `INSIDE` of its bytes are passed.
        let offsets = stride.max(INSIDE + 1);
        let groups = || {
            sampled().flat_map(|(encoding, needle)| {
                needle.bytes.windows(GRAM).take(offsets).enumerate().filter_map(move |(offset, group)| {
                    let group = <[u8; GRAM]>::try_from(group).ok()?;
                    let (encoding, offset) = (u8::try_from(encoding).ok()?, u8::try_from(offset).ok()?);
                    Some((hash(group), Entry { encoding, offset }))
                })
            })
        };
        let (mut filter, mut starts) = ([0_u64; FILTER / 64], [0_u16; BUCKETS + 1]);
        for (hash, _) in groups() {
            filter[hash / 64] |= 1 << (hash % 64);
            starts[bucket(hash) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts;
        let mut entries = vec![Entry::default(); usize::from(starts[BUCKETS])];
        for (hash, entry) in groups() {
            let place = &mut next[bucket(hash)];
            entries[usize::from(*place)] = entry;
            *place += 1;
        }
        Some(Self { stride, filter, starts, entries: entries.into() })
    }

    /// Groups that may equal `group`.
    #[inline]
    pub(crate) fn like(&self, group: [u8; GRAM]) -> &[Entry] {
        let hash = hash(group);
        if self.filter[hash / 64] >> (hash % 64) & 1 == 0 {
            return &[];
        }
        let bucket = bucket(hash);
        self.entries
            .get(usize::from(self.starts[bucket])..usize::from(self.starts[bucket + 1]))
            .unwrap_or_default()
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.entries)
    }
}

/// A number below [`FILTER`].
#[inline]
fn hash(group: [u8; GRAM]) -> usize {
    (u32::from_le_bytes(group).wrapping_mul(0x9E37_79B1) >> (u32::BITS - FILTER.ilog2())) as usize
}

#[inline]
fn bucket(hash: usize) -> usize {
    hash / (FILTER / BUCKETS)
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// The bytes that are read from `at` on.
    Group { at: usize, bytes: [u8; GRAM] },
    /// No needle without escape characters holds this place.
    Nothing,
    /// The data ends too early.
    Cut,
}

/// Reads what stands at some places, from left to right.
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    /// From sixteen bytes before the last place up to here there is no escape character.
    clear: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, clear: 0 }
    }

    /// Reads what stands at `place`, or behind the escape around it.
    #[inline]
    pub(crate) fn read(&mut self, place: usize) -> Sample {
        if place + GRAM > self.clear && is_clear(self.data, place) {
            let rest = self.data.get(place..).unwrap_or_default();
            self.clear = place + memchr::memchr3(b'%', b'\\', b'&', rest).unwrap_or(rest.len());
        }
        if place + GRAM <= self.clear
            && let Some(bytes) = self.data.get(place..).and_then(<[u8]>::first_chunk)
        {
            return Sample::Group { at: place, bytes: *bytes };
        }
        escaped(self.data, place)
    }
}

/// Whether no escape begins in the sixteen bytes before `place`, where one around it would, and the eight from it on. False for
/// places near the ends as well.
fn is_clear(data: &[u8], place: usize) -> bool {
    const { assert!(INSIDE <= 16, "an escape around a place begins in the bytes before it that are looked at") };
    let around = place.checked_sub(16).and_then(|from| data.get(from..)?.first_chunk::<24>());
    around.is_some_and(|around| !around.as_chunks::<8>().0.iter().any(|eight| has_lead(*eight)))
}

fn escaped(data: &[u8], place: usize) -> Sample {
    let Some(at) = boundary(data, place) else { return Sample::Cut };
    let (mut bytes, mut next) = ([0; GRAM], at);
    for byte in &mut bytes {
        match symbol(data.get(next..).unwrap_or_default()) {
            // A character that begins escapes stands in no needle that is sampled.
            Symbol::Byte(read, _) if is_lead(read) => return Sample::Nothing,
            Symbol::Byte(read, length) => (*byte, next) = (read, next + length),
            Symbol::Never => return Sample::Nothing,
            Symbol::Cut => return Sample::Cut,
        }
    }
    Sample::Group { at, bytes }
}

/// The first place from `place` on where a byte of an occurrence around it begins. `None` if the data ends too early to know.
fn boundary(data: &[u8], place: usize) -> Option<usize> {
    let before = data.get(place.saturating_sub(INSIDE)..place)?;
    let Some(back) = before.iter().rev().position(|byte| is_lead(*byte)) else { return Some(place) };
    let mut lead = place - 1 - back;
    if data.get(lead) == Some(&b'\\') {
        // All backslashes in a row belong to one escape, of at most three; an occurrence may begin between them.
        let more = data[place..].iter().take(INSIDE).take_while(|byte| **byte == b'\\').count();
        if lead + 1 == place {
            lead += more;
        }
    }
    match symbol(&data[lead..]) {
        Symbol::Byte(_, length) => Some(place.max(lead + length)),
        Symbol::Never => Some(place),
        Symbol::Cut => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_behind_the_escape_around_a_place() {
        for (data, place, at) in [
            (r"abcdefgh", 3, 3),
            (r"ab%41efgh", 3, 5),
            (r"ab%41efgh", 5, 5),
            (r"ab%4xefgh", 3, 3),
            (r"ab%%41fgh", 4, 6),
            (r"ab&#x41;fghi", 7, 8),
            (r"ab%2541fghi", 3, 7),
            (r"ab%2541fghi", 6, 7),
            (r"ab%25%41fghi", 6, 8),
            (r"ab&#x00000041;fghi", 3, 14),
            (r"ab\u0041fghi", 3, 8),
            (r"ab\\u0041fghi", 3, 9),
            (r"ab\\\/fghi", 3, 6),
            (r"ab\\\\\\/fghi", 5, 9),
            (r"ab\/cdefghi", 3, 4),
        ] {
            assert_eq!(boundary(data.as_bytes(), place), Some(at), "{data} {place}");
        }
        assert_eq!(boundary(br"ab\u00", 4), None);
        assert_eq!(boundary(br"ab\\", 3), None);
    }
}
