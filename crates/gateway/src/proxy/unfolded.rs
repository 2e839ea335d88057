//! A body as those read it who undo what mail does to parts.

use bytes::Bytes;

/// Takes line breaks and zeros out of a body, and quoted-printable apart (RFC 2045 section 6.7): a token that stands in wrapped
/// base64, in quoted-printable or in UTF-16 then stands there in one piece. Where nothing was encoded, what comes out means
/// nothing, and is only searched.
#[derive(Debug, Default)]
pub(super) struct Unfolded {
    /// `=` at the end of what came, and a digit behind it.
    begun: Vec<u8>,
}

impl Unfolded {
    /// The next piece, unfolded.
    pub(super) fn push(&mut self, piece: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(piece.len());
        for &byte in piece {
            self.byte(byte, &mut out);
        }
        out.into()
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.begun.as_slice(), byte) {
            (_, 0) => {}
            // What stands before the break may be the end of an escape, and is none then.
            ([], b'\r' | b'\n') => {}
            ([b'='], b'\r' | b'\n') => self.begun.clear(),
            ([], b'=') => self.begun.push(byte),
            ([], _) => out.push(byte),
            ([b'='], _) if byte.is_ascii_hexdigit() => self.begun.push(byte),
            ([b'=', high], _) if byte.is_ascii_hexdigit() => {
                out.push((digit(*high) << 4) | digit(byte));
                self.begun.clear();
            }
            _ => {
                out.append(&mut self.begun);
                self.byte(byte, out);
            }
        }
    }
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    char::from(byte).to_digit(16).map_or(0, |value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_undone_however_the_body_is_cut() {
        let text = b"a=2Eb=\r\nc\r\nd\0e=3D=4=zz=\n=41";
        for cut in 0..text.len() {
            let mut unfolded = Unfolded::default();
            let out = [unfolded.push(&text[..cut]), unfolded.push(&text[cut..])].concat();
            assert_eq!(out, b"a.bcde==4=zzA", "{cut}");
        }
    }
}
