//! The needles of a guard, and how one byte of a needle may be spelled.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use memchr::memmem::Finder;

/// Shortest base64 inner part that is looked for: shorter ones would be found in innocent text.
const SHORTEST_BASE64: usize = 6;

/// Length of the longest spelling of one byte, `\u002F`.
pub(super) const LONGEST_SPELLING: usize = 6;

/// Bytes that the vectorised search looks for. Preparing it takes time that grows with them, and they are rare enough.
const END: usize = 16;

/// One text that is searched for.
pub(super) struct Needle {
    bytes: Vec<u8>,
    /// Finds its end. Tokens of one kind begin alike, and in a JWT much of the beginning is nothing special.
    end: Finder<'static>,
}

impl Needle {
    fn new(bytes: Vec<u8>) -> Self {
        let end = Finder::new(&bytes[bytes.len().saturating_sub(END)..]).into_owned();
        Self { bytes, end }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Where it stands in `data`, every place, without any escape.
    pub(super) fn find<'a>(&'a self, data: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let before = self.bytes.len() - self.end.needle().len();
        let mut from = before;
        std::iter::from_fn(move || {
            loop {
                let end = from + self.end.find(data.get(from..)?)?;
                from = end + 1;
                let start = end - before;
                if data[start..].starts_with(&self.bytes) {
                    return Some(start);
                }
            }
        })
    }
}

/// What is searched for, prepared for searching.
pub(super) struct Needles {
    needles: Vec<Needle>,
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
        let mut occurs = [false; 256];
        for byte in needles.iter().flatten() {
            occurs[usize::from(*byte)] = true;
        }
        Self { needles: needles.into_iter().map(Needle::new).collect(), occurs }
    }

    pub(super) fn len(&self) -> usize {
        self.needles.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.needles.iter().map(|needle| &*needle.bytes)
    }

    /// Each needle, ready to be searched for.
    pub(super) fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// All places where `byte` occurs in a needle: the needle and the position in it.
    pub(super) fn occurrences(&self, byte: u8) -> impl Iterator<Item = (&[u8], usize)> {
        let needles: &[Needle] = if self.occurs[usize::from(byte)] { &self.needles } else { &[] };
        needles
            .iter()
            .map(|needle| &*needle.bytes)
            .flat_map(move |needle| memchr::memchr_iter(byte, needle).map(move |at| (needle, at)))
    }

    /// The longest beginning of a spelling that is not yet a whole one.
    pub(super) fn longest_partial(&self) -> usize {
        let longest = self.iter().map(<[u8]>::len).max().unwrap_or_default();
        (longest * LONGEST_SPELLING).saturating_sub(1)
    }
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
