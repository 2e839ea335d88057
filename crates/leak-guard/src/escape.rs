//! How one byte may be escaped, and how to read an escape.

/// Length of the longest spelling of one byte, `&#x00000041;`.
pub(crate) const LONGEST_SPELLING: usize = 12;
/// Most digits of a numeric HTML entity.
const ENTITY_DIGITS: usize = 8;

/// Characters with a named HTML entity that occur in tokens.
const NAMED: [(&[u8], u8); 11] = [
    (b"amp;", b'&'),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"sol;", b'/'),
    (b"plus;", b'+'),
    (b"equals;", b'='),
    (b"period;", b'.'),
    (b"lowbar;", b'_'),
    (b"hyphen;", b'-'),
];

/// An escape: the byte it stands for, and its length in the data.
pub(crate) type Escape = (u8, usize);

/// What an escape character begins at some place of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Escapes {
    /// The escape of one layer.
    pub(crate) inner: Option<Escape>,
    /// JSON in JSON, or two layers of percent-encoding: an escape whose backslash or percent sign is itself escaped.
    pub(crate) outer: Option<Escape>,
    /// The data ends where an escape, or a longer one, could still go on.
    pub(crate) cut: bool,
}

impl Escapes {
    /// The lengths of the escapes that stand for `byte`.
    pub(crate) fn lengths(self, byte: u8) -> impl Iterator<Item = usize> {
        let stands_for =
            move |escape: Option<Escape>| escape.filter(|(read, _)| *read == byte).map(|(_, length)| length);
        [stands_for(self.inner), stands_for(self.outer)].into_iter().flatten()
    }

    /// The longest escape.
    pub(crate) fn longest(self) -> Option<Escape> {
        self.outer.or(self.inner)
    }

    /// The bytes that may be meant.
    pub(crate) fn bytes(self) -> impl Iterator<Item = u8> {
        [self.inner, self.outer].into_iter().flatten().map(|(byte, _)| byte)
    }
}

/// Whether one of eight bytes begins escapes.
#[inline]
pub(crate) fn has_lead(eight: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let word = u64::from_ne_bytes(eight);
    // The highest bit of the lowest byte that equals `byte`, and perhaps of others above it.
    let equals = |byte: u8| {
        let differs = word ^ (ONES * u64::from(byte));
        differs.wrapping_sub(ONES) & !differs
    };
    (equals(b'%') | equals(b'\\') | equals(b'&')) & (ONES << 7) != 0
}

/// Whether `byte` begins escapes.
#[inline]
pub(crate) fn is_lead(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&')
}

/// Reads what begins at the start of `rest`.
pub(crate) fn read(rest: &[u8]) -> Escapes {
    match rest {
        [b'%', more @ ..] => percent(more),
        [b'&', more @ ..] => entity(more),
        [b'\\', more @ ..] => backslash(more),
        _ => Escapes::default(),
    }
}

/// What one byte of a text without escape characters is spelled as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// The byte, and the length of its spelling.
    Byte(u8, usize),
    /// The data ends where it could be one.
    Cut,
    /// No spelling.
    Never,
}

/// Reads the one byte that the start of `rest` stands for in an occurrence that has no escape characters itself: there each of them
/// begins an escape, and backslashes in a row belong to one.
#[inline]
pub(crate) fn symbol(rest: &[u8]) -> Symbol {
    match *rest {
        [b'%', b'2', b'5', ..] => any_symbol(rest),
        [b'%', high, low, ..] => match hex(high, low) {
            Some(byte) => Symbol::Byte(byte, 3),
            None => Symbol::Never,
        },
        [b'\\', b'u', b'0', b'0', high, low, ..] => match hex(high, low).filter(u8::is_ascii) {
            Some(byte) => Symbol::Byte(byte, 6),
            None => Symbol::Never,
        },
        [byte, ..] if !is_lead(byte) => Symbol::Byte(byte, 1),
        [b'&', b'#', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b';', ..] => {
            Symbol::Byte((tens - b'0') * 10 + (ones - b'0'), 5)
        }
        [b'&', b'#', b'1', tens @ b'0'..=b'2', ones @ b'0'..=b'7', b';', ..] => {
            Symbol::Byte(100 + (tens - b'0') * 10 + (ones - b'0'), 6)
        }
        [] => Symbol::Cut,
        _ => any_symbol(rest),
    }
}

fn any_symbol(rest: &[u8]) -> Symbol {
    let escapes = read(rest);
    match escapes.longest() {
        _ if escapes.cut => Symbol::Cut,
        Some((byte, length)) => Symbol::Byte(byte, length),
        None => Symbol::Never,
    }
}

/// The byte of two hexadecimal digits.
#[inline]
pub(crate) fn hex(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (DIGITS[usize::from(high)], DIGITS[usize::from(low)]);
    (high < 16 && low < 16).then_some(high << 4 | low)
}

/// The value of each hexadecimal digit; other characters have 255.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 10 {
        digits[(b'0' + value) as usize] = value;
        value += 1;
    }
    while value < 16 {
        digits[(b'a' + value - 10) as usize] = value;
        digits[(b'A' + value - 10) as usize] = value;
        value += 1;
    }
    digits
};

/// What may stand before a place where `byte` of an occurrence without escape characters ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// Where the longest escape begins that ends there and stands for the byte.
    pub(crate) escape: Option<usize>,
    /// The byte itself stands there, which also is so where the occurrence begins inside an escape.
    pub(crate) plain: bool,
}

