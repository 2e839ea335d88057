//! Finds a caller token inside a request body before a provider gets it.
//!
//! Some SDKs put the token they were given into forms (facebook-sdk), into the fields of an upload (facebook-sdk) or into the
//! parts of a batch (Google). Forms, multipart bodies of every kind and bodies without a type are searched, in every spelling
//! that the leak guard knows and as [`Unfolded`] has them: up to [`AHEAD`] bytes before anything is sent, longer ones while they
//! stream. A hit there ends the request before the last byte of the token is sent. JSON and files are not searched.
//!
//! Target and headers are searched as well ([`in_head`]): tokens are long, so almost none of them has the length for one.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};
use leak_guard::{LeakGuard, Scrubber};

use super::hygiene::{self, EndToEnd};
use super::inspect::{AHEAD, Inspector, NotSent, inspect};
use super::unfolded::Unfolded;
use crate::body::{Body, RequestBodyFault, TokenInBody};
use crate::call_error::CallError;
use crate::problem::Problem;

/// So many layers of percent-encoding are searched in a target.
const LAYERS: usize = 3;

/// How a body of some type is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Not at all: JSON, files.
    Other,
    /// As it is.
    Form,
    /// Also without its line breaks and transfer encodings.
    Parts,
}

/// Types are read leniently, as some servers do: what looks like a form in any part of the header's text is searched like one.
fn kind_of(headers: &HeaderMap) -> Kind {
    let mut kind = if headers.contains_key(CONTENT_TYPE) { Kind::Other } else { Kind::Parts };
    for value in headers.get_all(CONTENT_TYPE) {
        let text = value.as_bytes().to_ascii_lowercase();
        let holds = |word: &[u8]| memchr::memmem::find(&text, word).is_some();
        if text.trim_ascii().is_empty() || holds(b"multipart/") {
            return Kind::Parts;
        }
        if holds(b"form-urlencoded") {
            kind = Kind::Form;
        }
    }
    kind
}

/// Whether what a body says in ASCII stands in it as ASCII bytes, by each of its types; see [`is_plain_type`].
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().all(|value| is_plain_type(value.as_bytes()))
}

/// Whether a type has no `charset`, or one in which ASCII stands as ASCII bytes. Any other spelling of the parameter, and each
/// that is there besides, counts too: which one a provider goes by is not known.
pub(super) fn is_plain_type(value: &[u8]) -> bool {
    const PLAIN: [&[u8]; 4] = [b"utf-8", b"utf8", b"us-ascii", b"ascii"];
    const FAMILIES: [&[u8]; 2] = [b"iso-8859-", b"windows-125"];
    let is_plain = |value: &[u8]| {
        let value = value.trim_ascii_start();
        let value =
            value.strip_prefix(b"\"").or(value.strip_prefix(b"'")).unwrap_or(value).trim_ascii_start();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b";,\"'".contains(byte);
        let charset = value.split(ends).next().unwrap_or_default();
        let numbered = |family: &&[u8]| {
            charset
                .strip_prefix(*family)
                .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
        };
        PLAIN.contains(&charset) || FAMILIES.iter().any(numbered)
    };
    let text = value.to_ascii_lowercase();
    memchr::memmem::find_iter(&text, b"charset").all(|at| {
        let rest = text.get(at + 7..).unwrap_or_default().trim_ascii_start();
        rest.strip_prefix(b"=").is_some_and(is_plain)
    })
}

/// Whether a body has a content coding, and so would have to be unpacked to be searched.
fn is_coded(headers: &HeaderMap) -> bool {
    let is_identity = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.is_empty() && !is_identity(value))
}

/// Looks for the caller token in what goes to the provider, or to a download host, besides the body.
pub(super) fn in_head(
    target: &PathAndQuery,
    headers: &HeaderMap,
    caller_headers: &EndToEnd<'_>,
    token: Option<&str>,
) -> Result<(), CallError> {
    let Some(token) = token else { return Ok(()) };
    let mut needle = Needle { token, guard: None };
    needle.in_target(target.as_str())?;
    let to_downloads =
        hygiene::TO_DOWNLOADS.iter().filter_map(|name| Some((name, caller_headers.get(name)?)));
    for (name, value) in headers.iter().chain(to_downloads) {
        // Names are in lower case here, whatever was sent.
        let named =
            needle.fits(name.as_str().as_bytes()) && name.as_str().contains(&token.to_ascii_lowercase());
        if named || needle.is_in(value.as_bytes()) {
            return Err(CallError::TokenInHeader);
        }
    }
    Ok(())
}

