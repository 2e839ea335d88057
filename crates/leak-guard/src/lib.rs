//! Leak guard: no byte of a token that was used for a request reaches the caller (threats O01, rule 1).
//!
//! The guard knows the exact secrets of one request and looks for every spelling of them in the answer's headers and in
//! its body while that streams by. What it finds it overwrites with as many `*`, so that `Content-Length` stays true.
//! For adapters that declare it, a second filter replaces the value of JSON members named `access_token`, because those
//! hold tokens that the gateway has never seen.
//!
//! # What counts as a spelling
//!
//! A *needle* is a secret as it is, or the part of its base64 (standard and URL alphabet) that does not depend on what
//! stands before or after the secret, for each of the three alignments. A *spelling* of a needle writes each of its
//! bytes in one of these ways, in any mixture:
//!
//! * the byte itself,
//! * percent-encoded, `%2F` or `%2f`,
//! * JSON-escaped: `\u002F` or `\u002f` for any byte, `\/`, `\\` and `\"` for those three.
//!
//! So it makes no difference which characters an encoder chose to escape, and a base64 text inside a JSON string (`\/`)
//! or a URL (`%2B`) is found as well. Two layers of the *same* escape (`%252F`) are not looked for.
//!
//! # The algorithm
//!
//! 1. Spellings without any escape: one vectorised search for the end of each needle, of which there are seven at most for
//!    a token; a comparison decides. Preparing them and going over a usual body seven times costs a tenth of building one
//!    automaton for all of them (measured), and it must be done for each request: kept beside each cached token it would be
//!    larger than all the rest.
//! 2. Spellings with an escape have a *first* escape, before which everything is plain. `memchr` finds the escapes. For
//!    each that stands for a byte of some needle, every position of that byte in a needle is tried: backwards against
//!    the plain bytes before the escape, then forwards through whatever follows. This finds every spelling, wherever
//!    it starts, and costs nothing where there are no escapes.
//! 3. At the end of the data, the earliest place from which the rest could still become a spelling is found the same way.
//!    From there on bytes are held back until the next chunk decides; everything before is passed on at once. Held back are
//!    at most six bytes for each byte of the longest needle, less one, and only when they really look like a beginning.
//!
//! All occurrences are overwritten, overlapping ones included; the result is the same however the body is cut into chunks.
//!
//! # What it costs
//!
//! `cargo bench -p gateway --bench leak` says it, beside copying the same bytes once, which `cargo xtask bench` holds against a
//! goal. A body without escapes costs next to nothing, JSON full of escapes more, and most of all what somebody writes for the
//! purpose: nothing but escapes of the letters of a long token. A token that comes back one byte a chunk is compared anew with
//! each.

mod body;
mod member;
mod needle;
mod scan;

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, header};

pub use body::GuardedBody;
pub use member::MemberStripper;
pub use scan::Scrubber;

use needle::Needles;

/// Finds and overwrites the tokens of one request. Cheap to clone; worth keeping beside the token it guards.
#[derive(Clone)]
pub struct LeakGuard {
    needles: Arc<Needles>,
    strip_members: bool,
}

impl LeakGuard {
    /// A guard for `tokens`; with `strip_members` the values of JSON members named `access_token` are removed as well.
    ///
    /// Empty tokens are ignored. Without any token, and without stripping, everything passes at no cost.
    #[must_use]
    pub fn new(tokens: &[&str], strip_members: bool) -> Self {
        Self { needles: Arc::new(Needles::new(tokens)), strip_members }
    }

