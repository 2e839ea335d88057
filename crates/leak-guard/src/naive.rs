//! A search without any cleverness, which says what the guard must do. The gateway's fuzz target includes this file as well.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;

use super::LeakGuard;

/// What the guard passes on of a body that comes in these chunks.
pub(crate) fn in_chunks<'a>(guard: &LeakGuard, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut scrubber = guard.scrubber();
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&scrubber.push(Bytes::copy_from_slice(chunk)));
        assert!(scrubber.held() <= scrubber.longest_hold());
    }
    out.extend_from_slice(&scrubber.finish());
    out
}

/// What the guard must do: at every place, for every needle, try to read it there in every spelling.
pub(crate) fn naive(tokens: &[&str], data: &[u8]) -> Vec<u8> {
    let needles: Vec<Vec<u8>> = tokens.iter().flat_map(|token| needles(token)).collect();
    let mut clean = data.to_vec();
    for start in 0..data.len() {
        for needle in &needles {
            if let Some(end) = read(needle, data, start) {
                clean[start..end].fill(b'*');
            }
        }
    }
    clean
}

/// The token, and what its base64 has in common whatever stands around it.
fn needles(token: &str) -> Vec<Vec<u8>> {
    let mut needles = vec![token.as_bytes().to_vec()];
    for lead in 0..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            // Twice with different neighbours: what stays the same belongs to the token alone.
            let around = |fill: u8| {
                let text = [&vec![fill; lead][..], token.as_bytes(), &[fill; 3]].concat();
                engine.encode(text).into_bytes()
            };
            let (one, other) = (around(0), around(255));
            let same = one.iter().zip(&other).filter(|(a, b)| a == b && **a != b'=');
            let same: Vec<u8> = same.map(|(byte, _)| *byte).collect();
            if same.len() >= 6 {
                needles.push(same);
            }
        }
    }
    needles
}

/// The last end of any spelling of `needle` that starts here.
fn read(needle: &[u8], data: &[u8], start: usize) -> Option<usize> {
    let mut ends = BTreeSet::from([start]);
    for expected in needle {
        ends = ends.into_iter().flat_map(|at| spelled(*expected, data, at)).collect();
        if ends.is_empty() {
            return None;
        }
    }
    ends.last().copied()
}

/// Where a spelling of one byte ends that starts here.
fn spelled(byte: u8, data: &[u8], at: usize) -> Vec<usize> {
    let rest = data.get(at..).unwrap_or_default();
    let hex = |digits: Option<&[u8]>| {
        let digits = std::str::from_utf8(digits?).ok()?;
        let digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)?;
        u8::from_str_radix(digits, 16).ok()
    };
    let mut ends = Vec::new();
    if rest.first() == Some(&byte) {
        ends.push(at + 1);
    }
    if rest.starts_with(b"\\") && rest.get(1) == Some(&byte) && matches!(byte, b'/' | b'\\' | b'"') {
        ends.push(at + 2);
    }
    if rest.starts_with(b"%") && hex(rest.get(1..3)) == Some(byte) {
        ends.push(at + 3);
    }
    if rest.starts_with(b"%25") && hex(rest.get(3..5)) == Some(byte) {
        ends.push(at + 5);
    }
    if rest.starts_with(b"\\u00") && hex(rest.get(4..6)) == Some(byte) {
        ends.push(at + 6);
    }
    // JSON inside JSON.
    if rest.starts_with(br"\\u00") && hex(rest.get(5..7)) == Some(byte) {
        ends.push(at + 7);
    }
    if rest.starts_with(br"\\/") && byte == b'/' {
        ends.push(at + 3);
    }
    if rest.starts_with(br"\\\") && rest.get(3) == Some(&byte) && matches!(byte, b'/' | b'\\' | b'"') {
        ends.push(at + 4);
    }
    ends.extend(entity(rest).filter(|(meant, _)| *meant == byte).map(|(_, length)| at + length));
    ends
}

/// The HTML entity that stands here, and its length.
fn entity(rest: &[u8]) -> Option<(u8, usize)> {
    let end = rest.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&rest[..end]).ok()?.strip_prefix('&')?;
    let number = |digits: &str, radix: u32| {
        let fits =
            (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
        u8::from_str_radix(digits, radix).ok().filter(|byte| fits && byte.is_ascii())
    };
    let byte = match name {
        "amp" => b'&',
        "lt" => b'<',
        "gt" => b'>',
        "quot" => b'"',
        "apos" => b'\'',
        "sol" => b'/',
        "plus" => b'+',
        "equals" => b'=',
        "period" => b'.',
        "lowbar" => b'_',
        "hyphen" => b'-',
        _ => match name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
            Some(digits) => number(digits, 16)?,
            None => number(name.strip_prefix('#')?, 10)?,
        },
    };
    Some((byte, end + 1))
}
