//! The guard in front of hyper's HTTP/1 reader.
//!
//! It holds a head back until it is complete and found valid. A head that is refused never reaches hyper: in its place goes a
//! made-up one, and the connection's state remembers why, so that the answer comes in its turn, after those of earlier requests
//! on the same connection, with request id, log line and metrics like any other. After a refusal no byte of the peer is read.

use super::{
    Fault,
    framing::{Framing, Tracker},
    head::{Head, HeadRules, Scanner},
    timer::Deadline,
};
use crate::room::{FREE_HEAD, HURRY, Share};
use crate::server::connection_state::{ConnState, RefusedHead};
use bytes::{Buf as _, BytesMut};
use http::HeaderValue;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// Clocks and limits of the guard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuardOptions {
    pub(crate) rules: HeadRules,
    /// `server.timeouts.header`.
    pub(crate) header: Duration,
    /// `server.timeouts.idle`.
    pub(crate) idle: Duration,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Guard<IO> {
    io: IO,
    options: GuardOptions,
    state: Arc<ConnState>,
    phase: Phase,
    scanner: Scanner,
    /// Read but not yet handed on; the first `cleared` bytes may go. Most heads come as a whole and never get here.
    buf: BytesMut,
    cleared: usize,
    /// Valid heads so far: the number of the next one.
    heads: u64,
    header: Deadline,
    idle: Deadline,
    /// What an incomplete head takes of the room for all of them.
    room: Share,
    /// The head has less time, because little room is left.
    hurried: bool,
}

#[derive(Debug)]
enum Phase {
    Head,
    Body(Tracker),
    /// A head over a limit is refused; the rest of it is read for its `Origin`.
    Oversized {
        fault: Fault,
        left: usize,
        searched: usize,
    },
    Refused,
}

const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";
const STAND_IN_HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";

impl<IO: AsyncRead + Unpin> Guard<IO> {
    /// Guards `io`, of which `read` was read already.
    pub(crate) fn new(
        io: IO,
        read: BytesMut,
        options: GuardOptions,
        state: Arc<ConnState>,
        room: Share,
    ) -> Self {
        let mut header = Deadline::default();
        header.arm(options.header);
        Self {
            io,
            options,
            state,
            phase: Phase::Head,
            scanner: Scanner::default(),
            buf: read,
            cleared: 0,
            heads: 0,
            header,
            idle: Deadline::default(),
            room,
            hurried: false,
        }
    }

    fn refuse(&mut self, fault: Fault) {
        let origin = origin_of(&self.buf);
        self.state.refuse(self.heads, RefusedHead { fault, origin });
        self.buf.clear();
        self.buf.extend_from_slice(if self.scanner.is_head() { STAND_IN_HEAD } else { STAND_IN });
        self.cleared = self.buf.len();
        self.phase = Phase::Refused;
        self.room.clear();
        self.header.disarm();
        self.idle.disarm();
    }

    /// Looks at the buffered part of a head. True when there is something to hand on.
    fn examine(&mut self) -> bool {
        match self.scanner.scan(&self.buf, self.options.rules) {
            Ok(None) => return false,
            Err(fault @ (Fault::UriTooLong | Fault::HeadersTooLarge)) => {
                let rules = self.options.rules;
                self.phase = Phase::Oversized { fault, left: rules.uri + rules.headers, searched: 0 };
                self.header.disarm();
                self.header.arm(HURRY.min(self.options.header));
                self.idle.disarm();
            }
            Err(fault) => self.refuse(fault),
            Ok(Some(head)) => {
                self.buf.advance(head.skip);
                self.cleared = head.len;
                self.accept(head);
            }
        }
        true
    }

    /// A head is complete and valid.
    fn accept(&mut self, head: Head) {
        self.heads += 1;
        self.scanner = Scanner::default();
        self.room.clear();
        self.hurried = false;
        self.header.disarm();
        self.idle.disarm();
        self.phase = match head.framing {
            Framing::Empty => Phase::Head,
            framing => Phase::Body(Tracker::new(framing)),
        };
    }

