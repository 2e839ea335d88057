//! Counts HTTP/2 frames as they come in. h2 bounds streams, resets and header lists; nothing in it bounds PING, SETTINGS,
//! PRIORITY, window updates, empty frames or resets by rate.

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

/// Follows the frames of one connection.
#[derive(Debug)]
pub(crate) struct Meter {
    header: [u8; HEADER],
    have: usize,
    payload: usize,
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
            header: [0; HEADER],
            have: 0,
            payload: 0,
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

    /// Takes the next bytes of the stream (after the preface).
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Verdict {
        let mut at = 0;
        while at < bytes.len() {
            if self.have < HEADER {
                let taken = (HEADER - self.have).min(bytes.len() - at);
                self.header[self.have..self.have + taken].copy_from_slice(&bytes[at..at + taken]);
                self.have += taken;
                at += taken;
                if self.have == HEADER {
                    self.payload = usize::from(self.header[0]) << 16
                        | usize::from(self.header[1]) << 8
                        | usize::from(self.header[2]);
                    self.flooded |= !self.allow();
                }
            }
            let taken = self.payload.min(bytes.len() - at);
            self.payload -= taken;
            at += taken;
            if self.have == HEADER && self.payload == 0 {
                self.have = 0;
                if self.flooded {
                    return Verdict::Flood(at);
                }
            }
        }
        Verdict::Fine
    }

    /// Whether a flood was seen whose frame has not ended yet.
    pub(crate) fn is_flooded(&self) -> bool {
        self.flooded
    }

    fn allow(&mut self) -> bool {
        let (kind, flags) = (self.header[3], self.header[4]);
        if matches!(kind, HEADERS | CONTINUATION) {
            if flags & END_HEADERS != 0 {
                self.open_block = None;
            } else {
                self.open_block.get_or_insert_with(Instant::now);
            }
        }
        match kind {
            DATA | HEADERS if self.payload > 0 || flags & END_STREAM != 0 => true,
            CONTINUATION if self.payload > 0 => true,
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
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let len = u8::try_from(payload.len()).expect("short");
        [&[0, 0, len, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[tokio::test(start_paused = true)]
    async fn tm_f09_floods_are_seen_at_any_split() {
        for kind in [2_u8, 4, 6, 3] {
            let flood = frame(kind, 0, &[0; 8]).repeat(600);
            for step in [1, 7, 17, 4096] {
                let mut meter = Meter::new(100);
                let seen = flood.chunks(step).any(|part| meter.advance(part) != Verdict::Fine);
                assert!(seen, "frame type {kind} in steps of {step}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_but_honest_connection_is_left_alone() {
        let mut meter = Meter::new(100);
        for _ in 0..100 {
            let second = [
                frame(6, 0, &[0; 8]).repeat(50),
                frame(0, 0, &[1; 99]).repeat(500),
                frame(8, 0, &[0; 4]).repeat(1000),
            ]
            .concat();
            assert_eq!(meter.advance(&second), Verdict::Fine);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_header_block_is_timed() {
        let mut meter = Meter::new(100);
        meter.advance(&frame(HEADERS, 0, b"x"));
        tokio::time::advance(Duration::from_secs(3)).await;
        meter.advance(&frame(CONTINUATION, 0, b"x"));
        assert_eq!(meter.block_open_for(), Some(Duration::from_secs(3)));
        meter.advance(&frame(CONTINUATION, END_HEADERS, b"x"));
        assert_eq!(meter.block_open_for(), None);
    }
}
