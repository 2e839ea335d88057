//! The envelope of GraphQL over HTTP: a JSON body, or the query of a GET.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::document;
use super::requested::{Requested, Unreadable, shown};
use crate::strict_json;

/// Members whose text names a document that the provider keeps.
const IDS: [&str; 6] = ["id", "documentId", "doc_id", "documentHash", "queryId", "hash"];

/// So many arrays and objects may stand in each other.
const DEEPEST: usize = 127;

/// A request that may carry GraphQL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    /// The method.
    pub method: &'a Method,
    /// The raw query.
    pub query: Option<&'a str>,
    /// The headers, for what they say of the body.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Reads what a request asks for. `root_again`: root fields whose type is the root type.
///
/// # Errors
/// It is not GraphQL, or could be read in another way too.
pub(crate) fn read(sent: Sent<'_>, root_again: &[&str]) -> Result<Requested, Unreadable> {
    let query = sent.query.unwrap_or_default();
    match *sent.method {
        Method::GET | Method::HEAD => entry(from_query(query)?, root_again),
        Method::POST if !query.is_empty() => Err(Unreadable::TwoPlaces),
        Method::POST => {
            content(sent.headers)?;
            match json(sent.body)? {
                Value::Object(members) => entry(members, root_again),
                Value::Array(entries) if !entries.is_empty() => batch(entries, root_again),
                _ => Err(Unreadable::Json),
            }
        }
        _ => Err(Unreadable::Method),
    }
}

/// JSON without duplicate members: servers differ in which of two they take.
fn json(text: &[u8]) -> Result<Value, Unreadable> {
    strict_json::check(text, DEEPEST).map_err(|_| Unreadable::Json)?;
    serde_json::from_slice(text).map_err(|_| Unreadable::Json)
}

fn batch(entries: Vec<Value>, root_again: &[&str]) -> Result<Requested, Unreadable> {
    let mut asked = Requested::default();
    for one in entries {
        let Value::Object(members) = one else { return Err(Unreadable::Json) };
        asked.merge(entry(members, root_again)?);
    }
    Ok(asked)
}

/// JSON, in the encoding that JSON has.
fn content(headers: &HeaderMap) -> Result<(), Unreadable> {
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Unreadable::Encoded);
    }
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return Err(Unreadable::ContentType) };
    let kind = kind.to_str().map_err(|_| Unreadable::ContentType)?.to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts.next() == Some("application/json");
    let utf8 = |part: &str| matches!(part.replace('"', "").as_str(), "charset=utf-8" | "");
    if is_json && parts.all(utf8) { Ok(()) } else { Err(Unreadable::ContentType) }
}

/// The members of a GET, `extensions` parsed.
fn from_query(query: &str) -> Result<Map<String, Value>, Unreadable> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            "variables" | "extensions" => json(value.as_bytes())?,
            _ => Value::String(value.into_owned()),
        };
        if members.insert(name.into_owned(), value).is_some() {
            return Err(Unreadable::Json);
        }
    }
    Ok(members)
}

/// One request of a body: a document, or the id of one.
fn entry(members: Map<String, Value>, root_again: &[&str]) -> Result<Requested, Unreadable> {
    let mut asked = Requested::default();
    let mut text = None;
    for (name, value) in members {
        match (name.as_str(), value) {
            ("query", Value::String(document)) => text = Some(document),
            ("operationName", Value::String(_) | Value::Null)
            | ("variables", Value::Object(_) | Value::Null)
            | ("query" | "extensions", Value::Null) => {}
            ("extensions", Value::Object(extensions)) => persisted(extensions, &mut asked)?,
            (id, Value::String(hash)) if IDS.contains(&id) => {
                asked.persisted.insert(hash);
            }
            (other, _) => return Err(Unreadable::Member(shown(other))),
        }
    }
    match text {
        Some(text) => asked.merge(document::read(&text, root_again)?),
        None if asked.persisted.is_empty() => return Err(Unreadable::NoQuery),
        None => {}
    }
    Ok(asked)
}

/// `extensions.persistedQuery`, in any spelling.
fn persisted(extensions: Map<String, Value>, asked: &mut Requested) -> Result<(), Unreadable> {
    for (name, value) in extensions {
        if !name.eq_ignore_ascii_case("persistedQuery") {
            continue;
        }
        let hash = match value {
            Value::Object(mut members) => members.remove("sha256Hash"),
            _ => None,
        };
        let Some(Value::String(hash)) = hash else { return Err(Unreadable::Member(shown(&name))) };
        asked.persisted.insert(hash);
    }
    Ok(())
}
