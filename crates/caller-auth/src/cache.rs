//! Tokens that have been verified already, found by their SHA-256.

use std::sync::Arc;
use std::time::SystemTime;

use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use crate::crypto::digest;
use crate::identity::Caller;

/// SHA-256 of a token.
pub(crate) type Digest = [u8; 32];

pub(crate) fn sha256(data: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    out
}

#[derive(Clone)]
struct Entry {
    caller: Arc<Caller>,
    /// The key set that the signature was checked with.
    generation: u64,
    /// The token's end by the monotonic clock, so that a wall clock set back gives it no second life.
    deadline: Instant,
}

/// What an entry takes beside its caller: key, place in the cache, counters.
const OVERHEAD: usize = 160;

#[derive(Clone)]
struct BySize {
    least: u64,
}

impl Weighter<Digest, Entry> for BySize {
    fn weight(&self, _: &Digest, entry: &Entry) -> u64 {
        ((OVERHEAD + entry.caller.size()) as u64).max(self.least)
    }
}

/// Successes only; bounded.
pub(crate) struct TokenCache(Cache<Digest, Entry, BySize>);

impl TokenCache {
    /// A cache of at most so many tokens and so many bytes.
    pub(crate) fn new(capacity: usize, bytes: u64) -> Self {
        let (capacity, bytes) = (capacity.max(1), bytes.max(1));
        Self(Cache::with_weighter(capacity, bytes, BySize { least: bytes.div_ceil(capacity as u64) }))
    }

    /// Bytes that the entries take.
    pub(crate) fn weight(&self) -> u64 {
        self.0.weight()
    }

    /// The caller of a token that has not ended and was checked with the present keys.
    pub(crate) fn get(&self, digest: &Digest, generation: u64, now: SystemTime) -> Option<Arc<Caller>> {
        let entry = self.0.get(digest)?;
        let fresh = entry.generation == generation
            && now < entry.caller.expires_at
            && Instant::now() < entry.deadline;
        if fresh {
            return Some(entry.caller);
        }
        self.0.remove(digest);
        None
    }

    /// Keeps `caller` until its token ends.
    pub(crate) fn insert(&self, digest: Digest, generation: u64, caller: &Arc<Caller>, now: SystemTime) {
        let Ok(left) = caller.expires_at.duration_since(now) else { return };
        let entry = Entry { caller: Arc::clone(caller), generation, deadline: Instant::now() + left };
        self.0.insert(digest, entry);
    }

    /// Drops the tokens of one user; how many they were.
    pub(crate) fn forget(&self, subject: &str) -> u64 {
        let dropped = std::cell::Cell::new(0);
        self.0.retain(|_, entry| {
            let keep = *entry.caller.subject != *subject;
            dropped.set(dropped.get() + u64::from(!keep));
            keep
        });
        dropped.get()
    }

    /// Drops everything; how much it was.
    pub(crate) fn clear(&self) -> u64 {
        let dropped = self.0.len() as u64;
        self.0.clear();
        dropped
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
