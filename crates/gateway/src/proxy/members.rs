//! Members of request bodies that a provider reads like those of the query (Facebook): what is refused there is refused here.
//!
//! A body passes only in a form in which every server finds the same members. It is read while it passes: multipart bodies by
//! their parts, and all others as forms; JSON is read as a whole besides. The readers see names and the values of the few names
//! that a rule is about, and nothing else is kept.

mod form;
mod head;
mod json;
mod kind;
mod multipart;
mod name;
mod rules;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use idp_adapters::Adapter;

use self::form::Form;
use self::json::Json;
use self::kind::Kind;
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
    readings: Readings,
    /// It may be an upload, which must not wait to be read.
    is_file: bool,
    /// The last piece that came: the provider has not all of the body before the end of it was read.
    kept: Bytes,
}

/// What reads a body.
enum Readings {
    /// Servers that know its type and those that do not.
    Members(Form, Json),
    Parts(Multipart),
}

impl Reader {
    fn read(&mut self, data: &[u8]) -> Checked {
        match &mut self.readings {
            Readings::Members(form, json) => {
                form.push(data, &self.rules)?;
                json.push(data)
            }
            Readings::Parts(parts) => parts.push(data, &self.rules),
        }
    }

    fn end(&mut self) -> Checked {
        match &mut self.readings {
            Readings::Members(form, json) => {
                form.finish(&self.rules)?;
                json.finish(&self.rules)
            }
            Readings::Parts(parts) => parts.finish(),
        }
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

/// What reads a body with these header fields; `None` where the provider reads none like the query.
///
/// # Errors
/// By its header fields, the body may be read in more than one way.
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
    let kind = kind::kind(headers)?;
    let is_file = matches!(kind, Kind::File | Kind::Untyped);
    let readings = match kind {
        Kind::Multipart(boundary) => Readings::Parts(Multipart::new(&boundary)),
        other => Readings::Members(Form::default(), Json::new(other == Kind::Json)),
    };
    Ok(Some(Reader { rules, readings, is_file, kept: Bytes::new() }))
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
    let may_wait = !reader.is_file
        || http_body::Body::size_hint(&body).exact().is_some_and(|length| length <= AHEAD as u64);
    inspect(body, if may_wait { AHEAD } else { 0 }, reader).await.map_err(|not_sent| match not_sent {
        NotSent::Broken(fault) | NotSent::Refused(fault) => fault,
    })
}

#[cfg(test)]
mod tests;
