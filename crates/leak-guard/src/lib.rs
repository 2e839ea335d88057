#![doc = include_str!("../README.md")]

mod body;
mod budget;
mod escape;
mod member;
mod needle;
mod sample;
mod scrub;
mod search;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, header};

pub use body::GuardedBody;
pub use member::MemberStripper;
pub use needle::PreparedToken;
pub use scrub::Scrubber;
// What stands in signatures here.
pub use {bytes, http};

use needle::Needles;

/// Finds and overwrites the tokens of one request. Cheap to clone; worth keeping beside the token it guards.
///
/// ```
/// use leak_guard::{LeakGuard, http::HeaderMap};
///
/// let guard = LeakGuard::new(&["gho_16C7e42F292c6912E7710c838347Ae178B4a"], false);
/// let mut headers = HeaderMap::new();
/// headers.insert("x-debug", "token gho_16C7e42F292c6912E7710c838347Ae178B4a".parse()?);
/// assert_eq!(guard.scrub_headers(&mut headers), 1);
/// assert_eq!(headers["x-debug"], format!("token {}", "*".repeat(40)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        Self::from_prepared(tokens.iter().map(|token| PreparedToken::new(token)), strip_members)
    }

    /// As [`LeakGuard::new`], for any number of tokens that were prepared before.
    #[must_use]
    pub fn from_prepared(tokens: impl IntoIterator<Item = PreparedToken>, strip_members: bool) -> Self {
        Self { needles: Arc::new(Needles::new(tokens.into_iter().collect())), strip_members }
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

    /// Overwrites the tokens in all values of `headers`, and removes the headers whose name holds one; returns how many were
    /// changed or removed.
    pub fn scrub_headers(&self, headers: &mut HeaderMap) -> u64 {
        let mut hits = 0;
        if headers.keys().any(|name| self.needles.fit(name.as_str().as_bytes())) {
            hits += self.remove_named(headers);
        }
        for value in headers.values_mut() {
            if self.needles.fit(value.as_bytes()) {
                hits += u64::from(self.scrub_header(value));
            }
        }
        hits
    }

    /// Removes the headers whose name holds a token; how many.
    fn remove_named(&self, headers: &mut HeaderMap) -> u64 {
        let named: Vec<HeaderName> =
            headers.keys().filter(|name| self.needles.stand_in_name(name.as_str())).cloned().collect();
        named.iter().for_each(|name| drop(headers.remove(name)));
        named.len() as u64
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
        scrub::whole(&self.needles, data)
    }

    /// Whether `access_token` members of a body with these headers will be removed: the adapter declares it, and no type says
    /// that it is a file. A client that reads JSON may not look at its type.
    #[must_use]
    pub fn strips(&self, headers: &HeaderMap) -> bool {
        let mut types = headers.get_all(CONTENT_TYPE).iter().peekable();
        self.strip_members && (types.peek().is_none() || !types.all(is_file))
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
            .field("needles", &self.needles.iter().count())
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

/// Whether the guard cannot look into a body: it arrives in a content coding, or a transfer coding besides `chunked`, that is
/// not `identity`; or its `Content-Type` says `charset=utf-16` or `utf-32`, where letters are not single bytes.
#[must_use]
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let other = |value: &HeaderValue, plain: &[&str]| {
        value.to_str().map_or(true, |text| {
            let mut codings = text.split(',').map(str::trim).filter(|coding| !coding.is_empty());
            codings.any(|coding| !plain.iter().any(|known| coding.eq_ignore_ascii_case(known)))
        })
    };
    headers.get_all(header::CONTENT_ENCODING).iter().any(|value| other(value, &["identity"]))
        || headers
            .get_all(header::TRANSFER_ENCODING)
            .iter()
            .any(|value| other(value, &["identity", "chunked"]))
        || headers.get_all(CONTENT_TYPE).iter().any(is_wide)
}

/// A `charset` whose letters take two bytes or more.
fn is_wide(content_type: &HeaderValue) -> bool {
    let text = content_type.as_bytes();
    memchr::memchr_iter(b'=', text).any(|at| {
        let (name, charset) = (text[..at].trim_ascii_end(), text[at + 1..].trim_ascii_start());
        let named = name.last_chunk::<7>().is_some_and(|end| end.eq_ignore_ascii_case(b"charset"));
        if !named {
            return false;
        }
        let charset = charset.to_ascii_lowercase();
        let charset = charset.strip_prefix(b"\"").or(charset.strip_prefix(b"'")).unwrap_or(&charset);
        [&b"utf-16"[..], b"utf16", b"utf-32", b"utf32", b"ucs-2", b"iso-10646-ucs"]
            .iter()
            .any(|wide| charset.starts_with(wide))
    })
}

/// JSON by its media type. Facebook says `text/javascript` as often as `application/json`.
fn is_file(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else { return false };
    let media = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let families = ["image/", "video/", "audio/", "font/"];
    let others = ["application/octet-stream", "application/pdf", "application/zip"];
    families.iter().any(|family| media.starts_with(family)) || others.contains(&media.as_str())
}

#[cfg(test)]
mod cost;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
