//! One request as it arrived, and what became of its answer.

use std::net::SocketAddr;
use std::sync::OnceLock;

use ::http::header::{HeaderName, HeaderValue};
use ::http::request::Parts;
use ::http::{HeaderMap, Method, StatusCode, Version};
use bytes::Bytes;
use serde_json::Value;

use crate::kinds::Server;
use crate::text;

/// How an exchange ended, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The whole answer was handed to the connection.
    Answered,
    /// The caller went away before the whole answer was out.
    Abandoned,
    /// The sandbox broke the connection off, as a fault ordered.
    Dropped,
}

/// The body of a request as far as the journal keeps it.
#[derive(Debug)]
pub(crate) struct ReceivedBody {
    pub(crate) kept: Bytes,
    pub(crate) length: u64,
    pub(crate) sha256: String,
    pub(crate) trailers: Option<HeaderMap>,
}

/// Over which connection a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) server: Server,
    pub(crate) peer: SocketAddr,
    /// The scheme that links in the answer have; none where it follows from the host.
    pub(crate) scheme: Option<&'static str>,
}

/// One request, as it arrived.
#[derive(Debug)]
pub struct Entry {
    number: u64,
    server: Server,
    peer: SocketAddr,
    method: Method,
    target: String,
    version: Version,
    scheme: Option<&'static str>,
    authority: Option<String>,
    headers: HeaderMap,
    body: OnceLock<ReceivedBody>,
    status: OnceLock<StatusCode>,
    ended: OnceLock<Ended>,
}

impl Entry {
    pub(super) fn new(number: u64, arrival: &Arrival, parts: &Parts) -> Self {
        Self {
            number,
            server: arrival.server,
            peer: arrival.peer,
            scheme: arrival.scheme,
            method: parts.method.clone(),
            target: parts.uri.path_and_query().map_or_else(|| parts.uri.to_string(), ToString::to_string),
            version: parts.version,
            authority: parts.uri.authority().map(ToString::to_string),
            headers: parts.headers.clone(),
            body: OnceLock::new(),
            status: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    /// The same request read as another one: an overridden method, one part of a batch. It is not in the
    /// journal.
    pub(crate) fn read_as(&self, method: Method, target: String, body: Bytes) -> Self {
        let length = body.len() as u64;
        let received = ReceivedBody { kept: body, length, sha256: String::new(), trailers: None };
        Self {
            number: self.number,
            server: self.server,
            peer: self.peer,
            scheme: self.scheme,
            method,
            target,
            version: self.version,
            authority: self.authority.clone(),
            headers: self.headers.clone(),
            body: OnceLock::from(received),
            status: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    /// Sets a header of a request that was made by [`read_as`](Self::read_as).
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            self.headers.insert(name, value);
        }
        self
    }

    /// Position in the journal since the sandbox started, from 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The server that was asked.
    #[must_use]
    pub fn server(&self) -> Server {
        self.server
    }

    /// The address of the connection the request came over; equal for requests on one connection.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query, byte for byte as they were sent.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path, byte for byte as it was sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query without its `?`, byte for byte as it was sent.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// `Host`, or HTTP/2's `:authority`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.as_deref().or_else(|| self.header("host")).unwrap_or_default()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of that name, when it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The trailers, if any came.
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.body.get().and_then(|body| body.trailers.as_ref())
    }

    /// The body's first MiB; empty while it has not arrived completely.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.get().map_or(&[], |body| &body.kept)
    }

    /// The body's full length; none while it has not arrived completely.
    #[must_use]
    pub fn body_length(&self) -> Option<u64> {
        self.body.get().map(|body| body.length)
    }

    /// SHA-256 of the whole body in lower-case hex; none while it has not arrived completely.
    #[must_use]
    pub fn body_sha256(&self) -> Option<&str> {
        self.body.get().map(|body| body.sha256.as_str())
    }

    /// The status that was answered, once there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status.get().map(StatusCode::as_u16)
    }

    /// How the exchange ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get().copied()
    }

    /// The path's segments, each percent-decoded once; an encoded slash stays inside its segment.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        self.path().trim_start_matches('/').split('/').map(text::decode).collect()
    }

    /// The first query member of that name, decoded.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<String> {
        pairs(self.query().unwrap_or_default().as_bytes())
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// All query members, decoded, in order.
    #[must_use]
    pub fn params(&self) -> Vec<(String, String)> {
        pairs(self.query().unwrap_or_default().as_bytes())
    }

    /// The members of the form in the body.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        pairs(self.body())
    }

    /// A member of the form or of the JSON object in the body.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        if self.header("content-type").is_some_and(|kind| kind.contains("json")) {
            return match self.json()?.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                other => Some(other.to_string()),
            };
        }
        pairs(self.body()).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body()).ok()
    }

    /// The credential after `Bearer`, if there is exactly one `Authorization` of that scheme.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.credential(&["bearer"])
    }

    /// The credential of exactly one `Authorization` of one of `schemes` (in lower case).
    pub(crate) fn credential(&self, schemes: &[&str]) -> Option<&str> {
        let mut values = self.headers.get_all("authorization").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        schemes.contains(&scheme.to_ascii_lowercase().as_str()).then(|| rest.trim())
    }

    /// User name and password of `Authorization: Basic`, as they stand (not form-decoded).
    #[must_use]
    pub fn basic(&self) -> Option<(String, String)> {
        let decoded = String::from_utf8(text::from_base64(self.credential(&["basic"])?)?).ok()?;
        decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    /// The origin that links in the answer name: over TLS by https; without TLS loopback hosts by http and
    /// all others, which a test maps to the sandbox, by https.
    #[must_use]
    pub fn origin(&self) -> String {
        let host = self.host();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let loopback = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
        let scheme = self.scheme.unwrap_or(if loopback { "http" } else { "https" });
        format!("{scheme}://{host}")
    }

    pub(crate) fn set_body(&self, body: ReceivedBody) {
        let _ = self.body.set(body);
    }

    /// Sets how the exchange ended; false if that was known before.
    pub(super) fn set_ended(&self, ended: Ended) -> bool {
        self.ended.set(ended).is_ok()
    }

    pub(crate) fn set_status(&self, status: StatusCode) {
        let _ = self.status.set(status);
    }
}

fn pairs(form: &[u8]) -> Vec<(String, String)> {
    serde_urlencoded::from_bytes(form).unwrap_or_default()
}
