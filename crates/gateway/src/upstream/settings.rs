//! The stream limit that the peer of an HTTP/2 connection announces, and its leave, read from what it sends.
//!
//! The client library keeps that number to itself, and holds back the calls beyond it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use super::limits::LARGE_READERS;
use super::read_size::ReadSize;
use super::streams::{Host, Made, UNKNOWN};

/// A connection whose peer's settings are read along.
#[derive(Debug)]
pub(super) struct Watched<S> {
    inner: Take<S>,
    /// Weak: the host holds idle connections.
    host: Weak<Host>,
    made: Made,
    /// The most calls that it may carry, whatever the peer allows.
    most: usize,
    /// `None` for HTTP/1.1.
    frames: Option<Frames>,
    size: ReadSize,
}

impl<S: AsyncRead + Connection> Watched<S> {
    pub(super) fn new(inner: S, host: &Arc<Host>, connection: usize, most: usize) -> Self {
        let frames = inner.connected().is_negotiated_h2().then(Frames::default);
        let made = host.made(connection);
        host.kept().speaks(frames.is_none());
        if frames.is_none() {
            // Calls are no streams: each gets a connection of its own.
            host.allow(made, usize::MAX);
        }
        let size = ReadSize::new(host.kept().is_plain().then_some(&LARGE_READERS));
        Self { inner: inner.take(0), host: Arc::downgrade(host), made, most, frames, size }
    }
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        // Over HTTP/1.1 other connections go on.
        if self.frames.is_some()
            && let Some(host) = self.host.upgrade()
        {
            host.ended(self.made);
        }
    }
}

impl<S: AsyncRead + Connection> Connection for Watched<S> {
    fn connected(&self) -> Connected {
        self.inner.get_ref().connected()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        this.inner.set_limit(this.size.limit());
        ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        this.size.record(read.len());
        if let Some(frames) = &mut this.frames
            && let Some(streams) = frames.read(read)
            && let Some(host) = this.host.upgrade()
        {
            host.allow(this.made, streams.min(this.most));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().inner.get_mut()).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().inner.get_mut()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().inner.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().inner.get_mut()).poll_shutdown(cx)
    }
}

/// The length of a frame's head (RFC 9113, section 4.1).
const HEAD: usize = 9;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
/// The length of one setting (RFC 9113, section 6.5.1).
const SETTING: usize = 6;
const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];

/// Where a connection's bytes stand in the sequence of frames.
#[derive(Debug, Default)]
struct Frames {
    /// The head of the next frame, or a setting, as far as it has arrived.
    part: [u8; HEAD],
    filled: usize,
    /// What is still to come of the frame's payload.
    payload: usize,
    /// Whether the payload is settings.
    settings: bool,
    /// Whether the peer has announced its first settings.
    greeted: bool,
    /// The limit of settings that have not arrived whole.
    announced: Option<usize>,
}

impl Frames {
    /// The last stream limit that these bytes announce. `usize::MAX` where the first settings name none, [`UNKNOWN`] where the
    /// peer goes away: the next call gets another connection.
    fn read(&mut self, mut bytes: &[u8]) -> Option<usize> {
        let mut limit = None;
        while !bytes.is_empty() {
            if self.payload > 0 && !self.settings {
                let skipped = self.payload.min(bytes.len());
                self.payload -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let wanted = if self.payload > 0 { SETTING } else { HEAD };
            let taken = (wanted - self.filled).min(bytes.len());
            let (now, later) = bytes.split_at(taken);
            if let Some(place) = self.part.get_mut(self.filled..self.filled + taken) {
                place.copy_from_slice(now);
            }
            self.filled += taken;
            bytes = later;
            if self.filled == wanted {
                self.filled = 0;
                limit = self.complete(wanted).or(limit);
            }
        }
        limit
    }

    /// Reads a head or a setting that has arrived whole. The limit counts when the settings have all arrived.
    fn complete(&mut self, length: usize) -> Option<usize> {
        if length == SETTING {
            // A length that is no multiple of 6 is a connection error, which the client reports.
            self.payload = self.payload.saturating_sub(SETTING);
            let [first, second, a, b, c, d, ..] = self.part;
            if [first, second] == MAX_CONCURRENT_STREAMS {
                let value = u32::from_be_bytes([a, b, c, d]);
                self.announced = Some(usize::try_from(value).unwrap_or(usize::MAX));
            }
        } else {
            let [a, b, c, kind, flags, ..] = self.part;
            self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            self.settings = kind == SETTINGS && flags & ACK == 0;
            if kind == GOAWAY {
                return Some(UNKNOWN);
            }
            if self.settings && !self.greeted {
                // Without a limit in its first settings, a peer has none (RFC 9113, section 6.5.2).
                self.greeted = true;
                self.announced = Some(usize::MAX);
            }
        }
        if self.payload == 0 { self.announced.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 0], payload].concat()
    }

    fn setting(name: u8, value: u32) -> Vec<u8> {
        [&[0, name][..], &value.to_be_bytes()].concat()
    }

    #[test]
    fn the_limit_is_found_however_the_bytes_arrive() {
        const DATA: u8 = 0;
        let settings = [setting(4, 65_535), setting(3, 250), setting(5, 16_384)].concat();
        // The payload of another frame looks like settings, and settings may come again.
        let data = frame(DATA, 0, &frame(SETTINGS, 0, &setting(3, 9)).repeat(100));
        let bytes = [
            frame(SETTINGS, 0, &settings),
            frame(SETTINGS, ACK, &[]),
            data.clone(),
            frame(SETTINGS, 0, &setting(4, 1)),
            frame(SETTINGS, 0, &setting(3, 7)),
            data,
        ]
        .concat();
        for size in [1, 2, 5, 9, 15, 27, bytes.len()] {
            let mut frames = Frames::default();
            let found: Vec<usize> = bytes.chunks(size).filter_map(|chunk| frames.read(chunk)).collect();
            assert_eq!(found.last(), Some(&7), "{size}");
            assert_eq!(frames.payload, 0, "{size}");
            if size < bytes.len() {
                assert_eq!(found, [250, 7], "{size}");
            }
        }
    }

    #[test]
    fn settings_that_name_no_limit_set_none() {
        let mut frames = Frames::default();
        assert_eq!(frames.read(&frame(SETTINGS, 0, &[])), Some(usize::MAX));
        assert_eq!(frames.read(&frame(SETTINGS, 0, &setting(4, 1))), None);
        assert_eq!(Frames::default().read(&frame(SETTINGS, 0, &setting(3, 0))), Some(0));
    }
}