    /// Overwrites the tokens in one header value. True if there was something to overwrite.
    ///
    /// The value keeps its length and its sensitivity mark.
    pub fn scrub_header(&self, value: &mut HeaderValue) -> bool {
        let Some((clean, _)) = self.scrub(value.as_bytes()) else { return false };
        // Stars instead of header bytes are header bytes; should that ever fail, nothing is the safe value.
        let mut replaced = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static(""));
        replaced.set_sensitive(value.is_sensitive());
        *value = replaced;
        true
    }

    /// Overwrites the tokens in all values of `headers`; returns how many values were changed.
    pub fn scrub_headers(&self, headers: &mut HeaderMap) -> u64 {
        headers.values_mut().map(|value| u64::from(self.scrub_header(value))).sum()
    }

    /// Overwrites the tokens in a text that is complete, for example a provider's error message.
    #[must_use]
    pub fn scrub_text(&self, text: &str) -> String {
        match self.scrub(text.as_bytes()) {
            None => text.to_owned(),
            Some((clean, _)) => String::from_utf8_lossy(&clean).into_owned(),
        }
    }

    /// A scrubbed copy of `data` and the number of occurrences, or `None` if `data` is clean.
    #[must_use]
    pub fn scrub(&self, data: &[u8]) -> Option<(Vec<u8>, u64)> {
        let found = scan::scan(&self.needles, data, true);
        if found.ranges.is_empty() {
            return None;
        }
        let mut clean = data.to_vec();
        scan::overwrite(&mut clean, &found.ranges);
        Some((clean, found.ranges.len() as u64))
    }

    /// Whether `access_token` members of a body with these headers will be removed: the adapter declares it, and it is JSON,
    /// or of a type that nobody told.
    #[must_use]
    pub fn strips(&self, headers: &HeaderMap) -> bool {
        self.strip_members && headers.get(CONTENT_TYPE).is_none_or(is_json)
    }

    /// Makes the head of an answer fit what [`LeakGuard::body`] will do to its body, and scrubs its values.
    ///
    /// Where members are stripped the length may change, so `Content-Length` and all digests of the body go.
    /// Returns how many header values held a token.
    pub fn prepare(&self, headers: &mut HeaderMap) -> u64 {
        if self.strips(headers) {
            headers.remove(CONTENT_LENGTH);
            remove_digests(headers);
        }
        self.scrub_headers(headers)
    }

    /// Wraps the body of an answer. `strip` is what [`LeakGuard::strips`] said of its head; `on_scrub` is told the number
    /// of occurrences each time something was overwritten or removed.
    pub fn body<B, F>(&self, inner: B, strip: bool, on_scrub: F) -> GuardedBody<B, F>
    where
        B: http_body::Body<Data = Bytes>,
        F: FnMut(u64),
    {
        GuardedBody::new(inner, self.scrubber(), strip.then(MemberStripper::new), on_scrub)
    }

    /// The streaming half of the guard, for callers that have chunks rather than a body.
    #[must_use]
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::new(Arc::clone(&self.needles))
    }
}

impl fmt::Debug for LeakGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeakGuard")
            .field("needles", &self.needles.len())
            .field("strip_members", &self.strip_members)
            .finish()
    }
}

/// Takes away the headers that hold a checksum of the body, because the body will not match it any more.
pub fn remove_digests(headers: &mut HeaderMap) {
    const DIGESTS: [HeaderName; 4] = [
        HeaderName::from_static("content-md5"),
        HeaderName::from_static("digest"),
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("repr-digest"),
    ];
    for name in DIGESTS {
        headers.remove(name);
    }
}

/// Whether the body arrives in a coding other than identity, so that the guard cannot look into it.
#[must_use]
pub fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|value| {
        value.to_str().map_or(true, |text| {
            text.split(',').any(|coding| {
                let coding = coding.trim();
                !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")
            })
        })
    })
}

/// JSON by its media type. Facebook says `text/javascript` as often as `application/json`.
fn is_json(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else { return false };
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        media.as_str(),
        "application/json"
            | "text/json"
            | "text/javascript"
            | "application/javascript"
            | "application/x-javascript"
    ) || media.ends_with("+json")
}

/// One buffer out of two, without copying when the first is empty.
fn join(held: &mut BytesMut, chunk: Bytes) -> Bytes {
    if held.is_empty() {
        return chunk;
    }
    let mut joined = std::mem::take(held);
    joined.extend_from_slice(&chunk);
    joined.freeze()
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
