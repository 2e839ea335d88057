//! A provider that keeps every byte it was sent and answers with exactly the bytes it was told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request as it stood on the wire.
#[derive(Clone, Debug)]
pub(crate) struct RawRequest {
    /// Request line and fields, without the empty line.
    pub(crate) head: String,
    /// The body's bytes as sent, chunk framing included.
    pub(crate) body: Vec<u8>,
}

impl RawRequest {
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// All values of a field, in order.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1);
        let pairs = lines.filter_map(|line| line.split_once(':'));
        pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<RawRequest>>,
    /// Bytes of connections that broke off inside a request.
    torn: Mutex<Vec<Vec<u8>>>,
    answers: Mutex<HashMap<String, Vec<u8>>>,
}

/// See the module.
pub(crate) struct RawProvider {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl RawProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(exchange(stream, Arc::clone(&serving)));
            }
        });
        Self { addr, shared, task }
    }

    /// Bytes to answer requests for this path with, query aside. Without `Content-Length` in them the connection ends.
    pub(crate) fn answer(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), bytes.into());
    }

    pub(crate) fn take(&self) -> Vec<RawRequest> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }

    /// Every byte of unfinished requests so far.
    pub(crate) fn torn(&self) -> Vec<u8> {
        self.shared.torn.lock().unwrap().concat()
    }
}

impl Drop for RawProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn exchange(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(&mut stream, &mut buffer).await else {
            if !buffer.is_empty() {
                shared.torn.lock().unwrap().push(buffer);
            }
            return;
        };
        let path = request.target().split('?').next().unwrap_or_default().to_owned();
        let known = shared.answers.lock().unwrap().get(&path).cloned();
        let answer = known.unwrap_or_else(|| json_answer(&format!("{{\"seen\":\"{}\"}}", request.target())));
        shared.requests.lock().unwrap().push(request);
        let framed = memchr::memmem::find(&answer, b"ontent-").is_some();
        if stream.write_all(&answer).await.is_err() || !framed {
            return;
        }
    }
}

/// A plain 200 with this JSON.
pub(crate) fn json_answer(json: &str) -> Vec<u8> {
    with_body("200 OK", "Content-Type: application/json", json.as_bytes())
}

/// An answer with these fields, and a body of known length.
pub(crate) fn with_body(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let fields = if fields.is_empty() { String::new() } else { format!("{fields}\r\n") };
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<RawRequest> {
    let end = loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break end;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut request = RawRequest { head, body: Vec::new() };
    let start = end + 4;
    let chunked = !request.fields("transfer-encoding").is_empty();
    let length = request.fields("content-length").first().and_then(|value| value.parse::<usize>().ok());
    let until = match (chunked, length) {
        (true, _) => loop {
            // The tests' chunked bodies hold no `0` line of their own.
            if let Some(at) = memchr::memmem::find(&buffer[start..], b"0\r\n\r\n") {
                break start + at + 5;
            }
            more(stream, buffer).await?;
        },
        (false, length) => {
            let until = start + length.unwrap_or(0);
            while buffer.len() < until {
                more(stream, buffer).await?;
            }
            until
        }
    };
    request.body = buffer[start..until].to_vec();
    buffer.drain(..until);
    Some(request)
}
