//! A server with a toy handler, and clients that say exactly what they are told.

use bytes::Bytes;
use gateway::{
    body::{Body, RequestBody, full},
    server::{Handler, Lifecycle, Options, RequestInfo, Server, Stage},
    telemetry::Metrics,
};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

/// What the handler was asked, as `METHOD target host [body]`.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Answers with what it saw. `/trailers` has trailers, `/hold` waits for ever, `/panic` panics, `/slow` takes a moment, `/big` answers with 64 MiB,
/// `/unread` reads no body.
pub(crate) async fn echo(seen: Seen, request: Request<RequestBody>, _: RequestInfo) -> Response<Body> {
    let (head, body) = request.into_parts();
    let host = head.headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    let text = match head.uri.path() {
        "/hold" => std::future::pending().await,
        "/panic" => panic!("on purpose"),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "slow".to_owned()
        }
        "/big" => return Response::new(endless()),
        "/trailers" => return Response::new(trailing()),
        "/unread" => "the body was not read".to_owned(),
        _ => match body.collect().await {
            Ok(body) => {
                assert!(body.trailers().is_none(), "trailers reached the handler");
                format!("{} {} {host} [{}]", head.method, head.uri, String::from_utf8_lossy(&body.to_bytes()))
            }
            Err(_) => {
                let mut response = Response::new(full("broken body"));
                *response.status_mut() = http::StatusCode::BAD_GATEWAY;
                return response;
            }
        },
    };
    seen.0.lock().unwrap().push(text.clone());
    Response::new(full(text))
}

fn trailing() -> Body {
    use http_body::Frame;
    let late = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("x-late"),
        http::HeaderValue::from_static("Bearer late"),
    )]);
    let frames =
        [Ok::<_, gateway::body::BoxError>(Frame::data(Bytes::from("hi"))), Ok(Frame::trailers(late))];
    gateway::body::boxed(http_body_util::StreamBody::new(futures_util::stream::iter(frames)))
}

fn endless() -> Body {
    use http_body::Frame;
    let frames =
        (0..1024).map(|_| Ok::<_, gateway::body::BoxError>(Frame::data(Bytes::from(vec![b'x'; 65_536]))));
    gateway::body::boxed(http_body_util::StreamBody::new(futures_util::stream::iter(frames)))
}

pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) seen: Seen,
    pub(crate) metrics: Metrics,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lifecycle.advance(Stage::Aborted);
    }
}

pub(crate) async fn start(options: Options) -> Running {
    let seen = Seen::default();
    let for_handler = seen.clone();
    let handler = move |request, info| echo(for_handler.clone(), request, info);
    start_with(options, seen, handler).await
}

/// The same with another handler.
pub(crate) async fn start_with(options: Options, seen: Seen, handler: impl Handler) -> Running {
    let (lifecycle, metrics) = (Lifecycle::default(), Metrics::new().unwrap());
    let server = Server::bind(options, handler, metrics.clone(), lifecycle.clone()).await.unwrap();
    let addr = server.addr();
    Running { addr, seen, metrics, lifecycle, task: tokio::spawn(server.run()) }
}

/// One answer on the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends the bytes and reads until the server closes.
pub(crate) async fn exchange(addr: SocketAddr, bytes: &[u8]) -> Vec<Answer> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // The server may have closed before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut read = Vec::new();
    timeout(Duration::from_secs(10), stream.read_to_end(&mut read))
        .await
        .expect("the server did not close")
        .ok();
    answers(&read)
}

/// Splits what a server sent into answers; interim ones are left out.
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut all = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes = &bytes[end + 4..];
        assert!(head.starts_with("HTTP/1."), "no status line: {head:?}");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap();
        if status < 200 {
            continue;
        }
        let mut answer = Answer { status, head, body: String::new() };
        let length: usize = answer.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let length = length.min(bytes.len());
        answer.body = String::from_utf8_lossy(&bytes[..length]).into_owned();
        bytes = &bytes[length..];
        all.push(answer);
    }
    assert!(bytes.is_empty(), "bytes after the last answer: {:?}", String::from_utf8_lossy(bytes));
    all
}
