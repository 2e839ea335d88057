//! Any call of a provider, beside the typed ones.

use std::{fmt, sync::Arc, time::Duration};

use api_transport::Body;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Error, Multipart, api::Api, call, http::Opened, request::Request, sending::Payload};
use crate::Kind;

/// A call that the typed ones do not cover, made step by step. The token, the provider's headers and its judgement of
/// the answer are the same.
///
/// ```no_run
/// # async fn f(google: idp_adapters::client::Google) -> Result<(), idp_adapters::client::Error> {
/// use idp_adapters::http::Method;
///
/// let request = google.request(Method::GET, "/drive/v3/files/FILE_ID").query("alt", "media").header("range", "bytes=0-99");
/// let mut answer = request.send().await?;
/// while let Some(piece) = answer.chunk().await? {
///     println!("{} bytes", piece.len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a request is sent by `send`"]
pub struct RawRequest {
    api: Arc<Api>,
    request: Request,
    payload: Payload,
    timeout: Option<Duration>,
}

impl RawRequest {
    pub(crate) fn new(api: &Arc<Api>, method: Method, path: &str) -> Self {
        let request = Request::raw(method, api.default_host(), path);
        Self { api: Arc::clone(api), request, payload: Payload::Empty, timeout: None }
    }

    /// Another of the provider's hosts (`uploads.github.com`). Default: the one that the typed calls go to.
    ///
    /// With a base URL, the calls for every host go to that. That of a GitHub Enterprise Server, `https://HOST/api/v3`, has its
    /// uploads at `https://HOST/api/uploads`, and the client sends those for `uploads.github.com` there.
    pub fn host(mut self, host: &str) -> Self {
        if !self.api.adapter.allows_host(host) {
            self.request.invalid = Some("the token is not sent to this host; name one of the provider's");
        }
        self.request.host = host.to_ascii_lowercase().into();
        self
    }

    /// Adds a query member, beside others of that name.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.request.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets a header (`Accept`, `Prefer`, `If-Match`, ...), in place of the client's own of that name. `Authorization`
    /// stays the client's.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.request.headers.insert(name, value);
            }
            _ => self.request.invalid = Some("a header's name or value is not one"),
        }
        self
    }

    /// The longest wait from the start of the request to the last byte of its answer. Default: the
    /// [`HttpClient`](super::HttpClient)'s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends a value as JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.body("application/json", json),
            Err(_) => self.invalid("what was to be sent cannot be written as JSON"),
        }
    }

    /// Sends bytes.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.payload = Payload::Bytes(bytes.into());
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Sends a stream, `length` bytes long where that is known; some providers refuse a body without a length. Over a
    /// [`Transport`](crate::Transport) without its own `open` it is kept whole first, at most `max_body` bytes.
    pub fn stream<S, E>(mut self, content_type: &str, length: Option<u64>, body: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        self.payload = Payload::Stream(Body::from_stream(body));
        if let Some(length) = length {
            self.request.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Sends a multipart body.
    pub fn multipart(self, body: Multipart) -> Self {
        match body.encode() {
            Some((content_type, bytes)) => self.body(&content_type, bytes),
            None => self.invalid("a part's content type is not one"),
        }
    }

    fn invalid(mut self, why: &'static str) -> Self {
        self.request.invalid = Some(why);
        self
    }

    /// Sends the request. A GET follows redirects on the provider's own origin, and to the provider's download hosts
    /// without the token.
    ///
    /// # Errors
    /// See [`Error`]; answers of 400 and more are classified as for the typed calls.
    pub async fn send(self) -> Result<Response, Error> {
        let Self { api, request, payload, timeout } = self;
        let opened = api.open(&request, payload, timeout).await?;
        Ok(Response { kind: api.kind(), opened })
    }
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRequest")
            .field("provider", &self.api.kind())
            .field("method", &self.request.method)
            .field("path", &self.request.path)
            .finish_non_exhaustive()
    }
}

/// A provider's answer to a [`RawRequest`], its body not yet read. 2xx, or a 304 to a conditional request.
pub struct Response {
    kind: Kind,
    opened: Opened,
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.opened.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.opened.headers
    }

    /// The whole body, at most the client's `max_body`.
    ///
    /// # Errors
    /// The body is larger, or broke off.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let kind = self.kind;
        let answer = self.opened.whole().await.map_err(|transport| Error::transport(kind, transport))?;
        Ok(answer.body)
    }

    /// The whole body as JSON, at most the client's `max_body`.
    ///
    /// # Errors
    /// The body is larger, broke off, or is not such JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let kind = self.kind;
        call::parse(kind, &self.bytes().await?)
    }

    /// The next piece of the body, `None` at its end. There is no limit but the timeout.
    ///
    /// # Errors
    /// The body broke off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.opened.chunk().await.map_err(|transport| Error::transport(self.kind, transport))
    }

    /// The body as a stream of pieces. There is no limit but the timeout.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::unfold(Some(self), |response| async move {
            let mut response = response?;
            match response.chunk().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(response))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .fuse()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("provider", &self.kind)
            .field("status", &self.opened.status)
            .finish_non_exhaustive()
    }
}
