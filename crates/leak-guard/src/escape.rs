//! How one byte may be escaped, and how to read an escape.

/// Length of the longest spelling of one byte, `&#x0041;`.
pub(crate) const LONGEST_SPELLING: usize = 8;

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
    /// JSON in JSON: an escape whose backslash is itself escaped.
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

/// Whether `byte` begins escapes.
#[inline]
pub(crate) fn is_lead(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&')
}

/// Reads what begins at the start of `rest`.
pub(crate) fn read(rest: &[u8]) -> Escapes {
    match rest {
        [b'%', more @ ..] => number(more, 16, 2..=2, false, 1).map_or_else(std::convert::identity, |found| {
            Escapes { inner: Some(found), ..Escapes::default() }
        }),
        [b'&', more @ ..] => entity(more),
        [b'\\', more @ ..] => backslash(more),
        _ => Escapes::default(),
    }
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
        Ok(byte) if before == 1 || byte.is_ascii() => Ok((byte, before + count + usize::from(closed))),
        _ => Err(NONE),
    }
}

/// After `&`.
fn entity(rest: &[u8]) -> Escapes {
    let found = match rest {
        [b'#', b'x' | b'X', more @ ..] => number(more, 16, 1..=4, true, 3),
        [b'#', more @ ..] if !more.is_empty() => number(more, 10, 1..=4, true, 2),
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
