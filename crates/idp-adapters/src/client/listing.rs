//! Lists that come in pages: one contract over the ways in which providers page.

use std::{fmt, marker::PhantomData, sync::Arc};

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::link_header;

use super::{
    ETag, Error, Items,
    api::Api,
    call::{self, Conditional},
    http::Answer,
    request::Request,
};

/// How one provider, or one of its services, pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// The parameter for the size of a page.
    pub(crate) size: &'static str,
    /// The largest size the provider takes.
    pub(crate) max: u32,
    /// The member that holds the items; `""` when the body is the array.
    pub(crate) items: &'static str,
    /// Whether a page without that member is an empty one.
    pub(crate) absent_is_empty: bool,
    pub(crate) next: Next,
}

/// Where the next page is said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// A `Link` header with `rel="next"` (RFC 8288).
    Link,
    /// A member with a token, to be repeated as a parameter beside all others.
    Token { member: &'static str, param: &'static str },
    /// A member with a URL, given as a JSON pointer; these query members are taken out of it.
    Url { pointer: &'static str, without: &'static [&'static str] },
}

/// Where a list goes on. Opaque: its text may be stored or handed to a browser and back; it is followed with the
/// token only where the list's own calls go, so treat it like any other input and no better.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor from its text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The cursor as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(..)")
    }
}

/// One page of a list. It can be empty although more follow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the provider's order.
    pub items: Vec<T>,
    /// Where the list goes on; `None` on the last page.
    pub next: Option<Cursor>,
}

/// A list that can be read page by page or item by item. Nothing is sent before that.
///
/// ```no_run
/// # async fn f(github: idp_adapters::client::GitHub) -> Result<(), idp_adapters::client::Error> {
/// let page = github.repositories().page_size(50).param("sort", "pushed").page().await?;
/// if let Some(next) = page.next {
///     let second = github.repositories().after(next).page().await?;
///     println!("{} more", second.items.len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a listing is sent when its pages or items are asked for"]
pub struct Listing<T> {
    api: Arc<Api>,
    request: Request,
    style: &'static Style,
    after: Option<Cursor>,
    items: PhantomData<fn() -> T>,
}

impl<T> Listing<T> {
    pub(crate) fn new(api: &Arc<Api>, request: Request, style: &'static Style) -> Self {
        Self { api: Arc::clone(api), request, style, after: None, items: PhantomData }
    }

    /// How many items a page shall hold: at least one, at most what the provider takes. The provider decides.
    pub fn page_size(mut self, items: u32) -> Self {
        self.request.set(self.style.size, items.clamp(1, self.style.max));
        self
    }

    /// Sets a query parameter of the provider's (`sort`, `$filter`, ...), in place of any of that name.
    pub fn param(mut self, name: &str, value: impl ToString) -> Self {
        self.request.set(name, value);
        self
    }

    /// Starts where an earlier page of the same list ended. The other settings must be the same as then.
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Where this listing starts.
    pub(crate) fn start(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }

    pub(crate) fn malformed(&self, what: &'static str) -> Error {
        Error::malformed(self.api.kind(), what)
    }

    /// The request for the page at the cursor.
    fn request(&self) -> Result<Request, Error> {
        let mut request = self.request.clone();
        match (&self.after, self.style.next) {
            (None, _) => {}
            (Some(cursor), Next::Token { param, .. }) => request.set(param, cursor.as_str()),
            (Some(cursor), Next::Link) => {
                request.next = Some(self.api.own_url(&request.host, cursor.as_str())?);
            }
            (Some(cursor), Next::Url { without, .. }) => {
                request.next = Some(cleaned(self.api.own_url(&request.host, cursor.as_str())?, without));
            }
        }
        Ok(request)
    }
}

impl<T: DeserializeOwned> Listing<T> {
    /// Asks for one page.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn page(&self) -> Result<Page<T>, Error> {
        let answer = self.api.send(&self.request()?).await?;
        self.read(&answer)
    }

    /// Asks for one page as a conditional request; see [`Call::if_changed`](super::Call::if_changed).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn if_changed(&self, known: Option<&ETag>) -> Result<Conditional<Page<T>>, Error> {
        call::conditional(&self.api, self.request()?, known, |_, answer| self.read(answer)).await
    }

    /// All items from here on, page after page, each page asked for when the one before is used up.
    pub fn items(self) -> Items<T> {
        Items::new(self)
    }

    /// All items from here on, but no more than `limit`.
    ///
    /// # Errors
    /// See [`Error`]. Items of the pages before the error are lost; [`Listing::items`] keeps them.
    pub async fn all(self, limit: usize) -> Result<Vec<T>, Error>
    where
        T: Send + 'static,
    {
        let (mut all, mut items) = (Vec::new(), self.items());
        while all.len() < limit {
            let Some(item) = items.try_next().await? else { break };
            all.push(item);
        }
        Ok(all)
    }

    fn read(&self, answer: &Answer) -> Result<Page<T>, Error> {
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let mut body: Value = call::json(&self.api, answer)?;
        let next = self.next(answer, &body)?;
        let items = match self.style.items {
            "" => body,
            member => body
                .as_object_mut()
                .ok_or_else(|| self.malformed("it is no JSON object"))?
                .remove(member)
                .unwrap_or(Value::Null),
        };
        let items = match items {
            Value::Array(items) => items,
            Value::Null if self.style.absent_is_empty => Vec::new(),
            _ => return Err(self.malformed("the list is missing")),
        };
        let items = items.into_iter().filter(|item| !item.is_null()).map(T::deserialize);
        let items = items.collect::<Result<_, _>>();
        Ok(Page { items: items.map_err(|_| self.malformed("an item is not what this list holds"))?, next })
    }

    fn next(&self, answer: &Answer, body: &Value) -> Result<Option<Cursor>, Error> {
        let member = |pointer: &str| match body.pointer(pointer) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        };
        let next = match self.style.next {
            Next::Token { member: name, .. } => return Ok(member(&format!("/{name}")).map(Cursor)),
            Next::Link => {
                link_header::target_of(&answer.headers, "next").map(|url| (url.to_owned(), &[][..]))
            }
            Next::Url { pointer, without } => member(pointer).map(|url| (url, without)),
        };
        let Some((url, without)) = next else { return Ok(None) };
        // A page with a foreign link is an error at once: ending the list there would hide the rest of it.
        let url = self.api.own_url(&self.request.host, &url)?;
        Ok(Some(Cursor(cleaned(url, without).into())))
    }
}

/// The URL without some members of its query.
fn cleaned(mut url: Url, without: &[&str]) -> Url {
    if url.query_pairs().any(|(name, _)| without.contains(&name.as_ref())) {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !without.contains(&name.as_ref()))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
    }
    url
}

impl<T> Clone for Listing<T> {
    fn clone(&self) -> Self {
        Self {
            api: Arc::clone(&self.api),
            request: self.request.clone(),
            style: self.style,
            after: self.after.clone(),
            items: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("provider", &self.api.kind())
            .field("path", &self.request.path)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}
