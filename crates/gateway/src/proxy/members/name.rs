//! Names of members, in every spelling that a server may take for one that a rule is about.

/// So much of a name is kept: what is left out below cannot stand in front of the part that decides.
const LONGEST: usize = 64;

/// A name while it is read: percent-decoded, without what some server ignores. These are bytes outside ASCII (byte order marks,
/// broken UTF-8), blanks and zeros in front, and zeros after a zero.
///
/// A name that is shorter than [`LONGEST`] is compared as a whole. Of a longer one no more can matter, as every name of a rule is
/// shorter than half of that.
#[derive(Debug, Default)]
pub(super) struct Name {
    text: Vec<u8>,
    /// `%`, or `%` and one digit.
    escape: Vec<u8>,
}

impl Name {
    /// The name that is written so.
    pub(super) fn of(raw: &[u8]) -> Vec<u8> {
        let mut name = Self::default();
        raw.iter().for_each(|byte| name.push(*byte));
        name.take()
    }

    /// Takes the next byte.
    pub(super) fn push(&mut self, byte: u8) {
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (&self.escape[..], digit) {
            ([b'%', high], Some(low)) => {
                let high = char::from(*high).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                self.escape.clear();
                self.keep((high.unwrap_or_default() << 4) | low);
            }
            ([b'%'], Some(_)) => self.escape.push(byte),
            _ => {
                self.end_escape();
                if byte == b'%' { self.escape.push(byte) } else { self.keep(byte) }
            }
        }
    }

    /// Whether nothing more is kept.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= LONGEST
    }

    /// The name, and room for the next.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.end_escape();
        std::mem::take(&mut self.text)
    }

    /// What was no escape stands for itself.
    fn end_escape(&mut self) {
        for byte in std::mem::take(&mut self.escape) {
            self.keep(byte);
        }
    }

    fn keep(&mut self, byte: u8) {
        let is_ignored = match byte {
            0x80.. => true,
            0 => matches!(self.text.last(), None | Some(0)),
            b'+' | b' ' | b'\t'..=b'\r' => self.text.is_empty(),
            _ => false,
        };
        if !is_ignored && !self.is_full() {
            self.text.push(byte);
        }
    }
}
