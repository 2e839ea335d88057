//! Room for request heads that are not complete yet: anybody may send them, and each may be as long as `server.limits` allows.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes for the incomplete heads of all connections of the public listener together (`docs/operations/scaling.md`).
pub(crate) const HEADS: usize = 16 << 20;
/// The same for the admin listener.
pub(crate) const ADMIN_HEADS: usize = 1 << 20;
/// As much of a head needs no room: no more than what a connection holds anyway.
const FREE: usize = 4 * 1024;
/// What one permit stands for.
const PIECE: usize = 1024;

/// The room of a listener.
#[derive(Clone, Debug)]
pub(crate) struct HeadRoom {
    pieces: Arc<Semaphore>,
    total: usize,
}

impl HeadRoom {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let total = bytes / PIECE;
        Self { pieces: Arc::new(Semaphore::new(total)), total }
    }

    /// The share of one connection, empty yet.
    pub(crate) fn share(&self) -> Share {
        Share { room: self.clone(), held: None }
    }
}

/// The room that one connection's head takes.
#[derive(Debug)]
pub(crate) struct Share {
    room: HeadRoom,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes room for a head of which so many bytes are there. False: there is no room left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(FREE).div_ceil(PIECE);
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

    /// Whether this connection takes room while less than half of it is left: then heads have to come sooner.
    pub(crate) fn is_pressed(&self) -> bool {
        self.held.is_some() && self.room.pieces.available_permits() < self.room.total / 2
    }

    /// Gives the room back: the head is complete, or refused.
    pub(crate) fn clear(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::{Fault, head::HeadRules, http1};
    use super::*;
    use crate::server::connection_state::ConnState;

    struct Peer {
        client: DuplexStream,
        guard: http1::Guard<DuplexStream>,
        state: Arc<ConnState>,
    }

    fn connected(room: &HeadRoom) -> Peer {
        let (client, server) = duplex(64 * 1024);
        let rules = HeadRules { uri: 8 * 1024, headers: 32 * 1024, header_count: 100, host_may_lack: false };
        let second = Duration::from_secs(1);
        let options = http1::GuardOptions { rules, header: 10 * second, idle: 10 * second };
        let state = Arc::new(ConnState::default());
        let guard = http1::Guard::new(server, BytesMut::new(), options, Arc::clone(&state), room.share());
        Peer { client, guard, state }
    }

    /// Whether a request comes out of the guard: the one that was sent, or the one that stands in for a refused head.
    async fn comes_out(peer: &mut Peer) -> bool {
        let mut out = [0; 1];
        tokio::time::timeout(Duration::from_millis(1), peer.guard.read(&mut out)).await.is_ok()
    }

    async fn begin(peer: &mut Peer, length: usize) -> bool {
        let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "x".repeat(length));
        peer.client.write_all(head.as_bytes()).await.unwrap();
        comes_out(peer).await
    }

    #[tokio::test(start_paused = true)]
    async fn tm_a13_heads_that_are_not_complete_share_a_bounded_room() {
        let room = HeadRoom::new(8 * 1024);
        let (mut first, mut second, mut short) = (connected(&room), connected(&room), connected(&room));
        assert!(!begin(&mut first, 10_000).await);
        assert!(begin(&mut second, 10_000).await);
        assert_eq!(second.state.next().map(|refused| refused.fault), Some(Fault::Crowded));
        assert!(!begin(&mut short, 3_000).await, "usual heads need no room");
        // While there is little left, a long head has a second.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(comes_out(&mut first).await);
        assert_eq!(first.state.next().map(|refused| refused.fault), Some(Fault::Timeout));
        let mut third = connected(&room);
        assert!(!begin(&mut third, 10_000).await);
        third.client.write_all(b"\r\n\r\n").await.unwrap();
        assert!(comes_out(&mut third).await);
        assert!(third.state.next().is_none());
        assert_eq!(room.pieces.available_permits(), room.total, "a complete head holds nothing");
    }
}
