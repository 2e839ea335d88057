//! Where a client gets its token from.

use std::{error::Error as StdError, fmt, future::Future, pin::Pin, sync::Arc};

use token_keeper::BearerToken;

type Cause = Arc<dyn StdError + Send + Sync>;
type TokenFuture = Pin<Box<dyn Future<Output = Result<BearerToken, Cause>> + Send>>;

/// Where a client gets the token of each call: one token for ever, or a closure that is asked before each call (a
/// broker, a cache, a file).
///
/// ```
/// use idp_adapters::{BearerToken, client::TokenSource};
///
/// let fixed = TokenSource::from(BearerToken::new("gho_...").expect("a token"));
/// let asked = TokenSource::from_fn(|| async { BearerToken::new("gho_...") });
/// # let _ = (fixed, asked);
/// ```
#[derive(Clone)]
pub struct TokenSource(Inner);

#[derive(Clone)]
enum Inner {
    Fixed(BearerToken),
    Function(Arc<dyn Fn() -> TokenFuture + Send + Sync>),
}

impl TokenSource {
    /// A source that asks a closure before each call. Its error becomes the [`source`](std::error::Error::source) of the
    /// call's.
    pub fn from_fn<F, A, E>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<BearerToken, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        Self(Inner::Function(Arc::new(move || {
            let token = ask();
            Box::pin(async move { token.await.map_err(|error| Arc::new(error) as Cause) })
        })))
    }

    pub(crate) async fn token(&self) -> Result<BearerToken, Cause> {
        match &self.0 {
            Inner::Fixed(token) => Ok(token.clone()),
            Inner::Function(ask) => ask().await,
        }
    }
}

impl From<BearerToken> for TokenSource {
    fn from(token: BearerToken) -> Self {
        Self(Inner::Fixed(token))
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Fixed(_) => "TokenSource(fixed)",
            Inner::Function(_) => "TokenSource(function)",
        })
    }
}
