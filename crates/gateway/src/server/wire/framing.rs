//! Where a request's body ends. Stricter than hyper's decoder, so that the two cannot disagree.

use super::Fault;

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// That many bytes (not zero).
    Length(u64),
    /// Chunks and trailers.
    Chunked,
}

/// Longest chunk-size line, extensions included.
const MAX_SIZE_LINE: usize = 256;
/// Most bytes of trailers; they are dropped anyway.
const MAX_TRAILERS: usize = 8 * 1024;

/// Follows one body through the byte stream.
#[derive(Debug)]
pub(crate) struct Tracker(State);

#[derive(Debug)]
enum State {
    Length(u64),
    /// In a size line: digits so far and their value, whether the extension has begun, length of the line.
    Size {
        digits: u32,
        value: u64,
        extension: bool,
        line: usize,
    },
    /// The size line's CR was read.
    SizeEnd(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// In the trailer section: bytes so far, bytes in this line, whether the last byte was CR.
    Trailers {
        total: usize,
        line: usize,
        cr: bool,
    },
    Done,
}

const SIZE: State = State::Size { digits: 0, value: 0, extension: false, line: 0 };

impl Tracker {
    pub(crate) fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Empty => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => SIZE,
        })
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.0, State::Done)
    }

    /// Takes the next bytes of the stream and says how many of them belong to this body.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            at += match &mut self.0 {
                State::Length(left) | State::Data(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    *left -= taken as u64;
                    taken
                }
                _ => {
                    self.step(bytes[at])?;
                    1
                }
            };
            match self.0 {
                State::Length(0) => self.0 = State::Done,
                State::Data(0) => self.0 = State::DataCr,
                _ => {}
            }
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        self.0 = match &self.0 {
            State::Size { digits, value, extension, line } => {
                size_line(*digits, *value, *extension, *line, byte)?
            }
            State::SizeEnd(size) => match (byte, size) {
                (b'\n', 0) => State::Trailers { total: 0, line: 0, cr: false },
                (b'\n', size) => State::Data(*size),
                _ => return Err(Fault::Framing("a chunk size line must end with CR LF")),
            },
            State::DataCr if byte == b'\r' => State::DataLf,
            State::DataLf if byte == b'\n' => SIZE,
            State::Trailers { total, line, cr } => trailer(*total, *line, *cr, byte)?,
            _ => return Err(Fault::Framing("a chunk is longer or shorter than it says")),
        };
        Ok(())
    }
}

fn size_line(digits: u32, value: u64, extension: bool, line: usize, byte: u8) -> Result<State, Fault> {
    if line >= MAX_SIZE_LINE {
        return Err(Fault::Framing("a chunk size line is too long"));
    }
    match byte {
        b'\r' if digits > 0 => Ok(State::SizeEnd(value)),
        b';' if digits > 0 => Ok(State::Size { digits, value, extension: true, line: line + 1 }),
        b'\t' | 0x20..=0x7E if extension => Ok(State::Size { digits, value, extension, line: line + 1 }),
        _ if !extension && byte.is_ascii_hexdigit() && digits < 15 => {
            let digit = u64::from((byte as char).to_digit(16).unwrap_or_default());
            Ok(State::Size { digits: digits + 1, value: value << 4 | digit, extension, line: line + 1 })
        }
        _ => Err(Fault::Framing("a chunk size must be plain hexadecimal digits")),
    }
}

fn trailer(total: usize, line: usize, cr: bool, byte: u8) -> Result<State, Fault> {
    if total >= MAX_TRAILERS {
        return Err(Fault::Framing("the trailers are too long"));
    }
    match (byte, cr) {
        (b'\n', true) if line == 0 => Ok(State::Done),
        (b'\n', true) => Ok(State::Trailers { total: total + 1, line: 0, cr: false }),
        (b'\r', false) => Ok(State::Trailers { total: total + 1, line, cr: true }),
        (b'\t' | 0x20..=0x7E | 0x80.., false) => {
            Ok(State::Trailers { total: total + 1, line: line + 1, cr: false })
        }
        _ => Err(Fault::Framing("the trailers hold a control byte or a bare line end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in two parts, at every border, and says how long the body was.
    fn end(framing: Framing, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        let mut answers = (0..=bytes.len()).map(|border| {
            let mut tracker = Tracker::new(framing);
            let mut used = tracker.advance(&bytes[..border])?;
            if used == border {
                used += tracker.advance(&bytes[border..])?;
            }
            Ok(tracker.is_done().then_some(used))
        });
        let first = answers.next().expect("at least one border");
        assert!(answers.all(|other| other == first), "the border decides in {bytes:?}");
        first
    }

    #[test]
    fn bodies_end_where_they_say() {
        assert_eq!(end(Framing::Length(3), b"abcGET"), Ok(Some(3)));
        assert_eq!(end(Framing::Length(9), b"abc"), Ok(None));
        assert_eq!(end(Framing::Chunked, b"3\r\nabc\r\n0\r\n\r\nGET"), Ok(Some(13)));
        assert_eq!(end(Framing::Chunked, b"0A;x=\"y\"\r\n0123456789\r\n0\r\nA: b\r\n\r\nGET"), Ok(Some(33)));
        assert_eq!(end(Framing::Chunked, b"3\r\nab"), Ok(None));
    }

    #[test]
    fn tm_f01_chunks_that_parsers_read_differently_are_errors() {
        for bad in [
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "+3\r\nabc\r\n",
            "0x3\r\nabc\r\n",
            " 3\r\nabc\r\n",
            "3 \r\nabc\r\n",
            "\r\nabc",
            ";x\r\n",
            "-1\r\n",
            "g\r\n",
            "1234567890abcdef0\r\n",
            "3\r\nabc0\r\n\r\n",
            "3\r\nabcX\n0\r\n\r\n",
            "3\r\nabc\rX0\r\n\r\n",
            "3;\nabc",
            "3;a\rb\r\nabc\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\n\n",
            "0\r\nA: \0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3_0\r\n",
            "3\r\rabc",
        ] {
            assert!(end(Framing::Chunked, bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(
            end(Framing::Chunked, &[b"1;".as_slice(), &[b'x'; 300], b"\r\na\r\n0\r\n\r\n"].concat()).is_err()
        );
    }
}
