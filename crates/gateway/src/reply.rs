//! Answers of the gateway's own routes.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::body::{self, Body, InMemory};
use crate::headers::IDP_OUTCOME;
use crate::outcome::Code;
use crate::problem::Problem;

/// A JSON answer of ours: private, not cached, not sniffed.
pub(crate) fn json(value: &impl Serialize) -> Result<Response<Body>, Problem> {
    Ok(document(JSON, json_bytes(value)?))
}

/// The media type of such an answer.
pub(crate) const JSON: &str = "application/json";

/// The body of such an answer.
pub(crate) fn json_bytes(value: &impl Serialize) -> Result<bytes::Bytes, Problem> {
    serde_json::to_vec(value).map(Into::into).map_err(|_| Problem::new(Code::InternalError))
}

/// A document of ours, with the headers of every such answer.
pub(crate) fn document(kind: &'static str, bytes: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(bytes));
    response.extensions_mut().insert(InMemory);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(IDP_OUTCOME, HeaderValue::from_static(Code::Ok.as_str()));
    response
}

/// An empty 200.
pub(crate) fn done() -> Response<Body> {
    let mut response = Response::new(body::empty());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(IDP_OUTCOME, HeaderValue::from_static(Code::Ok.as_str()));
    response
}

/// A redirect of a browser, which tells the other side nothing of where it comes from.
pub(crate) fn redirect(status: StatusCode, to: &str) -> Response<Body> {
    let mut response = done();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::try_from(to) {
        headers.insert(LOCATION, to);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
