//! Takes the values of `access_token` members out of JSON that streams by.
//!
//! Facebook puts tokens of pages and test users, which the gateway has never seen, into members of that name at any depth.
//! The filter does not parse documents: in JSON a string is a member's name exactly when a colon follows it, so it is
//! enough to walk from string to string. Nothing is held back, and of nesting only the depth inside a removed value is kept.

use bytes::{Bytes, BytesMut};

/// The member whose value goes, and what stands there instead.
const NAME: &[u8] = b"access_token";
const REMOVED: &[u8] = b"\"[removed]\"";

/// Replaces values of `access_token` members, of whatever type and at whatever depth, by `"[removed]"`.
///
/// Chunk borders may fall anywhere. Names are compared after their JSON escapes are read. What is not JSON passes
/// unchanged unless it looks like such a member.
#[derive(Debug)]
pub struct MemberStripper {
    state: State,
    hits: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between strings.
    Outside,
    /// In a string that may be a name.
    Text(Name),
    /// In a string that is none of ours; `true` after a backslash.
    Other(bool),
    /// After a string equal to the name: does a colon follow?
    Named,
    /// After name and colon, before the value.
    Before,
    /// In a value that is being removed: a string (`true` after a backslash), ...
    DropText(bool),
    /// ... an object or array: its depth, whether in a string, whether after a backslash, ...
    DropNested { depth: usize, text: bool, escaped: bool },
    /// ... or a number or a word.
    DropScalar,
}

/// How much of [`NAME`] a string has spelled so far.
#[derive(Clone, Copy, Debug, Default)]
struct Name {
    matched: usize,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    Backslash,
    /// Digits read, value so far.
    Unicode(u8, u32),
}

impl Default for MemberStripper {
    fn default() -> Self {
        Self::new()
    }
}

impl MemberStripper {
    /// A filter at the beginning of a document.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::Outside, hits: 0 }
    }

    /// Values removed since the last call.
    pub fn take_hits(&mut self) -> u64 {
        std::mem::take(&mut self.hits)
    }

    /// Takes the next chunk, gives it back without the values; a chunk without any comes out without a copy.
    pub fn push(&mut self, chunk: Bytes) -> Bytes {
        let mut out: Option<BytesMut> = None;
        // Start of the bytes that are passed on but not yet copied to `out`.
        let mut kept = 0;
        let mut at = 0;
        while let Some(byte) = chunk.get(at).copied() {
            let dropping = self.is_dropping();
            let used = self.step(byte, &chunk[at..]);
            match (dropping, self.is_dropping()) {
                (false, true) => {
                    let out = out.get_or_insert_with(|| BytesMut::with_capacity(chunk.len()));
                    out.extend_from_slice(&chunk[kept..at]);
                    out.extend_from_slice(REMOVED);
                    self.hits += 1;
                }
                (true, false) => kept = at + used,
                _ => {}
            }
            at += used;
        }
        match out {
            None if self.is_dropping() && kept < at => Bytes::new(),
            None if kept == 0 => chunk,
            None => chunk.slice(kept..),
            Some(mut out) => {
                if !self.is_dropping() {
                    out.extend_from_slice(&chunk[kept..]);
                }
                out.freeze()
            }
        }
    }

    fn is_dropping(&self) -> bool {
        matches!(self.state, State::DropText(_) | State::DropNested { .. } | State::DropScalar)
    }

    /// Moves over `byte`, or over more of `rest` (which begins with it); returns how many bytes.
    fn step(&mut self, byte: u8, rest: &[u8]) -> usize {
        let mut used = 1;
        self.state = match self.state {
            State::Outside => match memchr::memchr(b'"', rest) {
                Some(quote) => {
                    used = quote + 1;
                    State::Text(Name::default())
                }
                None => {
                    used = rest.len();
                    State::Outside
                }
            },
            State::Text(name) => name.next(byte),
            State::Other(true) => State::Other(false),
            State::Other(false) => match memchr::memchr2(b'"', b'\\', rest) {
                Some(place) => {
                    used = place + 1;
                    if rest[place] == b'"' { State::Outside } else { State::Other(true) }
                }
                None => {
                    used = rest.len();
                    State::Other(false)
                }
            },
            State::Named => match byte {
                b':' => State::Before,
                b'"' => State::Text(Name::default()),
                _ if is_space(byte) => State::Named,
                _ => State::Outside,
            },
            State::Before => match byte {
                b'"' => State::DropText(false),
                b'{' | b'[' => State::DropNested { depth: 1, text: false, escaped: false },
                b',' | b'}' | b']' | b':' => State::Outside,
                _ if is_space(byte) => State::Before,
                _ => State::DropScalar,
            },
            State::DropText(true) => State::DropText(false),
            State::DropText(false) => match byte {
                b'"' => State::Outside,
                b'\\' => State::DropText(true),
                _ => State::DropText(false),
            },
            State::DropNested { depth, text, escaped } => nested(depth, text, escaped, byte),
            State::DropScalar if is_space(byte) || matches!(byte, b',' | b'}' | b']') => {
                used = 0;
                State::Outside
            }
            State::DropScalar => State::DropScalar,
        };
        used
    }
}

impl Name {
    /// The next byte of the string, after which the rest of the name is still open, or settled either way.
    fn next(mut self, byte: u8) -> State {
        match (self.escape, byte) {
            (Escape::None, b'"') => {
                return if self.matched == NAME.len() { State::Named } else { State::Outside };
            }
            (Escape::None, b'\\') => self.escape = Escape::Backslash,
            (Escape::None, _) => return self.character(u32::from(byte)),
            (Escape::Backslash, b'u') => self.escape = Escape::Unicode(0, 0),
            // None of the short escapes stands for a character of the name.
            (Escape::Backslash, _) => return State::Other(false),
            (Escape::Unicode(count, value), _) => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    // Not JSON. Go on as in any other string, with this byte's own meaning.
                    return match byte {
                        b'"' => State::Outside,
                        b'\\' => State::Other(true),
                        _ => State::Other(false),
                    };
                };
                let value = value * 16 + digit;
                if count == 3 {
                    self.escape = Escape::None;
                    return self.character(value);
                }
                self.escape = Escape::Unicode(count + 1, value);
            }
        }
        State::Text(self)
    }

    fn character(mut self, value: u32) -> State {
        if NAME.get(self.matched).is_some_and(|expected| u32::from(*expected) == value) {
            self.matched += 1;
            State::Text(self)
        } else {
            State::Other(false)
        }
    }
}

/// One byte inside an object or array that is being removed.
fn nested(depth: usize, text: bool, escaped: bool, byte: u8) -> State {
    let inside = |depth, text, escaped| State::DropNested { depth, text, escaped };
    match (text, byte) {
        (true, _) if escaped => inside(depth, true, false),
        (true, b'\\') => inside(depth, true, true),
        (true, b'"') => inside(depth, false, false),
        (true, _) => inside(depth, true, false),
        (false, b'"') => inside(depth, true, false),
        (false, b'{' | b'[') => inside(depth + 1, false, false),
        (false, b'}' | b']') if depth == 1 => State::Outside,
        (false, b'}' | b']') => inside(depth - 1, false, false),
        (false, _) => inside(depth, false, false),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests;
