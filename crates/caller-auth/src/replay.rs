//! Ids that may be used once: of DPoP proofs and of logout tokens.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mgmt_auth::BoxFuture;
use tokio::time::Instant;

/// Why nothing can be said about an id.
#[derive(Clone, Debug)]
pub struct ReplayError {
    full: bool,
    pub(crate) source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ReplayError {
    /// The memory is full of ids that are still needed.
    #[must_use]
    pub const fn full() -> Self {
        Self { full: true, source: None }
    }

    /// The store does not answer.
    #[must_use]
    pub const fn unavailable() -> Self {
        Self { full: false, source: None }
    }

    /// The same with what lies behind it, for the log: [`Refusal`](crate::Refusal) has it as its `source()`.
    #[must_use]
    pub fn caused_by(mut self, error: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(error));
        self
    }

    /// Whether there is no room for the id.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.full {
            "the memory of used ids is full"
        } else {
            "the store of used ids does not answer"
        })
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// An id that may be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OneUse {
    /// The id.
    pub id: [u8; 32],
    /// For how long it must be remembered.
    pub keep: Duration,
    /// Who may send any number of such ids; `None` where senders cannot make them up.
    pub owner: Option<[u8; 32]>,
}

impl OneUse {
    /// An id that its sender cannot make up: a logout token's.
    #[must_use]
    pub fn new(id: [u8; 32], keep: Duration) -> Self {
        Self { id, keep, owner: None }
    }

    /// The same of an owner who may send any number of them, and must not take the room of others.
    #[must_use]
    pub fn of(self, owner: [u8; 32]) -> Self {
        Self { owner: Some(owner), ..self }
    }
}

/// The answer of [`ReplayStore::first_use`].
pub type FirstUse<'a> = BoxFuture<'a, Result<bool, ReplayError>>;

/// Remembers ids; the boundary to a store that replicas share.
///
/// ```
/// use std::{collections::HashSet, sync::Mutex};
/// use caller_auth::{FirstUse, OneUse, ReplayError, ReplayStore};
///
/// /// Ids that are never forgotten.
/// struct Kept(Mutex<HashSet<[u8; 32]>>);
///
/// impl ReplayStore for Kept {
///     fn first_use(&self, used: OneUse) -> FirstUse<'_> {
///         // Of a real store: `.map_err(|error| ReplayError::unavailable().caused_by(error))`.
///         let ids = self.0.lock().map_err(|_| ReplayError::unavailable());
///         Box::pin(std::future::ready(ids.map(|mut ids| ids.insert(used.id))))
///     }
/// }
/// ```
pub trait ReplayStore: Send + Sync {
    /// Remembers the id; true if it was not known yet. Of several at the same time exactly one gets true.
    ///
    /// # Errors
    /// When it cannot be said; the caller must then refuse.
    fn first_use(&self, used: OneUse) -> FirstUse<'_>;
}

/// An id that is kept for longer is no proof's.
const PROOFS: Duration = Duration::from_secs(15 * 60);

/// Ids in the memory of this process, at most so many; never forgotten before their time.
///
/// An owner may have as many as there is still room for: one alone takes half of all, two take a third each, and the others
/// always find room. Proofs leave an eighth to logout tokens besides.
pub struct MemoryReplays {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<[u8; 16]>,
    /// The same in the order of their end, each with its owner. Not of their arrival: a logout token's id is kept for a day, and
    /// must not keep the proofs behind it, which are kept for minutes.
    ends: BTreeSet<(Instant, [u8; 16], Option<Owner>)>,
    /// How many each owner has.
    owned: HashMap<Owner, usize>,
}

/// A part of the owner's digest: two that share it share their room.
type Owner = [u8; 8];

impl Seen {
    /// Drops what has ended.
    fn prune(&mut self, now: Instant) {
        while self.ends.first().is_some_and(|(end, ..)| *end <= now) {
            let Some((_, old, owner)) = self.ends.pop_first() else { return };
            self.ids.remove(&old);
            if let Some(owner) = owner
                && let Entry::Occupied(mut count) = self.owned.entry(owner)
            {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }
}

impl MemoryReplays {
    /// Room for this many ids.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, seen: Mutex::default() }
    }

    fn note(&self, used: OneUse) -> Result<bool, ReplayError> {
        // Half of a SHA-256 is more than enough to tell ids apart.
        let mut short = [0; 16];
        short.copy_from_slice(&used.id[..16]);
        let owner = used.owner.map(|digest| {
            let mut owner = Owner::default();
            owner.copy_from_slice(&digest[..8]);
            owner
        });
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.prune(now);
        if seen.ids.contains(&short) {
            return Ok(false);
        }
        let reserved = if used.keep > PROOFS { 0 } else { self.capacity / 8 };
        let room = (self.capacity - reserved).saturating_sub(seen.ids.len());
        let owned = owner.and_then(|owner| seen.owned.get(&owner).copied()).unwrap_or(0);
        if room <= owned {
            return Err(ReplayError::full());
        }
        seen.ids.insert(short);
        seen.ends.insert((now + used.keep, short, owner));
        if let Some(owner) = owner {
            *seen.owned.entry(owner).or_default() += 1;
        }
        Ok(true)
    }
}

impl ReplayStore for MemoryReplays {
    fn first_use(&self, used: OneUse) -> FirstUse<'_> {
        let answer = self.note(used);
        Box::pin(std::future::ready(answer))
    }
}

impl fmt::Debug for MemoryReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplays").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
