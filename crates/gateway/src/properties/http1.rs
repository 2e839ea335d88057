//! Raw HTTP/1 through the listener's guard.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;

use crate::room::Room;
use crate::server::connection_state::ConnState;
use crate::server::wire::framing::{Framing, Tracker};
use crate::server::wire::head::{HeadRules, Scanner};
use crate::server::wire::http1::{Guard, GuardOptions};

const RULES: HeadRules = HeadRules { uri: 512, headers: 2048, header_count: 20, host_may_lack: false };

/// First byte: where the stream is cut in two. What the guard lets through is the same either way; every head in it is one
/// that no other reader can take for something else, and every body ends where its head says.
pub fn http1(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let (first, second) = stream.split_at(usize::from(*cut).min(stream.len()));
    scanned(stream, first.len());
    let whole = passed(stream, &[]);
    let parts = passed(first, second);
    // A body that turns out broken ends both, one of them a few bytes earlier.
    assert!(parts.starts_with(&whole) || whole.starts_with(&parts), "the cut decides");
    let mut rest = whole.as_slice();
    while !rest.is_empty() && !rest.starts_with(STAND_IN) {
        let Some(length) = one_request(rest) else { break };
        assert!(length > 0);
        rest = &rest[length..];
    }
}

/// What the guard puts in the place of a head it refuses begins so, or with HEAD.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\n";

/// The scanner's verdict does not depend on how its input arrives.
fn scanned(stream: &[u8], cut: usize) {
    let whole = Scanner::default().scan(stream, RULES);
    let mut pieces = Scanner::default();
    let early = pieces.scan(&stream[..cut], RULES);
    let split = if matches!(early, Ok(None)) { pieces.scan(stream, RULES) } else { early };
    // Limits may be noticed earlier in one way than in the other, never overlooked.
    assert_eq!(split.is_err(), whole.is_err(), "{split:?} {whole:?}");
    if let (Ok(split), Ok(whole)) = (split, whole) {
        assert_eq!(split, whole);
    }
}

fn passed(first: &[u8], second: &[u8]) -> Vec<u8> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
    else {
        return Vec::new();
    };
    runtime.block_on(async {
        let long = Duration::from_secs(60);
        let options = GuardOptions { rules: RULES, header: long, idle: long };
        let mut guard = Guard::new(
            second,
            BytesMut::from(first),
            options,
            Arc::new(ConnState::default()),
            Room::new(1 << 20).share(),
        );
        let mut out = Vec::new();
        let mut piece = [0; 97];
        // A refused head is followed by silence: the guard waits for hyper to answer and close.
        loop {
            let read = tokio::time::timeout(Duration::from_millis(2), guard.read(&mut piece)).await;
            match read {
                Ok(Ok(read)) if read > 0 => out.extend_from_slice(&piece[..read]),
                _ => return out,
            }
        }
    })
}

/// Reads one request the simplest way there is, and checks that there is no other way; `None` when it is not complete.
fn one_request(bytes: &[u8]) -> Option<usize> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let head = &bytes[..end];
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let request_line = lines.next()?;
    assert_eq!(request_line.split(|byte| *byte == b' ').count(), 3, "{}", request_line.escape_ascii());
    assert!(!head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'), "a bare line end");
    let (mut hosts, mut lengths, mut codings) = (0, Vec::new(), 0);
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line[..colon].to_ascii_lowercase(), line[colon + 1..].trim_ascii());
        assert!(!name.contains(&b'_') && !name.contains(&b' ') && !name.is_empty());
        match name.as_slice() {
            b"host" => hosts += 1,
            b"content-length" => lengths.push(std::str::from_utf8(value).ok()?.parse::<usize>().ok()?),
            b"transfer-encoding" => codings += 1,
            b"upgrade" => assert!(!value.eq_ignore_ascii_case(b"websocket"), "a tunnel went through"),
            _ => {}
        }
    }
    assert_eq!(hosts, 1, "not exactly one Host");
    assert!(lengths.len() + codings <= 1, "two ways to end");
    let body = &bytes[end..];
    let framing = match (codings, lengths.first()) {
        (1, _) => Framing::Chunked,
        (_, None | Some(0)) => Framing::Empty,
        (_, Some(length)) => Framing::Length(*length as u64),
    };
    let mut tracker = Tracker::new(framing);
    let length = tracker.advance(body).ok()?;
    tracker.is_done().then_some(end + length)
}
