//! One thing asked for, and asking again only if it changed.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    str::FromStr,
    sync::Arc,
};

use http::{
    HeaderValue, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};
use serde::de::DeserializeOwned;

use super::{Error, api::Api, http::Answer, request::Request};
use crate::Kind;

/// How an answer is read.
type Read<T> = fn(&Api, &Answer) -> Result<T, Error>;

/// A call that answers one thing. Nothing is sent until it is awaited; it can be awaited again.
///
/// ```no_run
/// # async fn f(github: idp_adapters::client::GitHub) -> Result<(), idp_adapters::client::Error> {
/// let call = github.repository("acme", "atlas");
/// println!("{:?}", call.clone().await?.description);
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is sent when it is awaited"]
pub struct Call<T> {
    api: Arc<Api>,
    request: Request,
    read: Read<T>,
}

impl<T: DeserializeOwned> Call<T> {
    /// A call whose answer is `T` as JSON.
    pub(crate) fn json(api: &Arc<Api>, request: Request) -> Self {
        Self::reading(api, request, json)
    }
}

impl<T> Call<T> {
    pub(crate) fn reading(api: &Arc<Api>, request: Request, read: Read<T>) -> Self {
        Self { api: Arc::clone(api), request, read }
    }

    /// Sets a query parameter of the provider's, in place of any of that name.
    pub fn param(mut self, name: &str, value: impl ToString) -> Self {
        self.request.set(name, value);
        self
    }

    /// Sends the call. The same as awaiting it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self) -> Result<T, Error> {
        let answer = self.api.send(&self.request).await?;
        (self.read)(&self.api, &answer)
    }

    /// Sends the call as a conditional request (RFC 9110, section 13.1.2): with the tag of the version that is
    /// known already the provider answers in full only if there is a newer one. Tags belong to one token and one
    /// call. GitHub does not count an unchanged answer against the limit; others make no such promise.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn if_changed(&self, known: Option<&ETag>) -> Result<Conditional<T>, Error> {
        conditional(&self.api, self.request.clone(), known, self.read).await
    }
}

/// Sends `request` with the known tag and reads what is new.
pub(crate) async fn conditional<T>(
    api: &Api,
    mut request: Request,
    known: Option<&ETag>,
    read: impl FnOnce(&Api, &Answer) -> Result<T, Error>,
) -> Result<Conditional<T>, Error> {
    if let Some(tag) = known {
        request.headers.insert(IF_NONE_MATCH, tag.0.clone());
    }
    let answer = api.send(&request).await?;
    if answer.status == StatusCode::NOT_MODIFIED {
        return Ok(Conditional::Unchanged);
    }
    let etag = answer.headers.get(ETAG).cloned().map(ETag);
    Ok(Conditional::Changed { value: read(api, &answer)?, etag })
}

/// Reads a JSON body.
pub(crate) fn json<T: DeserializeOwned>(api: &Api, answer: &Answer) -> Result<T, Error> {
    parse(api.kind(), &answer.body)
}

pub(crate) fn parse<T: DeserializeOwned>(kind: Kind, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        let place = Unreadable { category: error.classify(), line: error.line(), column: error.column() };
        Error::unreadable(kind, "it is not the JSON that this call answers", Arc::new(place))
    })
}

/// Where a JSON body could not be read. The parser's own message quotes the body, which can hold secrets.
#[derive(Debug, thiserror::Error)]
#[error("{category:?} error at line {line} column {column}")]
struct Unreadable {
    category: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.send().await })
    }
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self { api: Arc::clone(&self.api), request: self.request.clone(), read: self.read }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("provider", &self.api.kind())
            .field("method", &self.request.method)
            .field("path", &self.request.path)
            .finish_non_exhaustive()
    }
}

/// The provider's name for one version of an answer. Keep it with the answer, under the user it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(HeaderValue);

impl ETag {
    /// The tag as text, quotes included: to be stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The text is no entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an entity tag is quoted text of visible characters, with W/ in front or not")]
pub struct InvalidETag;

impl FromStr for ETag {
    type Err = InvalidETag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        let inside = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let plain = inside.is_some_and(|tag| tag.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
        HeaderValue::from_str(text).ok().filter(|_| plain).map(ETag).ok_or(InvalidETag)
    }
}

/// What a conditional request brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conditional<T> {
    /// The first answer, or a newer one.
    #[non_exhaustive]
    Changed {
        /// What was asked for.
        value: T,
        /// Its tag, if the provider gave one.
        etag: Option<ETag>,
    },
    /// What is known already still stands.
    Unchanged,
}
