//! Calls over HTTP/1.1, to providers that do what they like with their connections.

use tokio::task::JoinHandle;

use super::*;
use crate::body::BoxError;
use crate::upstream::kept::Kept;

mod ends;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A provider whose connections the test serves.
struct Provider {
    client: Arc<UpstreamClient>,
    listener: TcpListener,
    host: String,
}

/// Status and body of an answer.
type Answered = JoinHandle<Result<(u16, Result<Bytes, BoxError>), SendError>>;

impl Provider {
    async fn start() -> Self {
        let (client, _) = provider(LONG, |_| std::future::ready(())).await;
        Self::of(Arc::new(client)).await
    }

    async fn of(client: Arc<UpstreamClient>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        Self { client, listener, host }
    }

    fn request(&self, method: &str, path: &str) -> Request<Body> {
        let uri = format!("http://{}{path}", self.host);
        Request::builder().method(method).uri(uri).body(crate::body::empty()).unwrap()
    }

    fn send(&self, request: Request<Body>) -> Answered {
        let client = Arc::clone(&self.client);
        tokio::spawn(async move {
            let stream = client.stream(request.uri()).await.ok_or(SendError::NoStream)?;
            let answer = client.send(stream, request, &Progress::new()).await?;
            let status = answer.status().as_u16();
            Ok((status, answer.into_body().collect().await.map(http_body_util::Collected::to_bytes)))
        })
    }

