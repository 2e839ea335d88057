//! Vault results that replicas share.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use token_keeper::BearerToken;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Held, VaultKey};
use crate::{BoxFuture, grant::seconds};

/// Vault results that several processes share, so that a rollout costs no exchange.
///
/// The bytes hold a token in the clear: encrypting them, with `place` as authenticated data, is the implementor's
/// business, and so are its time-outs. Failures are logged by the implementor and reported as absence: each process
/// then exchanges for itself.
pub trait SharedVaultStore: fmt::Debug + Send + Sync + 'static {
    /// The bytes stored for this user at this place.
    fn load<'a>(
        &'a self,
        tenant: &'a str,
        user: &'a str,
        place: &'a str,
    ) -> BoxFuture<'a, Option<Zeroizing<Vec<u8>>>>;

    /// Stores bytes, to be dropped after `ttl`.
    fn store<'a>(
        &'a self,
        tenant: &'a str,
        user: &'a str,
        place: &'a str,
        bytes: Zeroizing<Vec<u8>>,
        ttl: Duration,
    ) -> BoxFuture<'a, ()>;

    /// Drops all that is stored for this user, or for everybody.
    fn remove<'a>(&'a self, tenant: &'a str, user: Option<&'a str>) -> BoxFuture<'a, ()>;
}

/// A result as it is shared.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    scopes: Option<Vec<String>>,
    expires_at: Option<u64>,
    until: u64,
}

/// The shared results and the tenant they belong to.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn SharedVaultStore>,
    pub(crate) tenant: Arc<str>,
}

impl Shared {
    pub(super) async fn load(&self, key: &VaultKey, now: SystemTime) -> Option<Held> {
        let loaded = self.store.load(&self.tenant, &key.user, &key.encode(&self.tenant)).await?;
        let kept: Kept<'_> = serde_json::from_slice(&loaded).ok()?;
        let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let left = time(kept.until).duration_since(now).ok().filter(|left| !left.is_zero())?;
        Some(Held {
            bearer: BearerToken::new(&kept.token).ok()?,
            scopes: kept.scopes.map(Arc::from),
            expires_at: kept.expires_at.map(time),
            until: Instant::now() + left,
        })
    }

    pub(super) async fn store(&self, key: &VaultKey, held: &Held, now: SystemTime) {
        let left = held.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let kept = Kept {
            token: held.bearer.expose().into(),
            scopes: held.scopes.as_deref().map(<[String]>::to_vec),
            expires_at: held.expires_at.map(seconds),
            until: seconds(now + left),
        };
        // Sized first: a buffer that grows would leave unwiped copies behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(2 * kept.token.len() + 4096));
        if serde_json::to_writer(&mut *plain, &kept).is_ok() {
            self.store.store(&self.tenant, &key.user, &key.encode(&self.tenant), plain, left).await;
        }
    }
}
