//! Members of request bodies that a provider reads like those of the query (Facebook): what is refused there is refused here.
//!
//! A body is read while it passes, by three small readers: forms, multipart bodies and JSON objects. They see names and the values
//! of the few names that a rule is about, and nothing else is kept.

mod form;
mod json;
mod multipart;
mod rules;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use idp_adapters::Adapter;

use self::form::Form;
use self::json::Json;
use self::multipart::Multipart;
use self::rules::{Checked, Rules};
use super::bodies::{Prefixed, Read, read_ahead};
use super::search::{AHEAD, PIECE, is_plain};
use crate::body::{self, Body, BoxError, RequestBodyFault};

/// Reads one body.
struct Reader {
    rules: Rules,
    kind: Kind,
}

enum Kind {
    /// Not known before the first byte: JSON begins with a brace.
    Open,
    Form(Form),
    Multipart(Multipart),
    Json(Json),
}

impl Reader {
    fn push(&mut self, data: &[u8]) -> Checked {
        if let Kind::Open = self.kind {
            let Some(first) = data.trim_ascii_start().first() else { return Ok(()) };
            let json = matches!(first, b'{' | b'[' | 0xef);
            self.kind = if json { Kind::Json(Json::default()) } else { Kind::Form(Form::default()) };
        }
        match &mut self.kind {
            Kind::Open => Ok(()),
            Kind::Form(form) => form.push(data, &self.rules),
            Kind::Multipart(multipart) => multipart.push(data, &self.rules),
            Kind::Json(json) => json.push(data, &self.rules),
        }
    }

    fn finish(&mut self) -> Checked {
        match &mut self.kind {
            Kind::Open => Ok(()),
            Kind::Form(form) => form.finish(&self.rules),
            Kind::Multipart(multipart) => multipart.finish(&self.rules),
            Kind::Json(json) => json.finish(&self.rules),
        }
    }
}

/// How a body of this type is read; `None` for files.
fn kind_of(headers: &HeaderMap) -> Option<Kind> {
    let text = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes()).to_ascii_lowercase();
    let is_file = ["application/octet-stream", "image/", "video/", "audio/"];
    if text.windows(10).any(|part| part == b"multipart/") {
        Some(Kind::Multipart(Multipart::default()))
    } else if is_file.iter().any(|file| text.starts_with(file.as_bytes())) {
        None
    } else {
        Some(Kind::Open)
    }
}

/// Gives the body back when the provider may see its members. One that is longer than what is read ahead is read while it is
/// sent, and ends at the first member that is refused.
///
/// # Errors
/// Why it is refused, or could not be read.
pub(super) async fn check(
    adapter: &dyn Adapter,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Body, RequestBodyFault> {
    let Some(method_member) = adapter.method_member() else { return Ok(body) };
    if http_body::Body::is_end_stream(&body) {
        return Ok(body);
    }
    if headers.contains_key(CONTENT_ENCODING) || !is_plain(headers) {
        return Err(RequestBodyFault::Unsearchable);
    }
    let Some(kind) = kind_of(headers) else { return Ok(body) };
    let (names, values) = (adapter.denied_query(), adapter.denied_values());
    let mut reader = Reader { rules: Rules { method: method.clone(), method_member, names, values }, kind };
    let read = read_ahead(body, AHEAD).await;
    match read.map_err(|error| RequestBodyFault::find(&*error).unwrap_or(RequestBodyFault::Broken))? {
        Read::Whole(bytes) => {
            reader.push(&bytes)?;
            reader.finish()?;
            Ok(body::full(bytes))
        }
        Read::Partial(bytes, rest) => {
            reader.push(&bytes)?;
            let rest = CheckedBody { inner: rest, reader, waiting: Bytes::new(), ended: false };
            Ok(Prefixed::body(bytes, rest.boxed_unsync()))
        }
    }
}

/// A long body that is read while it streams.
struct CheckedBody {
    inner: Body,
    reader: Reader,
    /// What has arrived and is not read yet: at most a piece is read each time the body is polled.
    waiting: Bytes,
    ended: bool,
}

impl http_body::Body for CheckedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.ended {
            if self.waiting.is_empty() {
                match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => self.waiting = data,
                        Err(_) => continue,
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => {
                        self.ended = true;
                        if let Err(fault) = self.reader.finish() {
                            return Poll::Ready(Some(Err(fault.into())));
                        }
                        continue;
                    }
                }
            }
            let length = self.waiting.len().min(PIECE);
            let piece = self.waiting.split_to(length);
            if let Err(fault) = self.reader.push(&piece) {
                self.ended = true;
                return Poll::Ready(Some(Err(fault.into())));
            }
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        if let Some(exact) = hint.exact() {
            hint.set_exact(exact + self.waiting.len() as u64);
        }
        hint
    }
}

#[cfg(test)]
mod tests;