    fn call(&self, method: &str, path: &str) -> Answered {
        self.send(self.request(method, path))
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    fn kept(&self) -> Arc<Kept> {
        let request = self.request("GET", "/");
        Arc::clone(self.client.cores[0].hosts.get(request.uri()).kept())
    }

    /// Waits until this many connections are idle.
    async fn until_idle(&self, wanted: usize) {
        let waiting = async {
            while self.kept().idle() != wanted {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, waiting).await.unwrap();
    }

    /// A connection that has carried a call and is idle.
    async fn used(&self) -> TcpStream {
        let call = self.call("GET", "/first");
        let mut connection = self.accept().await;
        assert!(head(&mut connection).await.starts_with("GET /first HTTP/1.1\r\n"));
        connection.write_all(OK.as_bytes()).await.unwrap();
        assert_eq!(text(call).await, (200, "ok".to_owned()));
        self.until_idle(1).await;
        connection
    }

    /// Has the next call answered over a connection that is made for it.
    async fn next_is_new(&self, name: &str) -> TcpStream {
        let call = self.call("GET", "/next");
        let mut connection = tokio::time::timeout(LONG, self.accept()).await.expect(name);
        assert!(head(&mut connection).await.starts_with("GET /next "), "{name}");
        connection.write_all(OK.replace("ok", "my").as_bytes()).await.unwrap();
        assert_eq!(text(call).await, (200, "my".to_owned()), "{name}");
        connection
    }
}

/// Reads a request's head.
async fn head(connection: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(read).unwrap()
}

async fn text(call: Answered) -> (u16, String) {
    let (status, body) = call.await.unwrap().unwrap();
    (status, String::from_utf8(body.unwrap().to_vec()).unwrap())
}

/// Waits until the client has closed a connection.
async fn closed(connection: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset closes it too.
    let _ = tokio::time::timeout(LONG, connection.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"", "nothing more is sent over it");
}

#[tokio::test]
async fn a_connection_carries_one_call_after_the_other_and_names_its_host() {
    let provider = Provider::start().await;
    let mut connection = provider.used().await;
    for path in ["/a?b=c", "/", "/%2e%2e/x"] {
        let call = provider.call("GET", path);
        let read = head(&mut connection).await;
        assert!(read.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{read}");
        assert!(read.contains(&format!("host: {}\r\n", provider.host)), "{read}");
        connection.write_all(OK.as_bytes()).await.unwrap();
        assert_eq!(text(call).await.0, 200);
        provider.until_idle(1).await;
    }
}

#[tokio::test]
async fn a_connection_is_used_again_when_its_answer_has_ended_and_not_before() {
    let provider = Provider::start().await;
    let (request, progress) = (provider.request("GET", "/long"), Progress::new());
    let stream = provider.client.stream(request.uri()).await.unwrap();
    let serving = async {
        let mut connection = provider.accept().await;
        head(&mut connection).await;
        connection.write_all(OK.strip_suffix("ok").unwrap().as_bytes()).await.unwrap();
        connection
    };
    let (long, mut first) = tokio::join!(provider.client.send(stream, request, &progress), serving);
    let _second = provider.next_is_new("beside an answer that has not ended").await;
    first.write_all(b"ok").await.unwrap();
    assert_eq!(long.unwrap().into_body().collect().await.unwrap().to_bytes(), "ok");
    provider.until_idle(2).await;
}

#[tokio::test]
async fn tm_f02_what_follows_an_answer_is_not_the_answer_to_the_next_call() {
    let provider = Provider::start().await;
    for (name, answer) in [
        ("another answer", OK.repeat(2)),
        ("more than was said", format!("{OK}k")),
        (
            "an answer after the last chunk",
            format!("{}{OK}", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ),
        ("closes", OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")),
        ("an old version", OK.replace("HTTP/1.1", "HTTP/1.0")),
    ] {
        let call = provider.call("GET", "/first");
        let mut connection = provider.accept().await;
        head(&mut connection).await;
        connection.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(text(call).await, (200, "ok".to_owned()), "{name}");
        drop(provider.next_is_new(name).await);
        closed(&mut connection).await;
        provider.until_idle(0).await;
    }
}

#[tokio::test]
async fn tm_f02_an_answer_to_no_call_closes_an_idle_connection() {
    let provider = Provider::start().await;
    let mut connection = provider.used().await;
    connection.write_all(OK.as_bytes()).await.unwrap();
    closed(&mut connection).await;
    provider.next_is_new("after an answer to no call").await;
}

#[tokio::test]
async fn a_switched_protocol_ends_the_connection() {
    let provider = Provider::start().await;
    let call = provider.call("GET", "/first");
    let mut connection = provider.accept().await;
    head(&mut connection).await;
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    connection.write_all(format!("{switched}{OK}").as_bytes()).await.unwrap();
    assert_eq!(text(call).await, (101, String::new()));
    provider.next_is_new("after another protocol").await;
    closed(&mut connection).await;
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let provider = Provider::start().await;
    let mut connection = provider.used().await;
    let call = provider.call("GET", "/");
    head(&mut connection).await;
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
    connection.write_all(format!("HTTP/1.1 100 Continue\r\n\r\n{early}{OK}").as_bytes()).await.unwrap();
    assert_eq!(text(call).await, (200, "ok".to_owned()));
    provider.until_idle(1).await;
}

#[tokio::test]
async fn heads_of_answers_are_bounded() {
    let provider = Provider::start().await;
    for (name, fields) in [
        ("a long field", format!("A: {}\r\n", "b".repeat(2 * READ_BUFFER))),
        ("many fields", "A: b\r\n".repeat(101)),
        ("no end", "A: b\r\n".repeat(90).replace('b', &"b".repeat(1000))),
    ] {
        let call = provider.call("GET", "/");
        let mut connection = provider.accept().await;
        head(&mut connection).await;
        // The client may be gone before all is sent.
        let _ = connection.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes()).await;
        assert_eq!(call.await.unwrap().err(), Some(SendError::Malformed), "{name}");
        assert_eq!(provider.kept().idle(), 0, "{name}");
    }
}

#[tokio::test]
async fn tm_f02_a_connection_serves_no_other_host() {
    let first = Provider::start().await;
    let _idle = first.used().await;
    let second = Provider::of(Arc::clone(&first.client)).await;
    let connection = second.next_is_new("another port").await;
    assert_eq!(connection.local_addr().unwrap(), second.listener.local_addr().unwrap());
    let mut named = first.request("GET", "/");
    *named.uri_mut() =
        format!("http://localhost:{}/", first.listener.local_addr().unwrap().port()).parse().unwrap();
    let call = first.send(named);
    let mut connection = first.accept().await;
    assert!(head(&mut connection).await.contains("host: localhost:"));
    drop(connection);
    assert!(call.await.unwrap().is_err());
    // Not TLS, and not the connection without it.
    let mut secured = first.request("GET", "/");
    *secured.uri_mut() = format!("https://{}/", first.host).parse().unwrap();
    let call = first.send(secured);
    drop(first.accept().await);
    assert!(call.await.unwrap().is_err());
    assert_eq!(first.kept().idle(), 1);
}

#[tokio::test]
async fn what_a_host_speaks_is_found_out_and_may_change() {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let (client, addr) = provider_of("http/1.1", LONG, move |mut stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut request = [0; 1024];
            while let Ok(1..) = stream.read(&mut request).await {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let kept = Arc::clone(client.cores[0].hosts.get(call(addr, "GET").uri()).kept());
    for connections in [1, 2, 2] {
        assert_eq!(answered(&client, call(addr, "GET"), &Progress::new()).await.as_deref(), Ok(&b"ok"[..]));
        assert_eq!(made.load(Ordering::Relaxed), connections);
        assert!(kept.speaks_http1());
    }

    let provider = Limited::start(100, LONG).await;
    provider.gate.add_permits(1);
    let kept = Arc::clone(provider.client.cores[0].hosts.get(call(provider.addr, "GET").uri()).kept());
    kept.speaks(true);
    assert_eq!(provider.call().await.unwrap().as_deref(), Ok(&b"answer"[..]));
    assert!(!kept.speaks_http1());
}

/// A provider that sends a body where none can be would have it taken for the answer to the next call on that connection,
/// which may be another user's.
#[tokio::test]
async fn tm_f02_a_connection_is_not_used_again_after_an_answer_without_a_body() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut request = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut request).await {
                    let status = match request.get(..count).unwrap_or_default() {
                        [b'H', ..] => "200 OK\r\nContent-Length: 5",
                        [b'D', ..] | [b'G', _, _, _, b'/', b'g', ..] => "204 No Content",
                        [b'P', ..] => "304 Not Modified",
                        _ => "200 OK\r\nContent-Length: 0",
                    };
                    let answer = format!("HTTP/1.1 {status}\r\n\r\n");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    let (client, _) = provider(LONG, |_| std::future::ready(())).await;
    let send = async |call: &str| {
        let (method, path) = call.split_once(' ').unwrap_or((call, ""));
        let uri = format!("http://127.0.0.1:{}/{path}", addr.port());
        let request = Request::builder().method(method).uri(uri).body(crate::body::empty()).unwrap();
        answered(&client, request, &Progress::new()).await.unwrap();
        connections.load(Ordering::Relaxed)
    };
    assert_eq!(
        [send("GET").await, send("GET").await],
        [1, 1],
        "an answer with a body leaves the connection usable"
    );
    for (number, method) in ["HEAD", "DELETE", "POST", "GET gone"].into_iter().enumerate() {
        assert_eq!(send(method).await, number + 1, "{method}");
        assert_eq!(send("GET").await, number + 2, "after {method}");
    }
}
