//! Small records that every replica keeps whole: what operators blocked, who logged out.

use std::fmt::Debug;

use zeroize::Zeroizing;

use super::{BoxFuture, Durability, StoreError, Swap};

/// What a look at a record brought.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reading {
    /// There is none.
    Absent,
    /// It still is at the version that was seen.
    Unchanged,
    /// It is at another version than was seen.
    Found {
        /// The version, greater the later it was written.
        version: u64,
        /// What was written.
        bytes: Zeroizing<Vec<u8>>,
    },
}

/// Keeps versioned records of plain bytes under names. Implementations seal them like grants and bound their waits.
pub trait RecordStore: Debug + Send + Sync + 'static {
    /// What it outlives, and whether replicas share it.
    fn durability(&self) -> Durability;

    /// Reads a record, unless it still is at version `seen`.
    fn read<'a>(&'a self, name: &'a str, seen: Option<u64>) -> BoxFuture<'a, Result<Reading, StoreError>>;

    /// Writes a record if it is still at version `seen` (`None`: not there), and wakes those
    /// that [wait](Self::wait). Durable when it returns.
    fn write<'a>(
        &'a self,
        name: &'a str,
        seen: Option<u64>,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<Swap, StoreError>>;

    /// Waits for a message that the record was written. Messages can be lost: read again by the clock too.
    /// A store that one process has to itself never says anything.
    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        let _ = name;
        Box::pin(std::future::pending())
    }
}
