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
use http::{HeaderMap, HeaderValue, Method};
use idp_adapters::Adapter;

use self::form::Form;
use self::json::Json;
use self::multipart::Multipart;
use self::rules::{Checked, Rules};
use super::inspect::{AHEAD, Inspector, NotSent, inspect};
use super::search::is_plain;
use crate::body::{Body, RequestBodyFault};
use crate::error_table;
use crate::problem::Problem;

/// Reads one body, in every way in which the provider may read it.
struct Reader {
    rules: Rules,
    readers: Readers,
    /// The last piece that came: the provider has not all of the body before the end of it was read.
    kept: Bytes,
}

/// The readers of one body.
#[derive(Default)]
struct Readers {
    /// Said to be JSON: another reader is not needed where it begins like that.
    json_by_type: bool,
    form: Option<Form>,
    json: Option<Json>,
    multipart: Option<Multipart>,
}

impl Reader {
    fn read(&mut self, data: &[u8]) -> Checked {
        let Self { rules, readers, .. } = self;
        if readers.json_by_type
            && let Some(first) = data.trim_ascii_start().first()
        {
            readers.json_by_type = false;
            if matches!(first, b'{' | b'[') {
                readers.form = None;
            }
        }
        readers.form.as_mut().map_or(Ok(()), |form| form.push(data, rules))?;
        readers.json.as_mut().map_or(Ok(()), |json| json.push(data, rules))?;
        readers.multipart.as_mut().map_or(Ok(()), |multipart| multipart.push(data, rules))
    }

    fn end(&mut self) -> Checked {
        let Self { rules, readers, .. } = self;
        readers.form.as_mut().map_or(Ok(()), |form| form.finish(rules))?;
        readers.json.as_mut().map_or(Ok(()), |json| json.finish(rules))?;
        readers.multipart.as_mut().map_or(Ok(()), |multipart| multipart.finish(rules))
    }
}

impl Inspector for Reader {
    type Fault = RequestBodyFault;

    fn push(&mut self, piece: Bytes) -> Result<Bytes, RequestBodyFault> {
        self.read(&piece)?;
        // An empty piece must not let the last one go.
        Ok(if piece.is_empty() { piece } else { std::mem::replace(&mut self.kept, piece) })
    }

    fn finish(&mut self) -> Result<Bytes, RequestBodyFault> {
        self.end().map(|()| std::mem::take(&mut self.kept))
    }

    /// Names and values are checked when they end. What stands before the end may have gone on by then, but not all of the body.
    fn held(&self) -> usize {
        self.kept.len()
    }
}

/// How a body of this type is read; `None` for files.
fn readers(headers: &HeaderMap) -> Result<Option<Readers>, RequestBodyFault> {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let kind = kinds.next().map_or(&b""[..], |value| value.as_bytes()).to_ascii_lowercase();
    if kinds.next().is_some() {
        // Which of them the provider goes by is not known.
        return Err(RequestBodyFault::Unsearchable);
    }
    let media = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_file = ["application/octet-stream", "image/", "video/", "audio/"];
    let (form, json) = (Some(Form::default()), Some(Json::default()));
    Ok(Some(match media {
        b"application/x-www-form-urlencoded" => Readers { form, ..Readers::default() },
        _ if media.starts_with(b"multipart/") => {
            Readers { multipart: Some(Multipart::default()), ..Readers::default() }
        }
        _ if kind.contains(&b',') => Readers { form, json, ..Readers::default() },
        _ if is_file.iter().any(|file| media.starts_with(file.as_bytes())) => return Ok(None),
        _ => {
            let json_by_type = media.ends_with(b"json") || media.ends_with(b"javascript");
            Readers { json_by_type, form, json, multipart: None }
        }
    }))
}

/// What reads a body with these header fields; `None` where the provider reads none like the query, or it is a file.
fn reader(
    adapter: &dyn Adapter,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<Reader>, RequestBodyFault> {
    let Some(method_member) = adapter.method_member() else { return Ok(None) };
    if headers.contains_key(CONTENT_ENCODING) || !is_plain(headers) {
        return Err(RequestBodyFault::Unsearchable);
    }
    let (names, values) = (adapter.denied_query(), adapter.denied_values());
    let rules = Rules { method: method.clone(), method_member, names, values };
    Ok(readers(headers)?.map(|readers| Reader { rules, readers, kept: Bytes::new() }))
}

/// Checks a body in memory that would be sent as `application/json`, for the dry run.
///
/// # Errors
/// The problem that the call would end with.
pub(crate) fn check_json(adapter: &dyn Adapter, method: &Method, body: &[u8]) -> Result<(), Problem> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let check = || {
        let Some(mut reader) = reader(adapter, method, &headers)?.filter(|_| !body.is_empty()) else {
            return Ok(());
        };
        reader.read(body)?;
        reader.end()
    };
    check().map_err(error_table::request_body)
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
    if http_body::Body::is_end_stream(&body) {
        return Ok(body);
    }
    let Some(reader) = reader(adapter, method, headers)? else { return Ok(body) };
    inspect(body, AHEAD, reader).await.map_err(|not_sent| match not_sent {
        NotSent::Broken(fault) | NotSent::Refused(fault) => fault,
    })
}

#[cfg(test)]
mod tests;
