//! A listing as a stream of its items.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
    vec,
};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::{Cursor, Error, Listing, Page};

/// So many empty pages in a row are a provider that pages in circles.
const MAX_EMPTY: usize = 100;

type PageRequest<T> = Pin<Box<dyn Future<Output = Result<Page<T>, Error>> + Send>>;

/// The items of a [`Listing`], page after page: a [`Stream`], or [`Items::try_next`] without one.
///
/// Ends after the first error. [`Items::position`] then says where the page that failed starts, and
/// [`Listing::after`] goes on from there.
///
/// ```no_run
/// # async fn f(github: idp_adapters::client::GitHub) {
/// let mut issues = github.issues("acme", "atlas").items();
/// loop {
///     match issues.try_next().await {
///         Ok(Some(issue)) => println!("#{}", issue.number),
///         Ok(None) => break,
///         Err(error) => {
///             println!("{error}; to be continued at {:?}", issues.position());
///             break;
///         }
///     }
/// }
/// # }
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Items<T> {
    listing: Listing<T>,
    ready: vec::IntoIter<T>,
    state: State<T>,
    empty: usize,
}

enum State<T> {
    /// The page at the listing's cursor is to be asked for.
    More,
    /// The mutex is never locked; it makes the stream `Sync`, which the future in it is not.
    Waiting(Mutex<PageRequest<T>>),
    Done,
}

impl<T> Items<T> {
    pub(crate) fn new(listing: Listing<T>) -> Self {
        Self { listing, ready: Vec::new().into_iter(), state: State::More, empty: 0 }
    }

    /// The cursor of the page that was asked for last; `None` when that was the first one.
    #[must_use]
    pub fn position(&self) -> Option<&Cursor> {
        self.listing.start()
    }
}

impl<T: DeserializeOwned + Send + 'static> Items<T> {
    /// The next item, `None` at the end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn try_next(&mut self) -> Result<Option<T>, Error> {
        std::future::poll_fn(|context| self.poll_item(context)).await.transpose()
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            if let Some(item) = self.ready.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match &mut self.state {
                State::Done => return Poll::Ready(None),
                State::More => {
                    let listing = self.listing.clone();
                    self.state = State::Waiting(Mutex::new(Box::pin(async move { listing.page().await })));
                }
                State::Waiting(request) => {
                    let request = request.get_mut().unwrap_or_else(PoisonError::into_inner);
                    let page = ready!(request.as_mut().poll(context));
                    self.state = State::Done;
                    if let Err(error) = page.and_then(|page| self.turn(page)) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
    }

    /// Takes a page in, and goes to the one after.
    fn turn(&mut self, page: Page<T>) -> Result<(), Error> {
        self.empty = if page.items.is_empty() { self.empty + 1 } else { 0 };
        self.ready = page.items.into_iter();
        let Some(next) = page.next else { return Ok(()) };
        if self.listing.start() == Some(&next) || self.empty > MAX_EMPTY {
            return Err(self.listing.malformed("the pages go in circles"));
        }
        self.listing = self.listing.clone().after(next);
        self.state = State::More;
        Ok(())
    }
}

// Nothing in here is pinned but the boxed future.
impl<T> Unpin for Items<T> {}

impl<T: DeserializeOwned + Send + 'static> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(context)
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("listing", &self.listing).finish_non_exhaustive()
    }
}
