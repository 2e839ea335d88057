//! Parts of an answer's body (`Range`, RFC 9110 section 14).
//!
//! A part may begin or end inside a token that the provider repeats, where the leak guard does not know it. So the provider is asked
//! for more on both sides, as far as the longest spelling of a token reaches, and what was not asked for is cut off behind the
//! guard: what is overwritten in a part is what would be overwritten in the whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, IF_RANGE, RANGE};
use http::response::Parts as Head;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;

use crate::body::{self, Body, BoxError};
use crate::call_error::CallError;

/// The headers that ask for a part: the standard's, and the one that Azure Storage's clients send.
const ASKING: [HeaderName; 2] = [RANGE, HeaderName::from_static("x-ms-range")];

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestedPart {
    /// The whole, or no body at all.
    Whole,
    /// A part in a unit that is not bytes, which passes as it is.
    Other,
    /// One part in bytes, and the header that says so.
    Bytes(HeaderName, Span),
}

/// One range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// From the first to the last, or to the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

/// What an answer's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing to cut off.
    Whole,
    /// The part that was asked for lies in it.
    Within(Window),
    /// The part that was asked for begins behind the end.
    Behind,
}

/// Where the part that was asked for lies in what the provider sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    skip: u64,
    keep: u64,
}

impl RequestedPart {
    /// Takes the request for a part out of `headers`. What asks for several parts, or cannot be read in one way, is left out: then the
    /// answer is the whole, as it may be (RFC 9110 section 14.2).
    pub(super) fn take(method: &Method, headers: &mut HeaderMap) -> Self {
        let names = ASKING;
        if *method == Method::HEAD || !names.iter().any(|name| headers.contains_key(name)) {
            return Self::Whole;
        }
        let mut all =
            names.iter().flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value)));
        let one = all.next().filter(|_| all.next().is_none());
        let asked = match one.and_then(|(name, value)| Some((name, value.to_str().ok()?))) {
            Some((_, text)) if !names_bytes(text) => return Self::Other,
            Some((name, text)) => Span::parse(text).map(|span| Self::Bytes(name.clone(), span)),
            None => None,
        };
        for name in &names {
            headers.remove(name);
        }
        if asked.is_none() {
            headers.remove(IF_RANGE);
        }
        asked.unwrap_or(Self::Whole)
    }

    /// Asks for the part and for `margin` bytes more on both sides.
    pub(super) fn ask(&self, headers: &mut HeaderMap, margin: impl FnOnce() -> u64) {
        let Self::Bytes(name, span) = self else { return };
        let text = match span.widened(margin()) {
            Span::From(first, Some(last)) => format!("bytes={first}-{last}"),
            Span::From(first, None) => format!("bytes={first}-"),
            Span::Last(count) => format!("bytes=-{count}"),
        };
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name.clone(), value);
        }
    }

    /// Reads an answer to it, whose body the guard looks into with this `margin`; afterwards the head describes the part alone.
    ///
    /// # Errors
    /// It is a part that was not asked for, or that does not say where it lies, or several.
    pub(super) fn answered(
        &self,
        method: &Method,
        head: &mut Head,
        margin: impl FnOnce() -> u64,
    ) -> Result<Part, CallError> {
        if *method == Method::HEAD || !head.status.is_success() {
            return Ok(Part::Whole);
        }
        let refused = Err(CallError::UninspectablePart);
        if head.headers.get_all(CONTENT_TYPE).iter().any(has_parts) {
            return refused;
        }
        let partial = head.status == StatusCode::PARTIAL_CONTENT;
        let mut ranges = head.headers.get_all(CONTENT_RANGE).iter();
        let (said, more) = (ranges.next(), ranges.next());
        let sent = match (said, more) {
            (None, _) if !partial || *self == Self::Whole => return Ok(Part::Whole),
            (Some(value), None) => match value.to_str() {
                Ok(text) if !names_bytes(text) && !matches!(self, Self::Bytes(..)) => return Ok(Part::Whole),
                Ok(text) => Sent::parse(text),
                Err(_) => None,
            },
            _ => None,
        };
        let Some(sent) = sent.filter(|sent| sent.agrees(&head.headers)) else { return refused };
        match self {
            _ if sent.is_whole() && !partial => Ok(Part::Whole),
            Self::Bytes(_, span) if partial => span.within(sent, margin()).map_or(refused, |part| {
                sent.describe(part, head);
                Ok(part)
            }),
            _ if sent.is_whole() => Ok(Part::Whole),
            _ => refused,
        }
    }
}

/// `multipart/byteranges`, and what Apache's `Request-Range` is answered with.
fn has_parts(kind: &HeaderValue) -> bool {
    let media = kind.as_bytes().to_ascii_lowercase();
    let media = media.trim_ascii_start();
    media.starts_with(b"multipart/byteranges") || media.starts_with(b"multipart/x-byteranges")
}

