//! Calls with a token of the broker: the one repetition with another token, and sources for typed clients.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use idp_adapters::{TokenRefusal, TokenSource};
use token_keeper::BearerToken;

use crate::{Broker, Error, IdpToken, TokenRequest};

/// Why a call with a token of the broker brought nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// There is no usable token, or no other one in the place of a dead one: [`Error::reason`] says who has to act.
    #[error(transparent)]
    Token(Error),
    /// The call itself failed.
    #[error(transparent)]
    Call(E),
}

impl Broker {
    /// Calls a provider with one usable token, and once more with another one if the provider did not accept the first. What the call
    /// showed of the token is noted ([`token_accepted`](Self::token_accepted), [`token_rejected`](Self::token_rejected)).
    ///
    /// ```no_run
    /// # async fn f(broker: token_broker::Broker) -> Result<(), Box<dyn std::error::Error>> {
    /// use idp_adapters::client::GitHub;
    /// use token_broker::TokenRequest;
    ///
    /// let request = TokenRequest::new("google-oauth2|100000000000000000002", "github");
    /// let call = |token: token_broker::IdpToken| async move {
    ///     GitHub::new(token.bearer().clone())?.profile().await
    /// };
    /// println!("{:?}", broker.call(&request, call).await?.preferred_username);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CallError::Token`] without a usable token, else the call's own error.
    pub async fn call<T, E, C, A>(&self, request: &TokenRequest<'_>, mut call: C) -> Result<T, CallError<E>>
    where
        C: FnMut(IdpToken) -> A,
        A: Future<Output = Result<T, E>>,
        E: TokenRefusal,
    {
        let mut token = self.token(request).await.map_err(CallError::Token)?;
        let mut repeated = false;
        loop {
            let error = match call(token.clone()).await {
                Ok(value) => {
                    self.token_accepted(request, &token);
                    return Ok(value);
                }
                Err(error) if error.is_token_dead() => error,
                Err(error) => return Err(CallError::Call(error)),
            };
            let replacement = self.token_rejected(request, &token).await.map_err(CallError::Token)?;
            if repeated {
                return Err(CallError::Call(error));
            }
            (token, repeated) = (replacement, true);
        }
    }

    /// The tokens of one user at one provider, for a typed client of `idp-adapters`: it asks before each call, and repeats a call
    /// once with another token if the provider did not accept the first.
    ///
    /// It knows of no caller token, so it does not notice by itself that the user has signed in again after
    /// [`Reason::ReconnectRequired`](crate::Reason::ReconnectRequired): a dead token is then refused for up to a minute, and a
    /// disconnected account until the user's record is renewed (10 min). Call [`reconnected`](Self::reconnected) after the sign-in.
    ///
    /// For callers with a token of their own, several accounts or single endpoints use [`call`](Self::call), which takes a whole
    /// [`TokenRequest`].
    #[must_use]
    pub fn source(&self, user_id: impl Into<String>, provider: impl Into<String>) -> TokenSource {
        let source = Arc::new(Source {
            broker: self.clone(),
            user_id: user_id.into(),
            provider: provider.into(),
            last: Mutex::default(),
        });
        let asked = Arc::clone(&source);
        let ask = move || {
            let source = Arc::clone(&asked);
            async move { source.token().await }
        };
        TokenSource::from_fn(ask).on_refusal(move |refused| {
            let source = Arc::clone(&source);
            async move { source.replacement(&refused).await }
        })
    }
}

struct Source {
    broker: Broker,
    user_id: String,
    provider: String,
    /// The token that was given out last: a refusal can only be of this one, or of one that was replaced.
    last: Mutex<Option<IdpToken>>,
}

impl Source {
    fn request(&self) -> TokenRequest<'_> {
        TokenRequest::new(&self.user_id, &self.provider)
    }

    async fn token(&self) -> Result<BearerToken, Error> {
        self.broker.token(&self.request()).await.map(|token| self.keep(token))
    }

    async fn replacement(&self, refused: &BearerToken) -> Result<BearerToken, Error> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last.filter(|last| last.bearer().expose() == refused.expose()) {
            Some(last) => {
                self.broker.token_rejected(&self.request(), &last).await.map(|token| self.keep(token))
            }
            None => self.token().await,
        }
    }

    fn keep(&self, token: IdpToken) -> BearerToken {
        let bearer = token.bearer().clone();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        bearer
    }
}
