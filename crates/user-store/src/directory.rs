//! The source of records.

use std::{fmt::Debug, time::SystemTime};

use mgmt_auth::{BoxFuture, Fetched, Priority, Tenant};

use crate::{
    ConnectedAccount, Error, User,
    wire::{ConnectedReply, FIELDS, UserReply},
};

/// The part of the Management API that this crate needs. Implemented for [`Tenant`]; another implementation serves
/// tests and simulations without sockets.
///
/// ```
/// use std::time::SystemTime;
/// use user_store::{BoxFuture, ConnectedAccount, Directory, Error, Priority, User};
///
/// #[derive(Debug)]
/// struct OneUser;
///
/// impl Directory for OneUser {
///     fn user<'a>(&'a self, user_id: &'a str, _: Priority) -> BoxFuture<'a, Result<User, Error>> {
///         let record = format!(r#"{{"user_id":"{user_id}","identities":[]}}"#);
///         Box::pin(async move { User::from_json(record.as_bytes(), user_id, SystemTime::now()) })
///     }
///
///     fn connected_accounts<'a>(
///         &'a self,
///         _: &'a str,
///         _: Priority,
///     ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, Error>> {
///         Box::pin(std::future::ready(Ok(vec![ConnectedAccount::new("cac_1", "github")])))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let users = user_store::UserStore::over(OneUser, "acme.eu.auth0.com").build();
/// assert!(users.get("auth0|1").await?.user.identities().is_empty());
/// # Ok(())
/// # }
/// ```
pub trait Directory: Debug + Send + Sync + 'static {
    /// Reads one user. `user_id` is the full id, not encoded.
    fn user<'a>(&'a self, user_id: &'a str, priority: Priority) -> BoxFuture<'a, Result<User, Error>>;

    /// Reads the user's Connected Accounts.
    fn connected_accounts<'a>(
        &'a self,
        user_id: &'a str,
        priority: Priority,
    ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, Error>>;

    /// Whether IdP tokens can be seen now. Asked when a cached record was read without ([`User::tokens_withheld`]); yes
    /// causes a new look-up. May obtain another management token. No by default.
    fn sees_idp_tokens(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    /// Whether the rate limit is nearly used up, so that look-ups which can wait are left out. No by default.
    fn is_allowance_short(&self) -> bool {
        false
    }
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

/// Without it Auth0 leaves IdP tokens out of user records.
const IDP_TOKENS: &str = "read:user_idp_tokens";
/// How many pages of Connected Accounts are read at most.
const MAX_PAGES: usize = 10;

impl Directory for Tenant {
    fn user<'a>(&'a self, user_id: &'a str, priority: Priority) -> BoxFuture<'a, Result<User, Error>> {
        Box::pin(async move {
            // Requests another token first, if the one at hand is known not to suffice and a minute old.
            self.management_token_with(IDP_TOKENS).await?;
            let fetched_at = self.clock().now();
            let query = [("fields", FIELDS), ("include_fields", "true")];
            let fetched: Fetched<UserReply> = self.fetch(&["users", user_id], &query, priority).await?;
            let user = fetched.value.into_user(user_id, fetched_at)?;
            Ok(if fetched.token.lacks(IDP_TOKENS) { user.with_tokens_withheld() } else { user })
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

    fn sees_idp_tokens(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let token = self.management_token_with(IDP_TOKENS).await;
            token.is_ok_and(|token| !token.lacks(IDP_TOKENS))
        })
    }

    fn is_allowance_short(&self) -> bool {
        let allowance = self.allowance();
        let few = |limit: u32| allowance.remaining().is_some_and(|remaining| remaining <= limit / 4);
        allowance.blocked_for().is_some() || allowance.waiting() > 0 || allowance.limit().is_some_and(few)
    }
}
