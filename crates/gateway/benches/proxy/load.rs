//! The load generator: kept connections, one request at a time on each; as fast as it can (closed loop), or at a fixed rate. It reads
//! no more of an answer than where it ends, so that it is cheaper than what it measures.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::contest;

/// What to do, as a file of JSON.
#[derive(Deserialize)]
struct Settings {
    address: String,
    path: String,
    tokens: Vec<String>,
    connections: usize,
    /// Requests in all; without it as many as `seconds` has room for.
    requests: Option<usize>,
    #[serde(default)]
    seconds: f64,
    /// The status that is expected; 200 if nothing is said.
    #[serde(default = "ok")]
    status: u16,
    /// A header besides.
    #[serde(default)]
    header: Option<(String, String)>,
    /// A JSON body: then it is sent with POST.
    #[serde(default)]
    json: Option<String>,
    /// Requests a second over all connections; 0 is as fast as it goes.
    rate: f64,
}

fn ok() -> u16 {
    200
}

impl Settings {
    fn request(&self, number: usize) -> String {
        let (address, path) = (&self.address, &self.path);
        let token = &self.tokens[number % self.tokens.len()];
        let method = if self.json.is_some() { "POST" } else { "GET" };
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n"
        );
        if let Some((name, value)) = &self.header {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(json) = &self.json {
            text +=
                &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}", json.len());
        } else {
            text += "\r\n";
        }
        text
    }

    /// When a request is to be sent. `None`: the time is over.
    fn due(&self, number: usize, start: Instant) -> Option<Instant> {
        let due = if self.rate > 0.0 {
            start + Duration::from_secs_f64(number as f64 / self.rate)
        } else {
            Instant::now()
        };
        let over = match self.requests {
            Some(requests) => number >= requests,
            None => due >= start + Duration::from_secs_f64(self.seconds),
        };
        (!over).then_some(due)
    }
}

/// Sends, and says how long it took.
pub(super) async fn run(file: &str) -> Value {
    let settings: Settings = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (settings, next) = (Arc::new(settings), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..settings.connections {
        workers.push(tokio::spawn(worker(Arc::clone(&settings), Arc::clone(&next), start)));
    }
    let mut all = Part::default();
    for worker in workers {
        let part = worker.await.unwrap();
        all.times.extend(part.times);
        all.firsts.extend(part.firsts);
        all.errors += part.errors;
        all.bytes += part.bytes;
    }
    let seconds = start.elapsed().as_secs_f64();
    let requests = all.times.len();
    let [times, firsts] = [all.times, all.firsts].map(|mut times| {
        times.sort_unstable();
        times
    });
    let at = |times: &[Duration], share: f64| {
        times.get((times.len() as f64 * share) as usize).map_or(0, Duration::as_micros)
    };
    json!({
        "requests": requests, "errors": all.errors, "bytes": all.bytes, "seconds": seconds,
        "p50": at(&times, 0.5), "p99": at(&times, 0.99), "first": at(&firsts, 0.5),
        "cpu": contest::spent(std::process::id()),
    })
}

#[derive(Default)]
struct Part {
    times: Vec<Duration>,
    /// Until the first byte of the body.
    firsts: Vec<Duration>,
    errors: usize,
    bytes: usize,
}

async fn worker(settings: Arc<Settings>, next: Arc<AtomicUsize>, start: Instant) -> Part {
    let mut connection = Connection::open(&settings.address).await.unwrap();
    let mut part = Part::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(mut due) = settings.due(number, start) else { return part };
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
            // The timer's own delay is not the server's.
            due = Instant::now();
        }
        // A request that is late because the one before it took long counts from when it was due: a stall is not hidden by the
        // requests that it delayed.
        match connection.exchange(settings.request(number).as_bytes()).await {
            Ok(answer) => {
                part.errors += usize::from(answer.status != settings.status);
                part.bytes += answer.bytes;
                part.firsts.push(answer.first.duration_since(due));
            }
            Err(_) => {
                part.errors += 1;
                connection = Connection::open(&settings.address).await.unwrap();
            }
        }
        part.times.push(due.elapsed());
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

struct Answer {
    status: u16,
    /// Of the body.
    bytes: usize,
    /// When the first byte of the body was there.
    first: Instant,
}

impl Connection {
    async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(256 * 1024) })
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(at) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break Bytes::copy_from_slice(&self.buffer[..at + 4]);
            }
        };
        let status = String::from_utf8_lossy(&head[9..12]).parse().unwrap_or_default();
        let length = length(&head);
        if self.buffer.len() == head.len() && length != Some(0) {
            self.read().await?;
        }
        let first = Instant::now();
        let mut bytes = self.buffer.len() - head.len();
        let Some(length) = length else {
            // Chunks; none of ours ends like the last one.
            while !self.buffer.ends_with(b"0\r\n\r\n") {
                self.read().await?;
            }
            return Ok(Answer { status, bytes: self.buffer.len() - head.len(), first });
        };
        while bytes < length {
            self.buffer.clear();
            self.read().await?;
            bytes += self.buffer.len();
        }
        Ok(Answer { status, bytes, first })
    }
}

/// `Content-Length`.
fn length(head: &[u8]) -> Option<usize> {
    const NAME: &str = "content-length:";
    let head = std::str::from_utf8(head).ok()?;
    let is = |line: &&str| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    head.split("\r\n").find(is)?[NAME.len()..].trim().parse().ok()
}
