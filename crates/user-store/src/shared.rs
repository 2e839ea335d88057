//! Records shared by a fleet.

use std::{fmt::Debug, sync::Arc, time::Duration};

use zeroize::Zeroizing;

use crate::{BoxFuture, User, wire};

/// A store that several processes share, so that a rollout costs no look-up for a user another replica knows.
///
/// The bytes hold tokens in the clear: encrypting them, with tenant and user as authenticated data, is the
/// implementor's job, and so are timeouts. Failures are logged by the implementor and reported as
/// absence: the store degrades to one look-up per process.
pub trait SharedUserStore: Debug + Send + Sync + 'static {
    /// The bytes stored for this user of this tenant.
    fn load<'a>(&'a self, tenant: &'a str, user_id: &'a str) -> BoxFuture<'a, Option<Zeroizing<Vec<u8>>>>;

    /// Stores bytes, to be dropped after `ttl`.
    fn store<'a>(
        &'a self,
        tenant: &'a str,
        user_id: &'a str,
        bytes: Zeroizing<Vec<u8>>,
        ttl: Duration,
    ) -> BoxFuture<'a, ()>;

    /// Drops what is stored for this user.
    fn remove<'a>(&'a self, tenant: &'a str, user_id: &'a str) -> BoxFuture<'a, ()>;

    /// Drops what is stored for all users of this tenant. By default nothing: then copies that no process of the
    /// fleet knows end by themselves.
    fn remove_all<'a>(&'a self, tenant: &'a str) -> BoxFuture<'a, ()> {
        let _ = tenant;
        Box::pin(std::future::ready(()))
    }
}

/// The longest a look-up waits for the shared store before it asks Auth0 itself.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// A shared store and the tenant whose users are kept in it.
#[derive(Clone, Debug)]
pub(crate) struct SharedRecords {
    pub(crate) store: Arc<dyn SharedUserStore>,
    pub(crate) tenant: Arc<str>,
}

impl SharedRecords {
    pub(crate) async fn load(&self, user_id: &str) -> Option<User> {
        let bytes = tokio::time::timeout(STORE_TIMEOUT, self.store.load(&self.tenant, user_id))
            .await
            .ok()
            .flatten()?;
        wire::decode(&bytes, user_id)
    }

    pub(crate) async fn store(&self, user: &User, ttl: Duration) {
        let Some(bytes) = wire::encode(user) else { return };
        let stored = self.store.store(&self.tenant, user.user_id(), bytes, ttl);
        if tokio::time::timeout(STORE_TIMEOUT, stored).await.is_err() {
            tracing::warn!(
                event = "shared_store_slow",
                "the shared store did not take a user record in time"
            );
        }
    }

    /// Drops the shared copy in a task of its own, where there is a runtime to run it.
    pub(crate) fn remove_in_background(&self, user_id: Arc<str>) {
        let this = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { this.store.remove(&this.tenant, &user_id).await });
        }
    }

    /// The same for all users.
    pub(crate) fn remove_all_in_background(&self) {
        let this = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { this.store.remove_all(&this.tenant).await });
        }
    }
}
