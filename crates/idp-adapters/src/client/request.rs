//! A call before it is sent: on which host, which path, with what.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use url::Url;

use crate::exchange;

/// One call at a provider's host.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The provider's own host, whatever the base URL.
    pub(crate) host: Cow<'static, str>,
    /// Percent-encoded, with the slash in front.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// Where a page said the next one is: replaces path and query.
    pub(crate) next: Option<Url>,
    /// Why this cannot be sent.
    pub(crate) invalid: Option<&'static str>,
}

impl Request {
    /// A GET of the path made of `segments`, each encoded whole: a slash inside stays inside.
    pub(crate) fn get(host: &'static str, segments: &[&str]) -> Self {
        let mut path = String::new();
        let mut invalid = None;
        for segment in segments {
            if matches!(*segment, "" | "." | "..") {
                invalid = Some("a name or id in the call is empty or made of dots");
            }
            path.push('/');
            path.push_str(&exchange::segment(segment));
        }
        Self {
            method: Method::GET,
            host: Cow::Borrowed(host),
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            next: None,
            invalid,
        }
    }

    /// A call of a path that is written out, percent-encoded already.
    pub(crate) fn raw(method: Method, host: &str, path: &str) -> Self {
        let mut request = Self::get("", &[]);
        request.method = method;
        request.host = Cow::Owned(host.to_owned());
        request.path = path.to_owned();
        let dots = |segment: &str| {
            let decoded: Vec<u8> = percent_decode_str(segment).collect();
            matches!(&decoded[..], b"." | b"..")
        };
        if !path.starts_with('/') {
            request.invalid = Some("the path does not begin with a slash");
        } else if path.contains(['?', '#', '\\']) {
            request.invalid = Some("the path holds `?`, `#` or a backslash; add query members with `query`");
        } else if path.split('/').any(dots) {
            request.invalid = Some("a segment of the path is made of dots");
        }
        request
    }

    /// A POST of JSON.
    pub(crate) fn post(host: &'static str, segments: &[&str], body: &impl Serialize) -> Self {
        let mut request = Self::get(host, segments);
        request.method = Method::POST;
        request.headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        match serde_json::to_vec(body) {
            Ok(json) => request.body = Some(json.into()),
            Err(_) => request.invalid = Some("what was to be sent cannot be written as JSON"),
        }
        request
    }

    /// Sets a query member, in place of any of that name.
    pub(crate) fn set(&mut self, name: &str, value: impl ToString) {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.to_string()));
    }

    /// The same as part of an expression.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.set(name, value);
        self
    }
}
