//! Connected Accounts as their users see them: which list serves, and when it is read again.

use std::sync::Arc;

use token_keeper::Flight;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{
    UserStore, check_id,
    connected::{Accounts, Purpose},
};
use crate::{ConnectedAccount, Error};

impl UserStore {
    /// The user's Connected Accounts. Cached for a minute (less if `cache_ttl` is less), read once for any number of
    /// callers. While Auth0 answers 429, 5xx or not at all, a list serves up to `stale_ttl`.
    ///
    /// That a list cannot be read is remembered as well: a refusal of the management client (403) for a minute and for all users, an
    /// unknown user for `negative_ttl`, anything else for half a second, doubling to 5 s.
    ///
    /// # Errors
    /// Auth0 gave no answer and there is no list young enough, or Auth0 refused.
    pub async fn connected_accounts(&self, user_id: &str) -> Result<Arc<[ConnectedAccount]>, Error> {
        let inner = &self.inner;
        self.read_connected_accounts(user_id, Purpose::Show).await.or_else(|error| {
            let old = inner.connected.cached(user_id, inner.ages.stale).filter(|_| error.excuses_stale());
            old.ok_or(error)
        })
    }

    /// The same as Auth0 has them now, because the user changes something: a list that was read for another purpose, or is being
    /// read, may lack what the user has just connected. The list that this brings serves all changes of the user for 5 s.
    ///
    /// # Errors
    /// The list cannot be read; an old one is no answer here. Failures are remembered as for
    /// [`connected_accounts`](Self::connected_accounts).
    pub async fn connected_accounts_now(&self, user_id: &str) -> Result<Arc<[ConnectedAccount]>, Error> {
        self.read_connected_accounts(user_id, Purpose::Change).await
    }

    /// The same for a change that is repeated: read anew at most once per user in 5 s, doubling to 60 s while the list stays the
    /// same. In between it is the list of the last time.
    ///
    /// # Errors
    /// As [`connected_accounts_now`](Self::connected_accounts_now).
    pub async fn reread_connected_accounts(&self, user_id: &str) -> Result<Arc<[ConnectedAccount]>, Error> {
        self.read_connected_accounts(user_id, Purpose::RepeatedChange).await
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

    /// The cached list if it serves this purpose, or the one of a look-up.
    async fn read_connected_accounts(&self, user_id: &str, purpose: Purpose) -> Result<Accounts, Error> {
        check_id(user_id)?;
        let (inner, key): (_, Arc<str>) = (&self.inner, user_id.into());
        let cached = || inner.connected.answer(user_id, purpose, &inner.ages);
        if let Some(answer) = cached() {
            return answer;
        }
        let (for_load, load_key) = (inner.clone(), key.clone());
        let load = move || {
            for_load.connected.begin(purpose, &load_key);
            let span = tracing::info_span!(parent: None, "connected_accounts.load");
            span.follows_from(tracing::Span::current());
            async move {
                let accounts = for_load.directory.connected_accounts(&load_key, for_load.priority).await?;
                Ok::<_, Error>(Accounts::from(accounts))
            }
            .instrument(span)
        };
        let (for_commit, commit_key) = (inner.clone(), key.clone());
        let begun = (purpose, Instant::now());
        let commit = move |read: &Result<Accounts, Error>| {
            for_commit.connected.keep(commit_key, read, begun, &for_commit.ages);
        };
        match inner.connected.loads(purpose, &key).join_or_start(&key, cached, load, commit) {
            Flight::Cached(read) => read,
            Flight::Started(pending) | Flight::Joined(pending) => {
                pending.wait().await.unwrap_or_else(|| Err(Error::lost()))
            }
        }
    }
}
