//! One reading of a piece of data: every escape replaced by the byte that it stands for.

use std::borrow::Cow;

use crate::escape::{Escapes, is_lead, read};

/// Bytes that are looked at one by one before a vectorised search for the next escape is worth its start.
const NEAR: usize = 16;

/// A piece of data with its escapes read from left to right, the longest first.
pub(crate) struct Decoded<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// After each escape: how many bytes are decoded, and where it ends in the data.
    places: Vec<(usize, usize)>,
    from: usize,
    /// Where decoding stopped: the end of the data, or an escape that it cuts.
    pub(crate) end: usize,
}

impl<'a> Decoded<'a> {
    /// Decodes `data` from `from` on. With `last` nothing follows, so that an unfinished escape is none.
    pub(crate) fn new(data: &'a [u8], from: usize, last: bool) -> Self {
        let rest = data.get(from..).unwrap_or_default();
        let whole = Self { bytes: Cow::Borrowed(rest), places: Vec::new(), from, end: data.len() };
        match memchr::memchr3(b'%', b'\\', b'&', rest) {
            None => whole,
            Some(first) => Self::escaped(data, from, from + first, last),
        }
    }

    /// Decodes `data` whose first escape character stands at `at`.
    fn escaped(data: &[u8], from: usize, mut at: usize, last: bool) -> Self {
        let mut bytes = Vec::with_capacity(data.len() - from);
        let mut places = Vec::new();
        let mut plain = from;
        while at < data.len() {
            match read(&data[at..]) {
                Escapes { cut: true, .. } if !last => break,
                escapes => match escapes.longest() {
                    Some((byte, length)) => {
                        bytes.extend_from_slice(&data[plain..at]);
                        bytes.push(byte);
                        at += length;
                        plain = at;
                        places.push((bytes.len(), at));
                    }
                    None => at += 1,
                },
            }
            at = next_lead(data, at);
        }
        bytes.extend_from_slice(&data[plain..at]);
        Self { bytes: Cow::Owned(bytes), places, from, end: at }
    }

    /// Where in the data the decoded byte at `index` begins.
    pub(crate) fn place(&self, index: usize) -> usize {
        let passed = self.places.partition_point(|(decoded, _)| *decoded <= index);
        match passed.checked_sub(1).and_then(|at| self.places.get(at)) {
            Some((decoded, at)) => at + (index - decoded),
            None => self.from + index,
        }
    }
}

/// The next escape character from `at` on, or the end.
fn next_lead(data: &[u8], at: usize) -> usize {
    let rest = &data[at..];
    let near = &rest[..rest.len().min(NEAR)];
    match near.iter().position(|byte| is_lead(*byte)) {
        Some(offset) => at + offset,
        None => {
            let far = &rest[near.len()..];
            at + near.len() + memchr::memchr3(b'%', b'\\', b'&', far).unwrap_or(far.len())
        }
    }
}
