//! What a body is, by its `Content-Type`.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::head::parameters;
use crate::body::RequestBodyFault;

/// Longest boundary (RFC 2046 section 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// What a body is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Form,
    Json,
    /// With this boundary.
    Multipart(String),
    /// Bytes of some file.
    File,
    /// It is not said.
    Untyped,
}

/// What a body is, if its type is read in one way only.
///
/// # Errors
/// Some server could take it for something else.
pub(super) fn kind(headers: &HeaderMap) -> Result<Kind, RequestBodyFault> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Ok(Kind::Untyped) };
    if values.next().is_some() {
        // Which of them the provider goes by is not known.
        return Err(RequestBodyFault::Unsearchable);
    }
    let text = value.to_str().map(str::trim).unwrap_or("?");
    if text.is_empty() {
        return Ok(Kind::Untyped);
    }
    read(text).ok_or(RequestBodyFault::Ambiguous(
        "its Content-Type has to be application/x-www-form-urlencoded, application/json, multipart/form-data with one \
         boundary, application/octet-stream, image/*, video/* or audio/*, and may have a charset besides",
    ))
}

fn read(text: &str) -> Option<Kind> {
    let (media, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
    let parameters = parameters(rest)?;
    let holds_only = |names: &[&str]| {
        parameters.iter().all(|(key, _)| names.iter().any(|name| key.eq_ignore_ascii_case(name)))
    };
    match media.to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" if holds_only(&["charset"]) => Some(Kind::Form),
        "application/json" if holds_only(&["charset"]) => Some(Kind::Json),
        "multipart/form-data" if holds_only(&["charset", "boundary"]) => {
            // Some servers know the parameter in lower case only.
            let (_, boundary) = parameters.iter().find(|(key, _)| *key == "boundary")?;
            is_boundary(boundary).then(|| Kind::Multipart((*boundary).to_owned()))
        }
        file if is_file(file) && !parameters.iter().any(|(key, _)| key.eq_ignore_ascii_case("boundary")) => {
            Some(Kind::File)
        }
        _ => None,
    }
}

fn is_file(media: &str) -> bool {
    let named = ["image/", "video/", "audio/"].iter().find_map(|kind| media.strip_prefix(kind));
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
    };
    media == "application/octet-stream" || named.is_some_and(is_name)
}

/// Without the characters at which some server ends it.
fn is_boundary(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._=:/?()".contains(&byte);
    (1..=LONGEST_BOUNDARY).contains(&text.len()) && text.bytes().all(is_part)
}
