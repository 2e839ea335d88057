//! Rooms: so many bytes for all connections together, of what anybody may make the gateway hold. Each holder takes its share; where
//! there is none left, its sender is refused, and while little is left, slow senders and readers have a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes for the incomplete request heads of the public listener (`docs/operations/scaling.md`).
pub(crate) const HEADS: usize = 16 << 20;
/// For answers that clients of the public listener have not read.
pub(crate) const UNREAD: usize = 8 << 20;
/// For bodies of verified callers that come slowly and are read whole: a part of what running requests may hold.
pub(crate) const BODIES: usize = 8 << 20;
/// For each of the rooms of the admin listener.
pub(crate) const ADMIN: usize = 1 << 20;

/// As much of a head needs no room: no more than what a connection holds anyway.
pub(crate) const FREE_HEAD: usize = 4 * 1024;

/// How long those have who hold a share while less than half of the room is left.
pub(crate) const HURRY: Duration = Duration::from_secs(1);

/// What one permit stands for.
const PIECE: usize = 1024;

/// A room. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pieces: Arc<Semaphore>,
    total: usize,
}

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self::of_pieces(bytes / PIECE)
    }

    /// Room for so many holders of a byte to a KiB.
    pub(crate) fn of_pieces(total: usize) -> Self {
        Self { pieces: Arc::new(Semaphore::new(total)), total }
    }

    /// The share of one holder, empty yet.
    pub(crate) fn share(&self) -> Share {
        Share { room: self.clone(), held: None }
    }

    /// Whether less than half of it is left.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pieces.available_permits() < self.total / 2
    }
}

/// What one holder takes of a room.
#[derive(Debug)]
pub(crate) struct Share {
    room: Room,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes room until the share has so many bytes. False: there is no room left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let wanted = bytes.div_ceil(PIECE);
        let have = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(missing) = wanted.checked_sub(have).filter(|missing| *missing > 0) else { return true };
        let Ok(missing) = u32::try_from(missing) else { return false };
        let Ok(more) = Arc::clone(&self.room.pieces).try_acquire_many_owned(missing) else { return false };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        true
    }

    /// Whether this holder takes room while less than half of it is left.
    pub(crate) fn is_pressed(&self) -> bool {
        self.held.is_some() && self.room.is_pressed()
    }

    /// Moves what is held into a share of its own.
    pub(crate) fn take(&mut self) -> Self {
        Self { room: self.room.clone(), held: self.held.take() }
    }

    /// Gives the room back.
    pub(crate) fn clear(&mut self) {
        self.held = None;
    }
}
