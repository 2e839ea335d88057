//! Members of request bodies that a provider reads like those of the query (Facebook): what is refused there is refused here.
//!
//! A body is read while it passes, by three small readers: forms, multipart bodies and JSON objects. They see names and the values
//! of the few names that a rule is about, and nothing else is kept.

mod form;
mod json;
mod multipart;
mod rules;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use idp_adapters::Adapter;

use self::form::Form;
use self::json::Json;
use self::multipart::Multipart;
use self::rules::{Checked, Rules};
use super::inspect::{AHEAD, Inspector, NotSent, inspect};
use super::search::is_plain;
use crate::body::{Body, RequestBodyFault};

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
    fn read(&mut self, data: &[u8]) -> Checked {
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

    fn end(&mut self) -> Checked {
        match &mut self.kind {
            Kind::Open => Ok(()),
            Kind::Form(form) => form.finish(&self.rules),
            Kind::Multipart(multipart) => multipart.finish(&self.rules),
            Kind::Json(json) => json.finish(&self.rules),
        }
    }
}

impl Inspector for Reader {
    type Fault = RequestBodyFault;

    fn push(&mut self, piece: Bytes) -> Result<Bytes, RequestBodyFault> {
        self.read(&piece).map(|()| piece)
    }

    fn finish(&mut self) -> Result<Bytes, RequestBodyFault> {
        self.end().map(|()| Bytes::new())
    }

    /// Names and values are checked when they end. What stands before the end has gone on by then.
    fn held(&self) -> usize {
        0
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
    let reader = Reader { rules: Rules { method: method.clone(), method_member, names, values }, kind };
    inspect(body, AHEAD, reader).await.map_err(|not_sent| match not_sent {
        NotSent::Broken(fault) | NotSent::Refused(fault) => fault,
    })
}

#[cfg(test)]
mod tests;
