//! Path and query validation: what may be passed on byte for byte, and what is refused.
//!
//! Nothing here normalises. A path is either sent exactly as it came or not at all, so that the path that was
//! authorised is the path the provider sees (threats R02, R03).

use std::borrow::Cow;

use caller_auth::query;
use http::Method;
use idp_adapters::DeniedValue;

/// Why a path is refused. The words go into a problem's `detail`; they never repeat the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    /// The path does not begin with a slash.
    #[error("the path does not begin with a slash")]
    NoSlash,
    /// `//` right after the provider.
    #[error("the first segment is empty")]
    EmptyFirst,
    /// `.` or `..`, however it is written.
    #[error("a segment is '.' or '..' in some encoding")]
    DotSegment,
    /// `\` or `%5c`.
    #[error("it holds a backslash")]
    Backslash,
    /// A control byte, raw or encoded.
    #[error("it holds a control byte")]
    Control,
    /// A raw byte outside ASCII.
    #[error("it holds a raw non-ASCII byte; percent-encode it as UTF-8")]
    NonAscii,
    /// `%` without two hex digits.
    #[error("it holds a '%' that is not followed by two hex digits")]
    Escape,
    /// `%2F` where the provider has no use for it.
    #[error("it holds an encoded slash, which this provider's paths do not use")]
    EncodedSlash,
    /// Percent-encoding of percent-encoding of percent-encoding, and more.
    #[error("it is percent-encoded more than three times over")]
    Layers,
}

/// The most layers of percent-encoding a path may have. No client needs a second one; proxies add one at most.
const LAYERS: usize = 3;

/// Checks the path that would be sent to the provider (from its leading slash up to the query).
///
/// # Errors
/// The first reason found to refuse it.
pub(crate) fn check(path: &str, encoded_slash: bool) -> Result<(), BadPath> {
    let bytes = path.as_bytes();
    match bytes {
        [b'/', b'/', ..] => return Err(BadPath::EmptyFirst),
        [b'/', ..] => {}
        _ => return Err(BadPath::NoSlash),
    }
    let mut suspicious = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let decoded = escape_at(bytes, at).ok_or(BadPath::Escape)?;
                check_decoded(decoded, encoded_slash)?;
                suspicious = true;
                at += 3;
                continue;
            }
            b'\\' => return Err(BadPath::Backslash),
            b'.' => suspicious = true,
            0..=0x1f | 0x7f => return Err(BadPath::Control),
            0x80.. => return Err(BadPath::NonAscii),
            _ => {}
        }
        at += 1;
    }
    if suspicious { check_layers(bytes) } else { Ok(()) }
}

fn check_decoded(byte: u8, encoded_slash: bool) -> Result<(), BadPath> {
    match byte {
        b'\\' => Err(BadPath::Backslash),
        0..=0x1f | 0x7f => Err(BadPath::Control),
        b'/' if !encoded_slash => Err(BadPath::EncodedSlash),
        _ => Ok(()),
    }
}

/// Looks for dot segments in every layer of percent-encoding: slashes and backslashes separate in each, and what follows a
/// `;` is a parameter.
fn check_layers(path: &[u8]) -> Result<(), BadPath> {
    for (depth, layer) in layers(path).enumerate() {
        if depth > LAYERS {
            return Err(BadPath::Layers);
        }
        if layer.split(|b| matches!(b, b'/' | b'\\')).any(is_dot_segment) {
            return Err(BadPath::DotSegment);
        }
    }
    Ok(())
}

/// A path as it is, decoded once, and so on, until nothing changes; at most one layer more than a path may have. None is
/// longer than the path.
fn layers(path: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let next = |layer: &Cow<'_, [u8]>| decode_once(layer).map(Cow::Owned);
    std::iter::successors(Some(Cow::Borrowed(path)), next).take(LAYERS + 2)
}

fn is_dot_segment(segment: &[u8]) -> bool {
    let name = segment.split(|b| *b == b';').next().unwrap_or_default();
    matches!(name, b"." | b"..")
}

/// One round of decoding in one pass. Escapes that are none stay as they are; overlong UTF-8 forms of `.` and `/` count as
/// what lenient decoders make of them. `None` when nothing changed.
fn decode_once(bytes: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'%', bytes)?;
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut changed) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let decoded = escape_at(bytes, at);
        changed |= decoded.is_some();
        at += if decoded.is_some() { 3 } else { 1 };
        out.push(decoded.unwrap_or(byte));
        fold_overlong(&mut out);
    }
    changed.then_some(out)
}

/// Replaces an overlong form at the end of `out`. The plain byte is part of no longer form, so looking once suffices.
fn fold_overlong(out: &mut Vec<u8>) {
    let (length, plain) = match out.as_slice() {
        [.., 0xe0, 0x80, 0xae] => (3, b'.'),
        [.., 0xe0, 0x80, 0xaf] => (3, b'/'),
        [.., 0xc0, 0xae] => (2, b'.'),
        [.., 0xc0, 0xaf] => (2, b'/'),
        _ => return,
    };
    out.truncate(out.len() - length);
    out.push(plain);
}

fn escape_at(bytes: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = bytes.get(at..at + 3)? else { return None };
    Some((hex(*high)? << 4) | hex(*low)?)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The segments of a raw path for comparison: split at `/`, empty ones left out, each percent-decoded once, so
/// that an encoded slash stays inside its segment.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_encoding::percent_decode_str(segment).into())
}

/// Query members by which frameworks let a request stand for one with another method.
const METHOD_MEMBERS: [&str; 7] = [
    "_method",
    "_httpmethod",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-tunneled-method",
    "$httpmethod",
];

/// A query member that names another method than that of the request.
pub(crate) fn other_method(query: &str, method: &Method) -> Option<&'static str> {
    query.split(['&', ';']).find_map(|member| {
        let (name, value) = member.split_once('=')?;
        let name = query::named(name, &METHOD_MEMBERS)?;
        let named: Vec<u8> = percent_encoding::percent_decode_str(value).collect();
        (!named.trim_ascii().eq_ignore_ascii_case(method.as_str().as_bytes())).then_some(name)
    })
}

/// The first member of `denied` that the query holds.
pub(crate) fn denied_member<'a>(query: &str, denied: &[&'a str]) -> Option<&'a str> {
    if denied.is_empty() {
        return None;
    }
    // Some form parsers take `;` for a separator too.
    query
        .split(['&', ';'])
        .find_map(|member| query::named(member.split('=').next().unwrap_or_default(), denied))
}

/// The first entry of `denied` whose word stands in a member of the query.
pub(crate) fn denied_value<'a>(query: &str, denied: &'a [DeniedValue]) -> Option<&'a DeniedValue> {
    if denied.is_empty() {
        return None;
    }
    // In one reading `;` separates members, in the other it is a part of the value.
    query.split(['&', ';']).chain(query.split('&')).find_map(|member| {
        let (name, value) = member.split_once('=')?;
        denied
            .iter()
            .find(|denied| query::named(name, &[denied.member]).is_some() && denied.is_in(value.as_bytes()))
    })
}

/// Whether the query holds a member whose name stands for a token.
pub(crate) fn holds_token_member(query: &str) -> bool {
    query.split(['&', ';']).any(|member| query::is_token_member(member.split('=').next().unwrap_or_default()))
}

/// The query without members of these names; `None` when nothing is left.
pub(crate) fn without_members(query: &str, refused: &[&str]) -> Option<String> {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|member| {
            let raw = member.split('=').next().unwrap_or_default();
            query::named(raw, refused).is_none() && !query::is_token_member(raw)
        })
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[cfg(test)]
mod tests;
