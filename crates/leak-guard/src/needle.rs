//! What is searched for, prepared for searching.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use memchr::memmem::Finder;

use crate::escape::{LONGEST_SPELLING, is_lead};

/// Shortest base64 inner part that is looked for: shorter ones would be found in innocent text.
const SHORTEST_BASE64: usize = 6;

/// Bytes before the anchor. An occurrence that begins inside an escape reads at most so many bytes differently from
/// [`Decoded`](crate::decode::Decoded).
pub(crate) const LEAD_IN: usize = LONGEST_SPELLING - 1;

/// Most bytes of an anchor: the vectorised search takes no more.
const LONGEST_ANCHOR: usize = 32;

/// Fewest bytes of an anchor: shorter ones are found too often.
const SHORTEST_ANCHOR: usize = 8;

/// Decoded bytes from which on a beginning could lack a whole anchor.
pub(crate) const TAIL: usize = LEAD_IN + LONGEST_ANCHOR + LONGEST_SPELLING;

/// A secret prepared for searching, in all its encodings. Cheap to clone: worth keeping beside the token it was made of.
#[derive(Clone)]
pub struct PreparedToken(pub(crate) Arc<[Needle]>);

impl PreparedToken {
    /// Prepares `token`; an empty one is found nowhere.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let mut needles = Vec::with_capacity(7);
        if !token.is_empty() {
            push_new(&mut needles, token.as_bytes().to_vec());
            // As many bytes in front as the largest lead has.
            let led = [&[0, 0], token.as_bytes()].concat();
            for lead in 0..3 {
                let part = base64_inner(&led[2 - lead..], lead);
                if part.len() < SHORTEST_BASE64 {
                    continue;
                }
                if part.iter().any(|byte| matches!(byte, b'+' | b'/')) {
                    push_new(&mut needles, part.iter().copied().map(url_safe).collect());
                }
                push_new(&mut needles, part);
            }
        }
        Self(needles.into_iter().map(Needle::new).collect())
    }

    /// Whether both are clones of one: of the same secret, prepared once.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::fmt::Debug for PreparedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PreparedToken")
    }
}

/// One text that is searched for.
pub(crate) struct Needle {
    pub(crate) bytes: Vec<u8>,
    /// Finds what stands after the first [`LEAD_IN`] bytes; `None` for a needle that is too short for that, or holds a
    /// character that begins escapes and so can be read in more than one way.
    pub(crate) anchor: Option<Finder<'static>>,
}

impl Needle {
    fn new(bytes: Vec<u8>) -> Self {
        let long = bytes.len() >= LEAD_IN + SHORTEST_ANCHOR;
        let anchor = (long && !bytes.iter().copied().any(is_lead)).then(|| {
            let end = bytes.len().min(LEAD_IN + LONGEST_ANCHOR);
            Finder::new(&bytes[LEAD_IN..end]).into_owned()
        });
        Self { bytes, anchor }
    }
}

/// All needles of a guard.
pub(crate) struct Needles {
    tokens: Vec<PreparedToken>,
    /// The bytes that needles begin with.
    first: [bool; 256],
    /// Whether there is one without an anchor.
    pub(crate) unanchored: bool,
}

impl Needles {
    pub(crate) fn new(tokens: Vec<PreparedToken>) -> Self {
        let (mut first, mut unanchored) = ([false; 256], false);
        for needle in tokens.iter().flat_map(|token| token.0.iter()) {
            unanchored |= needle.anchor.is_none();
            if let Some(byte) = needle.bytes.first() {
                first[usize::from(*byte)] = true;
            }
        }
        Self { tokens, first, unanchored }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Needle> {
        self.tokens.iter().flat_map(|token| token.0.iter())
    }

    /// The needles, each with its place among them.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (Id, &Needle)> {
        self.tokens.iter().enumerate().flat_map(|(token, prepared)| {
            prepared.0.iter().enumerate().map(move |(encoding, needle)| (Id { token, encoding }, needle))
        })
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Needle> {
        self.tokens.get(id.token)?.0.get(id.encoding)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether a needle begins with `byte`.
    pub(crate) fn begins(&self, byte: u8) -> bool {
        self.first[usize::from(byte)]
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
    token: usize,
    encoding: usize,
}

fn push_new(needles: &mut Vec<Vec<u8>>, needle: Vec<u8>) {
    if !needles.contains(&needle) {
        needles.push(needle);
    }
}

/// What the base64 of any text has in common that holds a token after `lead` bytes (modulo three), which `data` begins with.
fn base64_inner(data: &[u8], lead: usize) -> Vec<u8> {
    let mut encoded = STANDARD_NO_PAD.encode(data).into_bytes();
    // Characters that hold a bit of what follows, and of what stands before.
    encoded.truncate(data.len() * 8 / 6);
    encoded.drain(..(lead * 8).div_ceil(6).min(encoded.len()));
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
