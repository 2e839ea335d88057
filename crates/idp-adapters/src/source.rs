//! Where a client gets its token from, and what says that a token is no good.

use std::{error::Error as StdError, fmt, future::Future, pin::Pin, sync::Arc};

use token_keeper::BearerToken;

type Cause = Arc<dyn StdError + Send + Sync>;
type TokenFuture = Pin<Box<dyn Future<Output = Result<BearerToken, Cause>> + Send>>;

/// Where a client gets the token of each call: one token for ever, or a closure that is asked before each call (a
/// broker, a cache, a file).
///
/// ```
/// use idp_adapters::{BearerToken, TokenSource};
///
/// let fixed = TokenSource::from(BearerToken::new("gho_...").expect("a token"));
/// let asked = TokenSource::from_fn(|| async { BearerToken::new("gho_...") });
/// # let _ = (fixed, asked);
/// ```
#[derive(Clone)]
pub struct TokenSource {
    ask: Ask,
    replace: Option<Arc<dyn Fn(BearerToken) -> TokenFuture + Send + Sync>>,
}

#[derive(Clone)]
enum Ask {
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
        let ask = Ask::Function(Arc::new(move || {
            let token = ask();
            Box::pin(async move { token.await.map_err(|error| Arc::new(error) as Cause) })
        }));
        Self { ask, replace: None }
    }

    /// Asks a closure for another token when the provider did not accept one. A client then repeats its call once, unless its body
    /// was a stream.
    #[must_use]
    pub fn on_refusal<F, A, E>(mut self, replace: F) -> Self
    where
        F: Fn(BearerToken) -> A + Send + Sync + 'static,
        A: Future<Output = Result<BearerToken, E>> + Send + 'static,
        E: StdError + Send + Sync + 'static,
    {
        self.replace = Some(Arc::new(move |refused| {
            let token = replace(refused);
            Box::pin(async move { token.await.map_err(|error| Arc::new(error) as Cause) })
        }));
        self
    }

    /// The token for one call.
    ///
    /// # Errors
    /// The closure's.
    pub async fn token(&self) -> Result<BearerToken, Arc<dyn StdError + Send + Sync>> {
        match &self.ask {
            Ask::Fixed(token) => Ok(token.clone()),
            Ask::Function(ask) => ask().await,
        }
    }

    /// Another token in the place of one that the provider did not accept. `None`: the source knows no other.
    ///
    /// # Errors
    /// The closure's.
    pub async fn replacement(
        &self,
        refused: &BearerToken,
    ) -> Option<Result<BearerToken, Arc<dyn StdError + Send + Sync>>> {
        Some(self.replace.as_ref()?(refused.clone()).await)
    }
}

impl From<BearerToken> for TokenSource {
    fn from(token: BearerToken) -> Self {
        Self { ask: Ask::Fixed(token), replace: None }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.ask {
            Ask::Fixed(_) => "TokenSource(fixed)",
            Ask::Function(_) => "TokenSource(function)",
        })
    }
}

/// An error of a call that knows whether the token was the cause. `token-broker` repeats such a call with another token.
pub trait TokenRefusal {
    /// The provider does not accept the token (any more).
    fn is_token_dead(&self) -> bool;
}
