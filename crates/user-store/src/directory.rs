//! Where records come from.

use std::{fmt::Debug, future::Future, pin::Pin, time::SystemTime};

use mgmt_auth::{Priority, Tenant};

use crate::{
    ConnectedAccount, Error, User,
    wire::{ConnectedReply, FIELDS, UserReply},
};

/// A boxed future, as the object-safe traits of this crate return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The Management API as far as this crate needs it. Implemented for [`Tenant`]; another implementation serves
/// tests and simulations without sockets.
pub trait Directory: Debug + Send + Sync + 'static {
    /// Reads one user. `user_id` is the full id, not encoded.
    fn user<'a>(&'a self, user_id: &'a str, priority: Priority) -> BoxFuture<'a, Result<User, Error>>;

    /// Reads the user's Connected Accounts.
    fn connected_accounts<'a>(
        &'a self,
        user_id: &'a str,
        priority: Priority,
    ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, Error>>;
}

impl User {
    /// Reads Auth0's answer to `GET /api/v2/users/{id}`.
    ///
    /// # Errors
    /// The body is no user, or not the one that was `asked` for.
    pub fn from_json(body: &[u8], asked: &str, fetched_at: SystemTime) -> Result<User, Error> {
        let reply: UserReply = serde_json::from_slice(body)
            .map_err(|_| Error::new(crate::Fault::Tenant, "the Management API's answer is no user record"))?;
        reply.into_user(asked, fetched_at)
    }
}

/// How many pages of Connected Accounts are read at most.
const MAX_PAGES: usize = 10;

impl Directory for Tenant {
    fn user<'a>(&'a self, user_id: &'a str, priority: Priority) -> BoxFuture<'a, Result<User, Error>> {
        Box::pin(async move {
            let fetched_at = SystemTime::now();
            let query = [("fields", FIELDS), ("include_fields", "true")];
            let reply: UserReply = self.get(&["users", user_id], &query, priority).await?;
            reply.into_user(user_id, fetched_at)
        })
    }

    fn connected_accounts<'a>(
        &'a self,
        user_id: &'a str,
        priority: Priority,
    ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, Error>> {
        Box::pin(async move {
            let segments = ["users", user_id, "connected-accounts"];
            let mut accounts = Vec::new();
            let mut from: Option<String> = None;
            for _ in 0..MAX_PAGES {
                let query: Vec<_> = from.iter().map(|from| ("from", from.as_str())).collect();
                let mut page: ConnectedReply = self.get(&segments, &query, priority).await?;
                let next = page.next.take();
                accounts.extend(page.into_accounts());
                match next {
                    Some(next) if !next.is_empty() => from = Some(next),
                    _ => break,
                }
            }
            Ok(accounts)
        })
    }
}
