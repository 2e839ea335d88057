//! The needles of a guard, and how one byte of a needle may be spelled.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Bytes of a needle that the automaton sees. With fewer, its own fast search is often not to be had (measured).
pub(super) const SEED: usize = 16;

/// Shortest base64 inner part that is looked for: shorter ones would be found in innocent text.
const SHORTEST_BASE64: usize = 6;

/// Length of the longest spelling of one byte, `\u002F`.
pub(super) const LONGEST_SPELLING: usize = 6;

/// What is searched for, prepared for searching.
pub(super) struct Needles {
    needles: Vec<Vec<u8>>,
    /// Finds seeds; `None` when there is nothing to search for.
    seeds: Option<AhoCorasick>,
    /// For each pattern of `seeds`, the needles that begin with it.
    by_seed: Vec<Vec<usize>>,
    /// Which bytes occur in any needle: escapes that stand for another one are of no interest.
    occurs: [bool; 256],
}

/// How a byte is spelled at some place of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// As an escape of this many bytes, standing for this byte.
    Escape(u8, usize),
    /// Not an escape, or not one that stands for a byte of interest.
    Plain,
    /// The data ends inside what could become an escape.
    Cut,
}

impl Needles {
    pub(super) fn new(tokens: &[&str]) -> Self {
        let mut needles: Vec<Vec<u8>> = Vec::with_capacity(tokens.len() * 7);
        for token in tokens.iter().filter(|token| !token.is_empty()) {
            push_new(&mut needles, token.as_bytes().to_vec());
            for lead in 0..3 {
                for part in
                    [base64_inner(&STANDARD_NO_PAD, token, lead), base64_inner(&URL_SAFE_NO_PAD, token, lead)]
                {
                    if part.len() >= SHORTEST_BASE64 {
                        push_new(&mut needles, part);
                    }
                }
            }
        }
        let (seeds, by_seed) = seeds(&needles);
        let mut occurs = [false; 256];
        for byte in needles.iter().flatten() {
            occurs[usize::from(*byte)] = true;
        }
        Self { needles, seeds, by_seed, occurs }
    }

    pub(super) fn len(&self) -> usize {
        self.needles.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.needles.iter().map(Vec::as_slice)
    }

    pub(super) fn automaton(&self) -> Option<&AhoCorasick> {
        self.seeds.as_ref()
    }

    /// The needles that begin with the automaton's pattern `seed`.
    pub(super) fn with_seed(&self, seed: usize) -> impl Iterator<Item = &[u8]> {
        self.by_seed.get(seed).into_iter().flatten().map(|index| self.needles[*index].as_slice())
    }

    /// All places where `byte` occurs in a needle: the needle and the position in it.
    pub(super) fn occurrences(&self, byte: u8) -> impl Iterator<Item = (&[u8], usize)> {
        let needles: &[Vec<u8>] = if self.occurs[usize::from(byte)] { &self.needles } else { &[] };
        needles
            .iter()
            .flat_map(move |needle| memchr::memchr_iter(byte, needle).map(move |at| (needle.as_slice(), at)))
    }

    /// The longest beginning of a spelling that is not yet a whole one.
    pub(super) fn longest_partial(&self) -> usize {
        let longest = self.needles.iter().map(Vec::len).max().unwrap_or_default();
        (longest * LONGEST_SPELLING).saturating_sub(1)
    }
}

fn push_new(needles: &mut Vec<Vec<u8>>, needle: Vec<u8>) {
    if !needles.contains(&needle) {
        needles.push(needle);
    }
}

/// The automaton over the distinct beginnings, and who begins with each.
fn seeds(needles: &[Vec<u8>]) -> (Option<AhoCorasick>, Vec<Vec<usize>>) {
    let mut seeds: Vec<&[u8]> = Vec::new();
    let mut by_seed: Vec<Vec<usize>> = Vec::new();
    for (index, needle) in needles.iter().enumerate() {
        let seed = &needle[..needle.len().min(SEED)];
        match seeds.iter().position(|known| *known == seed) {
            Some(at) => by_seed[at].push(index),
            None => {
                seeds.push(seed);
                by_seed.push(vec![index]);
            }
        }
    }
    if seeds.is_empty() {
        return (None, by_seed);
    }
    // This kind is built in half the time of the default one, and searches as fast.
    // A seed may begin with another, shorter one; the search reports overlapping matches, which `Standard` allows.
    let automaton = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .match_kind(MatchKind::Standard)
        .build(&seeds)
        .ok();
    (automaton, by_seed)
}

/// What the base64 of any text has in common that holds `token` after `lead` bytes (modulo three).
fn base64_inner(engine: &impl base64::Engine, token: &str, lead: usize) -> Vec<u8> {
    let mut data = vec![0; lead];
    data.extend_from_slice(token.as_bytes());
    let encoded = engine.encode(&data).into_bytes();
    // Characters that hold a bit of what stands before, and of what follows.
    let first = (lead * 8).div_ceil(6);
    let last = data.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().to_vec()
}

/// Reads the escape that begins at `at`, where a `%` or a `\` stands.
pub(super) fn unit(data: &[u8], at: usize) -> Unit {
    let rest = &data[at..];
    match rest {
        [b'%', more @ ..] => hex(more, 2, 1),
        [b'\\'] => Unit::Cut,
        [b'\\', byte @ (b'/' | b'\\' | b'"'), ..] => Unit::Escape(*byte, 2),
        [b'\\', b'u', more @ ..] => hex(more, 4, 2),
        _ => Unit::Plain,
    }
}

/// A number of `digits` hexadecimal digits after `skipped` bytes, as an escape for one byte.
fn hex(rest: &[u8], digits: usize, skipped: usize) -> Unit {
    let mut value = 0_u32;
    for at in 0..digits {
        let Some(byte) = rest.get(at) else { return Unit::Cut };
        let Some(digit) = char::from(*byte).to_digit(16) else { return Unit::Plain };
        value = value * 16 + digit;
    }
    match u8::try_from(value) {
        // Above ASCII a JSON escape is a character, not a byte, and tokens are ASCII.
        Ok(byte) if digits == 2 || byte.is_ascii() => Unit::Escape(byte, skipped + digits),
        _ => Unit::Plain,
    }
}
