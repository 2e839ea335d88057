//! The frames of an HTTP/2 connection: how many come in of each kind, and which streams are open. h2 bounds streams, resets and header lists; nothing in it bounds PING, SETTINGS,
//! PRIORITY, window updates, empty frames or resets by rate.

use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Tokens that come back with time.
#[derive(Debug)]
struct Bucket {
    left: f64,
    burst: f64,
    per_second: f64,
    at: Instant,
}

impl Bucket {
    fn new(burst: f64, per_second: f64) -> Self {
        Self { left: burst, burst, per_second, at: Instant::now() }
    }

    fn take(&mut self) -> bool {
        if self.left < 1.0 {
            let now = Instant::now();
            let earned = now.duration_since(self.at).as_secs_f64() * self.per_second;
            self.left = (self.left + earned).min(self.burst);
            self.at = now;
        }
        self.left -= 1.0;
        self.left >= 0.0
    }
}

/// What the meter wants to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Fine,
    /// The peer sends too much of something; the given number of bytes ends the frame in question.
    Flood(usize),
}

const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The head of a frame (RFC 9113, 4.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHead {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: usize,
}

/// What comes next in a stream of frames.
enum Step {
    Head(FrameHead),
    /// A frame ends here.
    End,
    /// There are no more bytes.
    More,
}

/// Finds the frames in a stream of bytes, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: [u8; HEADER],
    have: usize,
    payload: usize,
}

impl Frames {
    fn step(&mut self, bytes: &[u8], at: &mut usize) -> Step {
        if self.have < HEADER {
            let taken = (HEADER - self.have).min(bytes.len() - *at);
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[*at..*at + taken]);
            self.have += taken;
            *at += taken;
            if self.have < HEADER {
                return Step::More;
            }
            let [a, b, c, kind, flags, e, f, g, h] = self.head;
            self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            let stream = u32::from_be_bytes([e, f, g, h]) & 0x7FFF_FFFF;
            return Step::Head(FrameHead { kind, flags, stream, payload: self.payload });
        }
        let taken = self.payload.min(bytes.len() - *at);
        self.payload -= taken;
        *at += taken;
        if self.payload > 0 {
            return Step::More;
        }
        self.have = 0;
        Step::End
    }

    /// Calls `seen` with the head of each frame in the next bytes.
    pub(crate) fn heads(&mut self, bytes: &[u8], mut seen: impl FnMut(FrameHead)) {
        let mut at = 0;
        loop {
            match self.step(bytes, &mut at) {
                Step::Head(head) => seen(head),
                Step::End => {}
                Step::More => return,
            }
        }
    }
}

/// The streams that are not finished: opened by the peer, and neither answered to the end nor reset.
#[derive(Debug, Default)]
pub(crate) struct OpenStreams {
    /// As a set: a peer can open many streams in one read, each of which is refused and finished.
    ids: BTreeSet<u32>,
    last: u32,
}

/// So many streams are followed. h2 refuses all but those that it allows, and answers none after its GOAWAY.
const MOST_STREAMS: usize = 4096;

impl OpenStreams {
    /// The peer sent this frame.
    fn received(&mut self, frame: FrameHead) {
        match frame.kind {
            HEADERS if frame.stream > self.last => {
                self.last = frame.stream;
                if self.ids.len() < MOST_STREAMS {
                    self.ids.insert(frame.stream);
                }
            }
            RST_STREAM => self.finish(frame.stream),
            _ => {}
        }
    }

    /// This frame went to the peer.
    pub(crate) fn sent(&mut self, frame: FrameHead) {
        let ends = matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0;
        if ends || frame.kind == RST_STREAM {
            self.finish(frame.stream);
        }
    }

    fn finish(&mut self, stream: u32) {
        self.ids.remove(&stream);
    }

    pub(crate) fn count(&self) -> usize {
        self.ids.len()
    }
}

/// Follows the frames of one connection.
#[derive(Debug)]
pub(crate) struct Meter {
    frames: Frames,
    flooded: bool,
    /// Since when a header block has been open.
    open_block: Option<Instant>,
    control: Bucket,
    resets: Bucket,
    windows: Bucket,
}

impl Meter {
    /// A meter for a connection that may hold `streams` open.
    pub(crate) fn new(streams: u32) -> Self {
        Self {
            frames: Frames::default(),
            flooded: false,
            open_block: None,
            control: Bucket::new(512.0, 128.0),
            resets: Bucket::new(f64::from(streams) * 4.0, f64::from(streams)),
            windows: Bucket::new(16_384.0, 16_384.0),
        }
    }

    /// How long a header block has been waiting for its end.
    pub(crate) fn block_open_for(&self) -> Option<Duration> {
        self.open_block.map(|since| since.elapsed())
    }

    /// Takes the next bytes that the peer sent (after the preface).
    pub(crate) fn advance(&mut self, bytes: &[u8], streams: &mut OpenStreams) -> Verdict {
        let mut at = 0;
        loop {
            match self.frames.step(bytes, &mut at) {
                Step::Head(head) => {
                    streams.received(head);
                    self.flooded |= !self.allow(head);
                }
                Step::End if self.flooded => return Verdict::Flood(at),
                Step::End => {}
                Step::More => return Verdict::Fine,
            }
        }
    }

    /// Whether a flood was seen whose frame has not ended yet.
    pub(crate) fn is_flooded(&self) -> bool {
        self.flooded
    }

    fn allow(&mut self, head: FrameHead) -> bool {
        let FrameHead { kind, flags, payload, .. } = head;
        if matches!(kind, HEADERS | CONTINUATION) {
            if flags & END_HEADERS != 0 {
                self.open_block = None;
            } else {
                self.open_block.get_or_insert_with(Instant::now);
            }
        }
        match kind {
            DATA | HEADERS if payload > 0 || flags & END_STREAM != 0 => true,
            CONTINUATION if payload > 0 => true,
            RST_STREAM => self.resets.take(),
            WINDOW_UPDATE => self.windows.take(),
            _ => self.control.take(),
        }
    }
}

/// Frames that make h2 end the connection with GOAWAY(ENHANCE_YOUR_CALM): a header block without end.
pub(crate) fn end_of_connection() -> Vec<u8> {
    let frame = |kind: u8| [0, 0, 0, kind, 0, 0x7F, 0xFF, 0xFF, 0xFF];
    let mut bytes = frame(HEADERS).to_vec();
    for _ in 0..64 {
        bytes.extend_from_slice(&frame(CONTINUATION));
    }
    bytes
}

#[cfg(test)]
mod tests;
