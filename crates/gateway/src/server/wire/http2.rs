//! The guard in front of hyper's HTTP/2 reader: counts frames and ends floods with GOAWAY.

use super::{
    frames::{Frames, Meter, OpenStreams, Verdict, end_of_connection},
    timer::Deadline,
};
use crate::room::{FREE_HEAD, Share};
use crate::server::connection_state::ConnState;
use bytes::{Buf as _, BytesMut};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE_LEN: usize = 24;

/// See the module.
#[derive(Debug)]
pub(crate) struct Guard<IO> {
    io: IO,
    state: Arc<ConnState>,
    meter: Meter,
    streams: OpenStreams,
    sent: Frames,
    /// Bytes that go to hyper ahead of the socket's: what the sniffer read, or our last word.
    ahead: BytesMut,
    tripped: bool,
    header: Duration,
    block: Deadline,
    /// Bytes since a header block began that has not ended, and what they take of the room for all of them.
    open: usize,
    room: Share,
}

impl<IO> Guard<IO> {
    /// Guards `io`, of which `read` was read already (at least the preface).
    pub(crate) fn new(
        io: IO,
        read: BytesMut,
        (streams, header): (u32, Duration),
        state: Arc<ConnState>,
        room: Share,
    ) -> Self {
        let mut guard = Self {
            io,
            state,
            meter: Meter::new(streams),
            streams: OpenStreams::default(),
            sent: Frames::default(),
            ahead: read,
            tripped: false,
            header,
            block: Deadline::default(),
            open: 0,
            room,
        };
        let early = guard.ahead.get(PREFACE_LEN..).unwrap_or_default();
        if let Verdict::Flood(at) = guard.meter.advance(early, &mut guard.streams) {
            guard.ahead.truncate(PREFACE_LEN + at);
            guard.trip();
        }
        guard
    }

    fn trip(&mut self) {
        self.tripped = true;
        self.state.flooded();
        self.ahead.extend_from_slice(&end_of_connection());
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guard<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ahead.is_empty() {
                let len = this.ahead.len().min(out.remaining());
                out.put_slice(&this.ahead[..len]);
                this.ahead.advance(len);
                return Poll::Ready(Ok(()));
            }
            if this.tripped {
                return Poll::Pending;
            }
            let before = out.filled().len();
            if Pin::new(&mut this.io).poll_read(cx, out)?.is_pending() {
                return this.poll_block(cx);
            }
            if let Verdict::Flood(at) = this.meter.advance(&out.filled()[before..], &mut this.streams) {
                out.set_filled(before + at);
                this.trip();
            } else if this.meter.is_flooded() {
                // The frame may never end; the driver of the connection does not wait for it.
                this.state.flooded();
            }
            this.state.opened(this.streams.count());
            if this.meter.block_open_for().is_none() {
                this.block.disarm();
                this.open = 0;
                this.room.clear();
            } else if !this.tripped {
                this.open += out.filled().len() - before;
                if !this.room.grow(this.open.saturating_sub(FREE_HEAD)) {
                    this.trip();
                }
            }
            if out.filled().len() > before || !this.tripped {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<IO> Guard<IO> {
    /// A header block must end within `server.timeouts.header`.
    fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(open) = self.meter.block_open_for() {
            self.block.arm(self.header.saturating_sub(open));
            if self.block.poll_passed(cx) {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "a header block was not finished in time",
                )));
            }
        }
        Poll::Pending
    }
}

impl<IO> Guard<IO> {
    /// So many bytes of these were sent.
    fn note_sent<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>, mut written: usize) {
        let open = self.streams.count();
        for part in parts {
            let part = part.get(..written).unwrap_or(part);
            written -= part.len();
            self.sent.heads(part, |frame| self.streams.sent(frame));
        }
        if self.streams.count() != open {
            self.state.opened(self.streams.count());
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Guard<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, bytes))?;
        this.note_sent([bytes], written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, parts))?;
        this.note_sent(parts.iter().map(|part| &**part), written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
