//! Connected Accounts as their users see them: which list serves, and when it is read again.

use std::{sync::Arc, time::Duration};

use token_keeper::Flight;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{UserStore, check_id, connected::Accounts};
use crate::{ConnectedAccount, Error};

impl UserStore {
    /// The user's Connected Accounts. Cached for a minute (less if `cache_ttl` is less), read once for any number of
    /// callers. While Auth0 answers 429, 5xx or not at all, a list serves up to `stale_ttl`.
    ///
    /// # Errors
    /// Auth0 gave no answer and there is no list young enough, or Auth0 refused.
    pub async fn connected_accounts(&self, user_id: &str) -> Result<Arc<[ConnectedAccount]>, Error> {
        check_id(user_id)?;
        let inner = &self.inner;
        if let Some(accounts) = inner.connected.cached(user_id, inner.ages.of_lists()) {
            return Ok(accounts);
        }
        self.read_connected_accounts(user_id, inner.ages.of_lists()).await.or_else(|error| {
            let old = inner.connected.cached(user_id, inner.ages.stale).filter(|_| error.excuses_stale());
            old.ok_or(error)
        })
    }

    /// The same, read anew because the user has changed something: at most once per user in 5 s, doubling to 60 s while the
    /// list stays the same. In between it is the list of the last time.
    ///
    /// # Errors
    /// The list cannot be read; an old one is no answer here.
    pub async fn reread_connected_accounts(&self, user_id: &str) -> Result<Arc<[ConnectedAccount]>, Error> {
        check_id(user_id)?;
        self.read_connected_accounts(user_id, self.inner.connected.pause(user_id)).await
    }

    /// The cached list, if [`connected_accounts`](Self::connected_accounts) would return it, without any look-up.
    #[must_use]
    pub fn peek_connected_accounts(&self, user_id: &str) -> Option<Arc<[ConnectedAccount]>> {
        let inner = &self.inner;
        inner.connected.cached(user_id, inner.ages.of_lists())
    }

    /// Forgets the user's Connected Accounts, and a look-up of them that is under way. The record stays.
    pub fn invalidate_connected_accounts(&self, user_id: &str) {
        self.inner.connected.forget(&user_id.into());
    }

    /// The cached list up to this age, or the one of a look-up.
    async fn read_connected_accounts(&self, user_id: &str, up_to: Duration) -> Result<Accounts, Error> {
        let key: Arc<str> = user_id.into();
        let cached = || self.inner.connected.cached(user_id, up_to).map(Ok);
        let (inner, load_key) = (self.inner.clone(), key.clone());
        let load = move || {
            let span = tracing::info_span!(parent: None, "connected_accounts.load");
            span.follows_from(tracing::Span::current());
            async move {
                let accounts = inner.directory.connected_accounts(&load_key, inner.priority).await?;
                Ok::<_, Error>(Accounts::from(accounts))
            }
            .instrument(span)
        };
        let (inner, commit_key) = (self.inner.clone(), key.clone());
        let started = Instant::now();
        let commit = move |read: &Result<Accounts, Error>| {
            if let Ok(accounts) = read {
                inner.connected.keep(commit_key, accounts.clone(), started);
            }
        };
        match self.inner.connected.loads.join_or_start(&key, cached, load, commit) {
            Flight::Cached(read) => read,
            Flight::Started(pending) | Flight::Joined(pending) => {
                pending.wait().await.unwrap_or_else(|| Err(Error::lost()))
            }
        }
    }
}
