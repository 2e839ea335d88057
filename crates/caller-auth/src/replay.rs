//! Ids that may be used once: of DPoP proofs and of logout tokens.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Why nothing can be said about an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// The memory is full of ids that are still needed.
    Full,
    /// The store does not answer.
    Unavailable,
}

/// The answer of [`ReplayStore::first_use`].
pub type FirstUse<'a> = Pin<Box<dyn Future<Output = Result<bool, ReplayError>> + Send + 'a>>;

/// Remembers ids; the boundary to a store that replicas share.
pub trait ReplayStore: Send + Sync {
    /// Remembers `id` for `keep`; true if it was not known yet. Of several at the same time exactly one gets true.
    ///
    /// # Errors
    /// When it cannot be said; the caller must then refuse.
    fn first_use(&self, id: [u8; 32], keep: Duration) -> FirstUse<'_>;
}

/// An id that is kept for longer is no proof's.
const PROOFS: Duration = Duration::from_secs(15 * 60);

/// Ids in the memory of this process, at most so many; never forgotten before their time. Proofs, of which one caller can send
/// any number, leave an eighth to logout tokens.
pub struct MemoryReplays {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<[u8; 16]>,
    /// The same in the order of their end. Not of their arrival: a logout token's id is kept for a day, and must not keep
    /// the proofs behind it, which are kept for minutes.
    ends: BTreeSet<(Instant, [u8; 16])>,
}

impl MemoryReplays {
    /// Room for this many ids.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, seen: Mutex::default() }
    }

    fn note(&self, id: [u8; 32], keep: Duration) -> Result<bool, ReplayError> {
        // Half of a SHA-256 is more than enough to tell ids apart.
        let mut short = [0; 16];
        short.copy_from_slice(&id[..16]);
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.ends.first().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, old)) = seen.ends.pop_first() {
                seen.ids.remove(&old);
            }
        }
        if seen.ids.contains(&short) {
            return Ok(false);
        }
        let reserved = if keep > PROOFS { 0 } else { self.capacity / 8 };
        if seen.ids.len() >= self.capacity - reserved {
            return Err(ReplayError::Full);
        }
        seen.ids.insert(short);
        seen.ends.insert((now + keep, short));
        Ok(true)
    }
}

impl ReplayStore for MemoryReplays {
    fn first_use(&self, id: [u8; 32], keep: Duration) -> FirstUse<'_> {
        let answer = self.note(id, keep);
        Box::pin(std::future::ready(answer))
    }
}

impl fmt::Debug for MemoryReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplays").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
