//! Small text helpers: encodings, random strings, instants as the providers write them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, rest) = digits.as_ref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().to_vec()
}

/// Letters and digits.
pub(crate) const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The alphabet of base64url.
pub(crate) const URL64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The alphabet of base64, whose `+` and `/` look different in every encoding.
pub(crate) const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A random text that no other call of this process returns.
pub(crate) fn random(alphabet: &[u8], length: usize) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    let mut bytes = vec![0_u8; length];
    // Without entropy the counter below still keeps the values apart, which is all a test needs.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let mut count = COUNTER.fetch_add(1, Ordering::Relaxed);
    for slot in bytes.iter_mut().rev().take(6) {
        *slot = u8::try_from(count % 61).unwrap_or(0);
        count /= 61;
    }
    bytes
        .iter()
        .map(|byte| char::from(alphabet.get(usize::from(*byte) % alphabet.len()).copied().unwrap_or(b'x')))
        .collect()
}

/// Seconds since the epoch.
pub(crate) fn epoch() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or(0))
}

/// `2026-01-02T03:04:05.678Z`, `ago` before now.
pub(crate) fn rfc3339(ago: Duration) -> String {
    let then = SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH);
    jiff::Timestamp::try_from(then).map_or_else(|_| String::new(), |then| format!("{then:.3}"))
}

/// Percent-encodes everything but unreserved characters, as `encodeURIComponent` does for one segment.
pub(crate) fn encode(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const SET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, SET).to_string()
}

/// Percent-decodes once; invalid escapes stay as they are.
pub(crate) fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `2026-01-02T03:04:05.678Z`, `ahead` of now.
pub(crate) fn rfc3339_in(ahead: Duration) -> String {
    let then = SystemTime::now().checked_add(ahead).unwrap_or(UNIX_EPOCH);
    jiff::Timestamp::try_from(then).map_or_else(|_| String::new(), |then| format!("{then:.3}"))
}

/// Lower-case hex of HMAC-SHA256.
pub(crate) fn hmac_hex(key: &str, message: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
    hex(aws_lc_rs::hmac::sign(&key, message.as_bytes()).as_ref())
}
