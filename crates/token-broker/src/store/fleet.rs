//! All that the replicas of a fleet share, in one store.

use std::time::Duration;

use mgmt_auth::SharedTokenStore;
use user_store::SharedUserStore;

use super::{BoxFuture, GrantStore, RecordStore, StoreError};
use crate::SharedVaultStore;

/// A store that a fleet shares, in all its roles: grants, records, the management token, user records, vault results, and ids that
/// may be used once.
pub trait FleetStore:
    GrantStore + RecordStore + SharedTokenStore + SharedUserStore + SharedVaultStore
{
    /// Whether `id` is used for the first time within `keep`. Of several at the same time exactly one hears yes.
    ///
    /// # Errors
    /// The store does not answer: nothing can be said.
    fn first_use<'a>(&'a self, id: &'a [u8], keep: Duration) -> BoxFuture<'a, Result<bool, StoreError>>;
}
