//! What is searched for, prepared for searching.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::escape::{LONGEST_SPELLING, hex, is_lead};
use crate::sample::{Grams, SHORTEST};

/// Shortest base64 inner part that is looked for: shorter ones would be found in innocent text.
const SHORTEST_BASE64: usize = 6;

/// A secret prepared for searching, in all its encodings. Cheap to clone: worth keeping beside the token it was made of.
#[derive(Clone)]
pub struct PreparedToken(pub(crate) Arc<Prepared>);

/// What clones share.
pub(crate) struct Prepared {
    pub(crate) needles: Box<[Needle]>,
    /// Finds the needles that are sampled.
    pub(crate) grams: Option<Grams>,
    /// A bit for each byte that a sampled needle begins with.
    first: [u64; 4],
    /// Bytes of the shortest needle; `usize::MAX` without needles.
    shortest: usize,
}

impl PreparedToken {
    /// Prepares `token`; an empty one is found nowhere.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let mut needles = Vec::with_capacity(7);
        if !token.is_empty() {
            push_new(&mut needles, Zeroizing::new(token.as_bytes().to_vec()));
            // As many bytes in front as the largest lead has.
            let led = Zeroizing::new([&[0, 0], token.as_bytes()].concat());
            for lead in 0..3 {
                let part = base64_inner(&led[2 - lead..], lead);
                if part.len() < SHORTEST_BASE64 {
                    continue;
                }
                if part.iter().any(|byte| matches!(byte, b'+' | b'/')) {
                    push_new(&mut needles, Zeroizing::new(part.iter().copied().map(url_safe).collect()));
                }
                push_new(&mut needles, part);
            }
        }
        let needles: Box<[Needle]> = needles.into_iter().map(Needle::new).collect();
        let mut first = [0; 4];
        for byte in needles.iter().filter(|needle| needle.sampled).filter_map(|needle| needle.bytes.first()) {
            first[usize::from(*byte) / 64] |= 1 << (byte % 64);
        }
        let shortest = needles.iter().map(|needle| needle.bytes.len()).min().unwrap_or(usize::MAX);
        Self(Arc::new(Prepared { grams: Grams::new(&needles), needles, first, shortest }))
    }

    /// Whether both are clones of one: of the same secret, prepared once.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Bytes of memory that all clones together take.
    #[must_use]
    pub fn size(&self) -> usize {
        let needles: usize =
            self.0.needles.iter().map(|needle| size_of::<Needle>() + needle.bytes.capacity()).sum();
        size_of::<Prepared>() + needles + self.0.grams.as_ref().map_or(0, Grams::size)
    }
}

impl std::fmt::Debug for PreparedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PreparedToken")
    }
}

impl Prepared {
    /// Whether a needle that is sampled begins with `byte`.
    #[inline]
    pub(crate) fn begins(&self, byte: u8) -> bool {
        self.first[usize::from(byte) / 64] >> (byte % 64) & 1 == 1
    }
}

/// One text that is searched for.
pub(crate) struct Needle {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Whether it is found by samples. One that is too short for that, or holds a character that begins escapes and so can be
    /// read in more than one way, is compared at every place.
    pub(crate) sampled: bool,
}

impl Needle {
    fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        let sampled = bytes.len() >= SHORTEST && !bytes.iter().copied().any(is_lead);
        Self { bytes, sampled }
    }
}

/// All needles of a guard.
pub(crate) struct Needles {
    pub(crate) tokens: Vec<PreparedToken>,
    /// The fewest bytes that can hold a needle: each byte of it takes at least one byte. `usize::MAX` without needles.
    shortest: usize,
}

impl Needles {
    pub(crate) fn new(tokens: Vec<PreparedToken>) -> Self {
        let shortest = tokens.iter().map(|token| token.0.shortest).min().unwrap_or(usize::MAX);
        Self { tokens, shortest }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Needle> {
        self.tokens.iter().flat_map(|token| token.0.needles.iter())
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Needle> {
        self.tokens.get(id.token)?.0.needles.get(id.encoding)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shortest == usize::MAX
    }

    /// Whether a text is long enough to hold one. Most names and values of headers are not.
    #[inline]
    pub(crate) fn fit(&self, text: &[u8]) -> bool {
        text.len() >= self.shortest
    }

    /// Whether a header's name, which is in lower case whatever was sent, holds a needle.
    pub(crate) fn stand_in_name(&self, name: &str) -> bool {
        let mut needles = self.iter().filter(|needle| needle.bytes.len() <= name.len()).peekable();
        if needles.peek().is_none() {
            return false;
        }
        // A percent sign may stand in a name too.
        let mut plain = Zeroizing::new(percent_decoded(name.as_bytes()));
        plain.make_ascii_lowercase();
        needles.any(|needle| {
            let needle = Zeroizing::new(needle.bytes.to_ascii_lowercase());
            [name.as_bytes(), &plain].iter().any(|text| memchr::memmem::find(text, &needle).is_some())
        })
    }

    /// The most bytes that can be undecided.
    pub(crate) fn longest_partial(&self) -> usize {
        let longest = self.iter().map(|needle| needle.bytes.len()).max().unwrap_or_default();
        (longest * LONGEST_SPELLING).saturating_sub(1)
    }
}

/// Which needle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) token: usize,
    pub(crate) encoding: usize,
}

/// `text` with its percent-escapes undone once.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, more @ ..] = rest {
        let escaped = match more {
            [high, low, ..] if *byte == b'%' => hex(*high, *low),
            _ => None,
        };
        out.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { more.get(2..).unwrap_or_default() } else { more };
    }
    out
}

fn push_new(needles: &mut Vec<Zeroizing<Vec<u8>>>, needle: Zeroizing<Vec<u8>>) {
    if !needles.contains(&needle) {
        needles.push(needle);
    }
}

/// What the base64 of any text has in common that holds a token after `lead` bytes (modulo three), which `data` begins with.
fn base64_inner(data: &[u8], lead: usize) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(STANDARD_NO_PAD.encode(data).into_bytes());
    // Characters that hold a bit of what follows, and of what stands before.
    encoded.truncate(data.len() * 8 / 6);
    let before = (lead * 8).div_ceil(6).min(encoded.len());
    encoded.drain(..before);
    encoded
}

/// The URL alphabet's character for the standard one's.
fn url_safe(byte: u8) -> u8 {
    match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    }
}
