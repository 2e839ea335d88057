//! Tokens that have been verified already, found by their SHA-256.

use std::sync::Arc;
use std::time::SystemTime;

use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use crate::common::Commons;
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
    /// The token's end by the monotonic clock, in seconds after the cache was made, so that a wall clock set back gives it no
    /// second life.
    deadline: u32,
}

/// What an entry takes beside its caller: key, place in the cache, half of a former one, counters.
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
pub(crate) struct TokenCache {
    tokens: Cache<Digest, Entry, BySize>,
    commons: Commons,
    started: Instant,
}

impl TokenCache {
    /// A cache of at most so many tokens and so many bytes.
    pub(crate) fn new(capacity: usize, bytes: u64) -> Self {
        let commons = bytes / 16;
        let (capacity, bytes) = (capacity.max(1), (bytes - commons).max(1));
        let weighter = BySize { least: bytes.div_ceil(capacity as u64) };
        // The cache also keeps the places of half as many former entries: not of more than there is memory for.
        let smallest = OVERHEAD + size_of::<Caller>();
        let most = usize::try_from(bytes).unwrap_or(usize::MAX) / smallest;
        Self {
            tokens: Cache::with_weighter(capacity.min(most.max(1)), bytes, weighter),
            commons: Commons::new(usize::try_from(commons).unwrap_or(usize::MAX)),
            started: Instant::now(),
        }
    }

    /// Bytes that the entries take.
    pub(crate) fn weight(&self) -> u64 {
        self.tokens.weight() + self.commons.bytes() as u64
    }

    /// The caller of a token that has not ended and was checked with the present keys.
    pub(crate) fn get(&self, digest: &Digest, generation: u64, now: SystemTime) -> Option<Arc<Caller>> {
        let entry = self.tokens.get(digest)?;
        let fresh = entry.generation == generation
            && now < entry.caller.expires_at()
            && self.started.elapsed().as_secs() < entry.deadline.into();
        if fresh {
            return Some(entry.caller);
        }
        self.tokens.remove(digest);
        None
    }

    /// Keeps `caller` until its token ends.
    pub(crate) fn insert(
        &self,
        digest: Digest,
        generation: u64,
        mut caller: Caller,
        now: SystemTime,
    ) -> Arc<Caller> {
        caller.common = self.commons.share(caller.common);
        let caller = Arc::new(caller);
        if let Ok(left) = caller.expires_at().duration_since(now) {
            let deadline = u32::try_from((self.started.elapsed() + left).as_secs()).unwrap_or(u32::MAX);
            let entry = Entry { caller: Arc::clone(&caller), generation, deadline };
            self.tokens.insert(digest, entry);
        }
        caller
    }

    /// Drops the tokens of one user; how many they were.
    pub(crate) fn forget(&self, subject: &str) -> u64 {
        let dropped = std::cell::Cell::new(0);
        self.tokens.retain(|_, entry| {
            let keep = *entry.caller.subject != *subject;
            dropped.set(dropped.get() + u64::from(!keep));
            keep
        });
        dropped.get()
    }

    /// Drops everything; how much it was.
    pub(crate) fn clear(&self) -> u64 {
        let dropped = self.tokens.len() as u64;
        self.tokens.clear();
        dropped
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }
}
