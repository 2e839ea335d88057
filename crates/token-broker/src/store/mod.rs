//! Where grants are kept: one trait, and the stores behind it.

#[cfg(feature = "file")]
mod file;
mod fleet;
mod keyring;
mod leases;
mod memory;
#[cfg(any(feature = "redis", feature = "postgres"))]
mod places;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
#[cfg(feature = "redis")]
mod redis;

use std::{fmt, fmt::Debug, sync::Arc, time::Duration};

use tokio::time::Instant;

#[cfg(feature = "file")]
pub use self::file::FileStore;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
pub use self::{
    fleet::FleetStore,
    keyring::{InvalidKeyRing, KeyRing, Unsealable},
    memory::MemoryStore,
    record::{Reading, RecordStore},
};
use crate::{GrantKey, GrantRecord, GrantSummary};

pub use api_transport::BoxFuture;

/// A record and the version it was read at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Versioned {
    /// The record.
    pub record: GrantRecord,
    /// Its version: the number of times it was written.
    pub version: u64,
}

impl Versioned {
    /// A record at a version.
    #[must_use]
    pub fn new(record: GrantRecord, version: u64) -> Self {
        Self { record, version }
    }
}

/// What came of a compare-and-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// Written; this is its version.
    Done(u64),
    /// Another writer was first. Read again.
    Conflict,
}

/// The right to refresh one grant, for a while.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lease {
    /// Tells this lease from all others: random.
    pub id: String,
    /// When it ends, at the latest.
    pub until: Instant,
}

impl Lease {
    /// A fresh lease that ends after `ttl`, counted from before the store was asked.
    #[must_use]
    pub fn new(asked: Instant, ttl: Duration) -> Self {
        let mut id = [0; 16];
        // Without randomness from the system the weaker generator still tells leases apart.
        if getrandom::fill(&mut id).is_err() {
            fastrand::fill(&mut id);
        }
        Self { id: hex(&id), until: asked + ttl }
    }

    /// How much of it is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a store outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: gone with the process.
    Process,
    /// A restart of the one process that uses it.
    Restart,
    /// Restarts, and shared by a fleet.
    Fleet,
}

/// Why a store could not do what it was asked. Never the user's fault. Holds nothing secret.
///
/// What a server said is no `source`: its text can quote what was sent.
#[derive(Clone, Debug)]
pub struct StoreError {
    message: String,
    kind: Kind,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unavailable,
    InUse,
    Damaged,
}

impl StoreError {
    fn new(message: String, kind: Kind) -> Self {
        Self { message, kind, source: None }
    }

    /// The store cannot be reached or does not answer: try again later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(message.into(), Kind::Unavailable)
    }

    /// Another process has the store to itself.
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new(message.into(), Kind::InUse)
    }

    /// A record cannot be read: torn, or sealed with a key that is not on the ring. Waiting does not help.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(message.into(), Kind::Damaged)
    }

    /// A record that could not be sealed or opened. `remedy` is for keys that are missing.
    #[cfg(any(test, feature = "file", feature = "redis", feature = "postgres"))]
    pub(crate) fn sealing(error: &Unsealable, remedy: &str) -> Self {
        match error {
            Unsealable::NoRandomness => Self::unavailable(error.to_string()),
            _ => Self::damaged(format!("{error}; {remedy}")),
        }
        .caused_by(error.clone())
    }

    /// The same error with what lies behind it, which must hold nothing secret.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Whether waiting is useless.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.kind == Kind::Damaged
    }

    /// Whether another process has the store to itself.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.kind == Kind::InUse
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant store: {}", self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// What a record is sealed for: its place and its version, so that an old one cannot be put back under a higher version.
#[cfg(any(feature = "file", feature = "redis", feature = "postgres"))]
pub(crate) fn bound(place: &str, version: u64) -> Vec<u8> {
    format!("{place}\0{version}").into_bytes()
}

/// Newer than any version before, deleted records included.
#[cfg(any(feature = "redis", feature = "postgres"))]
pub(crate) fn next_version(seen: Option<u64>) -> u64 {
    let now =
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    now.max(seen.unwrap_or(0).saturating_add(1))
}

/// Opens what was sealed for a place and a version. Older versions sealed for the place alone.
#[cfg(any(feature = "file", feature = "redis", feature = "postgres"))]
pub(crate) fn open_bound(
    keys: &KeyRing,
    place: &str,
    version: u64,
    sealed: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, Unsealable> {
    if KeyRing::is_old(sealed) {
        return keys.open(place.as_bytes(), sealed);
    }
    keys.open(&bound(place, version), sealed)
}

/// Which grants are meant; unset members mean any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this user.
    pub user: Option<String>,
    /// Of these connections.
    pub connections: Option<Vec<String>>,
}

impl GrantFilter {
    /// The grants of a user, of some connections, or all; of any tenant.
    #[must_use]
    pub fn new(user: Option<String>, connections: Option<Vec<String>>) -> Self {
        Self { tenant: None, user, connections }
    }

    /// The same, of this tenant (its canonical domain) alone: a store may hold those of others.
    #[must_use]
    pub fn of_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Whether the grant is meant.
    #[must_use]
    pub fn matches(&self, key: &GrantKey) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| *tenant == key.tenant)
            && self.user.as_ref().is_none_or(|user| *user == key.user)
            && self.connections.as_ref().is_none_or(|names| names.contains(&key.connection))
    }
}

/// A store of grants. Implementations encrypt what leaves the process ([`KeyRing::seal`], the encoded key as
/// authenticated data) and bound their waits.
pub trait GrantStore: Debug + Send + Sync + 'static {
    /// What it outlives.
    fn durability(&self) -> Durability;

    /// The keys it seals with; fingerprints are made with the same ring, so that they outlive what the store
    /// outlives.
    fn keys(&self) -> &KeyRing;

    /// Whether the store holds nothing, if that can be told without asking anybody.
    fn is_surely_empty(&self) -> bool {
        false
    }

    /// Reads a grant.
    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>>;

    /// Writes a grant if it is still at version `seen` (`None`: not there). Durable when it returns.
    fn swap<'a>(
        &'a self,
        key: &'a GrantKey,
        seen: Option<u64>,
        record: &'a GrantRecord,
    ) -> BoxFuture<'a, Result<Swap, StoreError>>;

    /// Deletes a grant; whether it was there.
    fn delete<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Lists grants, sorted by key. A record that cannot be opened is listed as
    /// [unreadable](crate::GrantState::Unreadable): it can still be deleted.
    fn list<'a>(&'a self, filter: &'a GrantFilter) -> BoxFuture<'a, Result<Vec<GrantSummary>, StoreError>>;

    /// Takes the lease on a grant, unless another process holds it.
    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>>;

    /// Gives a lease back. One that has expired, or was taken by another process, is left alone.
    fn release<'a>(&'a self, key: &'a GrantKey, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Asks the store whether it can be used; the answer lists what it does not promise, each with its remedy.
    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;
}