/// Reads backwards from `end`, not beyond `floor`.
#[inline]
pub(crate) fn before(data: &[u8], floor: usize, end: usize, byte: u8) -> Before {
    let text = data.get(floor..end).unwrap_or_default();
    let plain = text.last() == Some(&byte);
    let length = match *text {
        [.., b'%', high, low] if hex(high, low) == Some(byte) => 3,
        [.., b'%', b'2', b'5', high, low] if hex(high, low) == Some(byte) => 5,
        [.., b'\\', b'u', b'0', b'0', high, low] if byte.is_ascii() && hex(high, low) == Some(byte) => {
            6 + usize::from(text.len() > 6 && text[text.len() - 7] == b'\\')
        }
        [.., b'\\', b'/' | b'"'] if plain => {
            let slashes = text.iter().rev().skip(1).take(3).take_while(|byte| **byte == b'\\').count();
            // Two are not a spelling of a quotation mark; an occurrence may begin with the second one.
            if slashes == 2 && byte == b'"' { 2 } else { slashes + 1 }
        }
        [.., b';'] => entity_before(text, byte),
        _ => 0,
    };
    Before { escape: (length > 0).then(|| end - length), plain }
}

/// The length of the HTML entity that `text` ends with, if it stands for `byte`, else 0.
fn entity_before(text: &[u8], byte: u8) -> usize {
    let near = &text[text.len().saturating_sub(LONGEST_SPELLING)..];
    let Some(start) = near.iter().rposition(|byte| *byte == b'&') else { return 0 };
    let length = near.len() - start;
    if symbol(&near[start..]) == Symbol::Byte(byte, length) { length } else { 0 }
}

const CUT: Escapes = Escapes { inner: None, outer: None, cut: true };
const NONE: Escapes = Escapes { inner: None, outer: None, cut: false };

/// A number in as many digits as `digits` says, with a `;` behind it if `closed`; `before` bytes of the escape stand before it.
fn number(
    rest: &[u8],
    radix: u32,
    digits: std::ops::RangeInclusive<usize>,
    closed: bool,
    before: usize,
) -> Result<Escape, Escapes> {
    let bytes = digits == (2..=2);
    let (mut value, mut count) = (0_u32, 0);
    loop {
        match rest.get(count) {
            None if count < *digits.end() || closed => return Err(CUT),
            Some(byte) if count < *digits.end() => match char::from(*byte).to_digit(radix) {
                Some(digit) => value = value * radix + digit,
                None => break,
            },
            _ => break,
        }
        count += 1;
    }
    if count < *digits.start() || (closed && rest.get(count) != Some(&b';')) {
        return Err(NONE);
    }
    match u8::try_from(value) {
        // A percent escape is a byte. The others are characters, and tokens are ASCII.
        Ok(byte) if bytes || byte.is_ascii() => Ok((byte, before + count + usize::from(closed))),
        _ => Err(NONE),
    }
}

/// After `%`.
fn percent(rest: &[u8]) -> Escapes {
    let inner = match number(rest, 16, 2..=2, false, 1) {
        Ok(found) => Some(found),
        Err(other) => return other,
    };
    match rest {
        [b'2', b'5', more @ ..] => match number(more, 16, 2..=2, false, 3) {
            Ok(outer) => Escapes { inner, outer: Some(outer), cut: false },
            Err(other) => Escapes { inner, ..other },
        },
        _ => Escapes { inner, ..NONE },
    }
}

/// After `&`.
fn entity(rest: &[u8]) -> Escapes {
    let found = match rest {
        [b'#', b'x' | b'X', more @ ..] => number(more, 16, 1..=ENTITY_DIGITS, true, 3),
        [b'#', more @ ..] if !more.is_empty() => number(more, 10, 1..=ENTITY_DIGITS, true, 2),
        _ => {
            let named = NAMED.iter().find(|(name, _)| rest.starts_with(name));
            let begun = rest == b"#" || NAMED.iter().any(|(name, _)| name.starts_with(rest));
            named.map(|(name, byte)| (*byte, name.len() + 1)).ok_or(if begun { CUT } else { NONE })
        }
    };
    found.map_or_else(std::convert::identity, |found| Escapes { inner: Some(found), ..NONE })
}

/// After `\`.
fn backslash(rest: &[u8]) -> Escapes {
    match rest {
        [] => CUT,
        [byte @ (b'/' | b'"'), ..] => Escapes { inner: Some((*byte, 2)), ..NONE },
        [b'u', more @ ..] => unicode(more, 2)
            .map_or_else(std::convert::identity, |found| Escapes { inner: Some(found), ..NONE }),
        [b'\\', more @ ..] => {
            let inner = Some((b'\\', 2));
            match more {
                [] | [b'\\'] => Escapes { inner, outer: None, cut: true },
                [b'/', ..] => Escapes { inner, outer: Some((b'/', 3)), cut: false },
                [b'\\', byte @ (b'/' | b'"' | b'\\'), ..] => {
                    Escapes { inner, outer: Some((*byte, 4)), cut: false }
                }
                [b'u', more @ ..] => match unicode(more, 3) {
                    Ok(found) => Escapes { inner, outer: Some(found), cut: false },
                    Err(other) => Escapes { inner, ..other },
                },
                _ => Escapes { inner, ..NONE },
            }
        }
        _ => NONE,
    }
}

fn unicode(rest: &[u8], before: usize) -> Result<Escape, Escapes> {
    number(rest, 16, 4..=4, false, before)
}