fn names_bytes(text: &str) -> bool {
    text.to_ascii_lowercase().contains("byte")
}

/// A number without a sign, which `parse` would take.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl Span {
    /// `bytes=0-99`, `bytes=100-` or `bytes=-100`.
    fn parse(text: &str) -> Option<Self> {
        let (unit, range) = text.split_once('=')?;
        let (first, last) = range.split_once('-')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        match (first, last) {
            ("", last) => number(last).filter(|count| *count > 0).map(Self::Last),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    fn widened(self, margin: u64) -> Self {
        match self {
            Self::From(first, last) => {
                Self::From(first.saturating_sub(margin), last.map(|last| last.saturating_add(margin)))
            }
            Self::Last(count) => Self::Last(count.saturating_add(margin)),
        }
    }

    /// Where it lies in what was sent. An end that is too near to the end of what was sent is left off; a client asks for the rest.
    fn within(self, sent: Sent, margin: u64) -> Option<Part> {
        let (first, last) = match (self, sent.total) {
            (Self::From(first, last), _) => (first, last.unwrap_or(u64::MAX)),
            (Self::Last(count), total) => (total?.saturating_sub(count), u64::MAX),
        };
        if sent.total.is_some_and(|total| first >= total) {
            return Some(Part::Behind);
        }
        let begins = if sent.first == 0 { 0 } else { sent.first.saturating_add(margin) };
        let ends =
            if sent.total == Some(sent.last + 1) { sent.last } else { sent.last.checked_sub(margin)? };
        let last = last.min(ends);
        if first < begins || first > last {
            return None;
        }
        Some(Part::Within(Window { skip: first - sent.first, keep: last - first + 1 }))
    }
}

/// `Content-Range` of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    first: u64,
    last: u64,
    total: Option<u64>,
}

impl Sent {
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = if total == "*" { None } else { Some(number(total)?) };
        let is_bytes = unit.eq_ignore_ascii_case("bytes");
        // The length of the whole must be a number too.
        let fits = first <= last && last < u64::MAX && total.is_none_or(|total| last < total);
        (is_bytes && fits).then_some(Self { first, last, total })
    }

    fn is_whole(self) -> bool {
        self.first == 0 && self.total == Some(self.last + 1)
    }

    /// Whether the length that is declared is that of this part.
    fn agrees(self, headers: &HeaderMap) -> bool {
        let length = self.last - self.first + 1;
        headers.get(CONTENT_LENGTH).is_none_or(|value| value.to_str().ok().and_then(number) == Some(length))
    }

    /// Makes the head say what is left of it.
    fn describe(self, part: Part, head: &mut Head) {
        let total = self.total.map_or_else(|| "*".to_owned(), |total| total.to_string());
        let range = match part {
            Part::Whole => return,
            Part::Within(window) => {
                let first = self.first + window.skip;
                format!("bytes {first}-{}/{total}", first + window.keep - 1)
            }
            Part::Behind => {
                head.status = StatusCode::RANGE_NOT_SATISFIABLE;
                head.headers.remove(CONTENT_TYPE);
                format!("bytes */{total}")
            }
        };
        if let Ok(range) = HeaderValue::from_str(&range) {
            head.headers.insert(CONTENT_RANGE, range);
        }
        head.headers.remove(CONTENT_LENGTH);
        leak_guard::remove_digests(&mut head.headers);
    }
}

impl Part {
    /// The answer with the part alone in its body, which was searched before.
    pub(super) fn cut(self, answer: Response<Body>) -> Response<Body> {
        match self {
            Self::Whole => answer,
            Self::Within(Window { skip, keep }) => {
                answer.map(|inner| Cut { inner, skip, keep }.boxed_unsync())
            }
            Self::Behind => answer.map(|_| body::empty()),
        }
    }
}

/// The provider's part ended before the part that was asked for.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the provider's part is shorter than its Content-Range says")]
struct TooShort;

/// A body without what stands before and behind a part of it.
struct Cut {
    inner: Body,
    skip: u64,
    keep: u64,
}

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while self.keep > 0 {
            let mut data = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_) => continue,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.keep = 0;
                    return Poll::Ready(Some(Err(TooShort.into())));
                }
            };
            let skipped = at_most(&data, self.skip);
            self.skip -= skipped as u64;
            drop(data.split_to(skipped));
            data.truncate(at_most(&data, self.keep));
            self.keep -= data.len() as u64;
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.keep == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.keep)
    }
}

/// How many of so many bytes `data` has.
fn at_most(data: &Bytes, count: u64) -> usize {
    usize::try_from(count).map_or(data.len(), |count| data.len().min(count))
}

#[cfg(test)]
mod tests;