/// Looks for the caller token in path and query, for the dry run.
///
/// # Errors
/// It is there.
pub(crate) fn in_target(target: &str, token: Option<&str>) -> Result<(), CallError> {
    token.map_or(Ok(()), |token| Needle { token, guard: None }.in_target(target))
}

/// The caller token, and what finds it in every spelling, prepared once something is long enough to hold it.
struct Needle<'a> {
    token: &'a str,
    guard: Option<LeakGuard>,
}

impl Needle<'_> {
    /// No spelling is shorter than the token.
    fn fits(&self, text: &[u8]) -> bool {
        text.len() >= self.token.len()
    }

    fn is_in(&mut self, text: &[u8]) -> bool {
        let token = self.token;
        self.fits(text)
            && self.guard.get_or_insert_with(|| LeakGuard::new(&[token], false)).scrub(text).is_some()
    }

    fn in_target(&mut self, target: &str) -> Result<(), CallError> {
        // Decoded, since some provider may decode more than once.
        let mut layer: Cow<'_, [u8]> = Cow::Borrowed(target.as_bytes());
        for _ in 0..LAYERS {
            if !self.fits(&layer) {
                break;
            }
            if self.is_in(&layer) {
                let path = target.split('?').next().unwrap_or_default();
                return Err(if path.contains(self.token) {
                    CallError::TokenInPath
                } else {
                    CallError::TokenInQuery
                });
            }
            let decoded: Vec<u8> = percent_encoding::percent_decode(&layer).collect();
            layer = Cow::Owned(decoded);
        }
        Ok(())
    }
}

/// Gives the body back when it holds no token.
pub(super) async fn search(headers: &HeaderMap, body: Body, token: Option<&str>) -> Result<Body, Problem> {
    let Some(token) = token else { return Ok(body) };
    let kind = kind_of(headers);
    if http_body::Body::is_end_stream(&body) || kind == Kind::Other {
        return Ok(body);
    }
    if is_coded(headers) && !headers.contains_key(CONTENT_TYPE) {
        // A file, by all that is known.
        return Ok(body);
    }
    if is_coded(headers) || !is_plain(headers) {
        return Err(crate::error_table::request_body(RequestBodyFault::Unsearchable));
    }
    let guard = LeakGuard::new(&[token], false);
    // Without a type it may be an upload, which must not wait to be read.
    let may_wait = headers.contains_key(CONTENT_TYPE)
        || http_body::Body::size_hint(&body).exact().is_some_and(|length| length <= AHEAD as u64);
    let search = Search::new(&guard, kind);
    inspect(body, if may_wait { AHEAD } else { 0 }, search).await.map_err(|not_sent| match not_sent {
        NotSent::Broken(fault) => crate::error_table::request_body(fault),
        NotSent::Refused(TokenInBody) => CallError::TokenInBody.into(),
    })
}

/// A search for the token, in the body as it is and as it is unfolded.
struct Search {
    scrubber: Scrubber,
    unfolded: Option<(Unfolded, Scrubber)>,
}

impl Search {
    fn new(guard: &LeakGuard, kind: Kind) -> Self {
        let unfolded = (kind == Kind::Parts).then(|| (Unfolded::default(), guard.scrubber()));
        Self { scrubber: guard.scrubber(), unfolded }
    }
}

impl Inspector for Search {
    type Fault = TokenInBody;

    fn push(&mut self, piece: Bytes) -> Result<Bytes, TokenInBody> {
        if let Some((unfolded, scrubber)) = &mut self.unfolded {
            scrubber.push(unfolded.push(&piece));
            if scrubber.take_hits() > 0 {
                return Err(TokenInBody);
            }
        }
        let out = self.scrubber.push(piece);
        if self.scrubber.take_hits() > 0 { Err(TokenInBody) } else { Ok(out) }
    }

    fn finish(&mut self) -> Result<Bytes, TokenInBody> {
        if let Some((_, scrubber)) = &mut self.unfolded {
            scrubber.finish();
            if scrubber.take_hits() > 0 {
                return Err(TokenInBody);
            }
        }
        let out = self.scrubber.finish();
        if self.scrubber.take_hits() > 0 { Err(TokenInBody) } else { Ok(out) }
    }

    fn held(&self) -> usize {
        self.scrubber.held()
    }
}

#[cfg(test)]
mod tests;