    /// Reads a head straight into hyper's buffer, and leaves it there when it is complete and valid. Anything else that came is taken
    /// back: hyper sees nothing of it. `Ok(true)`: there is a head, or the peer has gone between two requests.
    fn poll_head(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, out) {
            Poll::Ready(read) => read?,
            Poll::Pending => return self.poll_clocks(cx),
        }
        let fresh = &out.filled()[before..];
        if fresh.is_empty() {
            return Poll::Ready(Ok(true));
        }
        if let Ok(Some(head)) = Scanner::default().scan(fresh, self.options.rules)
            && head.len == fresh.len()
        {
            self.accept(head);
            return Poll::Ready(Ok(true));
        }
        self.buf.extend_from_slice(fresh);
        out.set_filled(before);
        Poll::Ready(Ok(false))
    }

    /// Reads more of a head that has begun.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.buf.reserve(2048);
        match poll_read_buf(Pin::new(&mut self.io), cx, &mut self.buf) {
            Poll::Ready(Ok(0)) => self.refuse(Fault::Framing("the connection ended inside the request head")),
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return self.poll_clocks(cx).map_ok(drop),
        }
        Poll::Ready(Ok(()))
    }

    /// Takes room for the bytes of an incomplete head. Refuses the head if there is no room, and gives it less time while little room
    /// is left. Returns whether more of it may be read.
    fn take_room(&mut self) -> bool {
        if !self.take(self.buf.len()) {
            self.refuse(Fault::Crowded);
            return false;
        }
        if !self.hurried && self.room.is_pressed() {
            self.hurried = true;
            self.header.disarm();
            self.header.arm(HURRY.min(self.options.header));
        }
        true
    }

    /// False: there is no room for so many bytes of a head.
    fn take(&mut self, bytes: usize) -> bool {
        self.room.grow(bytes.saturating_sub(FREE_HEAD))
    }

    /// Reads an oversized head on to its end, within bounds, and refuses it.
    fn poll_oversized(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Phase::Oversized { fault, left, searched } = &mut self.phase {
            let fault = *fault;
            let from = searched.saturating_sub(3);
            let is_whole = memchr::memmem::find(&self.buf[from..], b"\r\n\r\n").is_some();
            *searched = self.buf.len();
            let takes = self.buf.len().saturating_sub(FREE_HEAD);
            if is_whole || *left == 0 || !self.room.grow(takes) {
                self.refuse(fault);
                break;
            }
            self.buf.reserve(2048);
            match poll_read_buf(Pin::new(&mut self.io), cx, &mut self.buf) {
                Poll::Ready(Ok(0)) => self.refuse(fault),
                Poll::Ready(Ok(read)) => *left = left.saturating_sub(read),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if self.header.poll_passed(cx) => self.refuse(fault),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing has come. `Ok(true)`: nothing will be waited for any longer.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if !self.buf.is_empty() {
            self.idle.disarm();
            self.header.arm(self.options.header);
        } else if !self.state.is_quiet(cx.waker()) {
            self.idle.disarm();
        } else if self.heads > 0 {
            self.idle.arm(self.options.idle);
        }
        if self.header.poll_passed(cx) {
            if self.buf.is_empty() {
                return Poll::Ready(Ok(true));
            }
            self.refuse(Fault::Timeout);
            return Poll::Ready(Ok(false));
        }
        if self.idle.poll_passed(cx) { Poll::Ready(Ok(true)) } else { Poll::Pending }
    }

    /// Body bytes straight into hyper's buffer; what lies behind the body's end is kept back.
    fn poll_body(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Phase::Body(tracker) = &mut self.phase else { return Poll::Ready(Ok(())) };
        if self.buf.is_empty() {
            let before = out.filled().len();
            ready!(Pin::new(&mut self.io).poll_read(cx, out))?;
            let fresh = &out.filled()[before..];
            let ours = tracker.advance(fresh).map_err(broken)?;
            self.buf.extend_from_slice(&fresh[ours..]);
            out.set_filled(before + ours);
        } else {
            self.cleared = tracker.advance(&self.buf).map_err(broken)?;
        }
        if tracker.is_done() {
            self.phase = Phase::Head;
        }
        Poll::Ready(Ok(()))
    }
}

/// The value of the one `Origin` field among the complete lines of a head.
fn origin_of(head: &[u8]) -> Option<HeaderValue> {
    let whole = memchr::memrchr(b'\n', head).and_then(|end| head.get(..end))?;
    let lines =
        whole.split(|byte| *byte == b'\n').skip(1).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut values = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_at_checked(b"origin:".len())?;
        name.eq_ignore_ascii_case(b"origin:").then_some(value.trim_ascii())
    });
    let value = values.next()?;
    if values.next().is_some() { None } else { HeaderValue::from_bytes(value).ok() }
}

fn broken(fault: Fault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault.detail())
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guard<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.cleared > 0 {
                let len = this.cleared.min(out.remaining());
                out.put_slice(&this.buf[..len]);
                this.buf.advance(len);
                this.cleared -= len;
                if this.buf.is_empty() {
                    // The next head will most likely not need it.
                    this.buf = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            match this.phase {
                // hyper closes after the refusal; until then there is nothing more to read, and no end either.
                Phase::Refused => return Poll::Pending,
                Phase::Oversized { .. } => ready!(this.poll_oversized(cx))?,
                Phase::Body(_) => {
                    let before = out.filled().len();
                    ready!(this.poll_body(cx, out))?;
                    if this.cleared == 0 {
                        debug_assert!(before <= out.filled().len());
                        return Poll::Ready(Ok(()));
                    }
                }
                Phase::Head if this.buf.is_empty() => {
                    if ready!(this.poll_head(cx, out))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                Phase::Head => {
                    if !this.examine() && this.take_room() {
                        ready!(this.poll_more(cx))?;
                    }
                }
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Guard<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, parts)
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
