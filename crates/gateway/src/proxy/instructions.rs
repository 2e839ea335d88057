//! Request headers for the gateway alone.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use idp_adapters::{Adapter, METHOD_OVERRIDE_HEADERS, MethodOverride};
use token_broker::AccountSelector;

use crate::call_error::CallError;
use crate::provider::path;

const IDP_ACCOUNT: HeaderName = HeaderName::from_static("idp-account");
/// The one of [`METHOD_OVERRIDE_HEADERS`] that Google's clients send.
pub(super) const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const IDP_ERRORS: HeaderName = HeaderName::from_static("idp-errors");

/// `Idp-Errors`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ErrorMode {
    /// Provider errors pass as they are.
    #[default]
    Passthrough,
    /// Provider errors become problems.
    Problem,
}

/// Reads `Idp-Errors`.
pub(super) fn error_mode(headers: &HeaderMap) -> Result<ErrorMode, CallError> {
    match single(headers, &IDP_ERRORS)? {
        None => Ok(ErrorMode::Passthrough),
        Some(word) if word.eq_ignore_ascii_case("passthrough") => Ok(ErrorMode::Passthrough),
        Some(word) if word.eq_ignore_ascii_case("problem") => Ok(ErrorMode::Problem),
        Some(_) => Err(CallError::ErrorMode),
    }
}

/// What the method of a request stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MethodReading {
    /// As it was sent.
    AsSent,
    /// A POST of a form that stands for a GET with that form as its query (Google's clients do so with long queries).
    FormAsGet,
}

/// Reads the headers that name another method. What they say is never lost: such a request is checked as what it means, or
/// refused.
pub(super) fn read_method(parts: &Parts, adapter: &dyn Adapter) -> Result<MethodReading, CallError> {
    let mut reading = MethodReading::AsSent;
    // Almost no request has one, and comparing its names costs less than a look-up for each of these.
    if !parts.headers.keys().any(|name| METHOD_OVERRIDE_HEADERS.contains(&name.as_str())) {
        return Ok(reading);
    }
    for name in METHOD_OVERRIDE_HEADERS.iter().map(|name| HeaderName::from_static(name)) {
        let Some(word) = single(&parts.headers, &name)? else { continue };
        if word.is_empty() || word.eq_ignore_ascii_case(parts.method.as_str()) {
            continue;
        }
        let stands_for_get = adapter.method_override() == MethodOverride::FormPostAsGet
            && name == METHOD_OVERRIDE
            && parts.method == Method::POST
            && word.eq_ignore_ascii_case("GET")
            && !is_upload(parts.uri.path())
            && is_form(&parts.headers);
        if !stands_for_get {
            return Err(CallError::MethodOverride(name));
        }
        reading = MethodReading::FormAsGet;
    }
    Ok(reading)
}

/// Whether the path may be one of Google's front ends for uploads, of which it is not known whether they honour the header.
fn is_upload(path: &str) -> bool {
    let is_upload =
        |part: &[u8]| part.eq_ignore_ascii_case(b"upload") || part.eq_ignore_ascii_case(b"resumable");
    path::segments(path).any(|segment| segment.split(|byte| *byte == b'/').any(is_upload))
}

/// Whether the body is a form as the provider reads it: in no content coding, and in UTF-8. Of any other body it is not known
/// what the provider would take for its query.
fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None, None) = (kinds.next(), kinds.next(), headers.get(CONTENT_ENCODING)) else {
        return false;
    };
    let mut parts = kind.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded"))
        && parts.all(|parameter| parameter.eq_ignore_ascii_case(b"charset=utf-8"))
}

/// Reads `Idp-Account`.
pub(crate) fn account_selector(headers: &HeaderMap) -> Result<Option<AccountSelector>, CallError> {
    let Some(text) = single(headers, &IDP_ACCOUNT)? else { return Ok(None) };
    text.parse().map(Some).map_err(CallError::Account)
}

/// The value of a header that may stand once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, CallError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(CallError::RepeatedHeader(name.clone()));
    }
    first
        .map(|value| value.to_str().map(str::trim).map_err(|_| CallError::UnreadableHeader(name.clone())))
        .transpose()
}
