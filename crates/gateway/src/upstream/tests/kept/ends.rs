//! Connections and calls that end early, late or not at all.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::Frame;
use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::upstream::kept::Sender;

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_not_used() {
    let provider = Provider::start().await;
    drop(provider.used().await);
    provider.until_idle(0).await;
    let request = provider.request("POST", "/next");
    let call = provider.send(request);
    let mut connection = provider.accept().await;
    assert!(head(&mut connection).await.starts_with("POST /next "));
    connection.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(call).await.0, 200);
}

/// A connection whose other end never answers, in the state of one that is idle, and what drives it.
async fn idle_connection() -> (Sender, Pin<Box<dyn Future<Output = ()>>>) {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (mut sender, driven) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.unwrap();
    let mut driven: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        let _theirs = theirs;
        let _ = driven.await;
    });
    tokio::select! {
        biased;
        () = driven.as_mut() => {}
        ready = sender.ready() => ready.unwrap(),
    }
    (sender, driven)
}

#[tokio::test]
async fn a_call_of_which_nothing_was_written_goes_over_another_connection() {
    let provider = Provider::start().await;
    let (sender, driven) = idle_connection().await;
    provider.kept().put(sender);
    let call = provider.call("POST", "/next");
    provider.until_idle(0).await;
    drop(driven);
    let mut connection = provider.accept().await;
    assert!(head(&mut connection).await.starts_with("POST /next "));
    connection.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(call).await.0, 200);
}

/// Whatever of a call was written may have arrived.
#[tokio::test]
async fn a_call_arrives_once_whatever_becomes_of_its_connection() {
    let provider = Provider::start().await;
    let mut arrived: Vec<String> = Vec::new();
    let calls = async {
        for number in 0..50 {
            match provider.call("POST", &format!("/{number}")).await.unwrap() {
                Ok((200, _)) | Err(SendError::Unreachable { retry: Retry::Idempotent, .. }) => {}
                other => panic!("{number}: {other:?}"),
            }
        }
    };
    let serving = async {
        loop {
            let mut connection = provider.accept().await;
            arrived.push(head(&mut connection).await.lines().next().unwrap().to_owned());
            connection.write_all(OK.as_bytes()).await.unwrap();
        }
    };
    tokio::select! {
        () = calls => {}
        () = serving => {}
    }
    let all = arrived.len();
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived.len(), all);
}

#[tokio::test]
async fn a_call_that_waits_for_a_connection_takes_one_that_becomes_idle() {
    let provider = Provider::start().await;
    let mut request = provider.request("GET", "/");
    // No TLS is spoken there.
    *request.uri_mut() = format!("https://{}/", provider.host).parse().unwrap();
    let kept = Arc::clone(provider.client.cores[0].hosts.get(request.uri()).kept());
    kept.speaks(true);
    let call = provider.send(request);
    let _opening = provider.accept().await;
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let (mut sender, driven) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await.unwrap();
    tokio::spawn(driven);
    sender.ready().await.unwrap();
    kept.put(sender);
    assert_eq!(theirs.read_u8().await.unwrap(), b'G');
    theirs.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(call).await, (200, "ok".to_owned()));
}

#[tokio::test]
async fn tm_f02_a_call_that_is_cancelled_closes_its_connection() {
    let provider = Provider::start().await;
    let mut connection = provider.used().await;
    let call = provider.call("GET", "/slow");
    head(&mut connection).await;
    call.abort();
    closed(&mut connection).await;
    let mut connection = provider.next_is_new("before the head").await;
    provider.until_idle(1).await;

    let request = provider.request("GET", "/long");
    let stream = provider.client.stream(request.uri()).await.unwrap();
    let (client, progress) = (Arc::clone(&provider.client), Progress::new());
    let answering = async {
        head(&mut connection).await;
        connection.write_all(OK.replace("Length: 2", "Length: 9").as_bytes()).await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.send(stream, request, &progress), answering);
    drop(answer.unwrap());
    closed(&mut connection).await;
    provider.next_is_new("in the middle of a body").await;
}

/// A body that the test feeds.
struct Fed(Receiver<&'static str>);

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx).map(|piece| Some(Ok(Frame::data(Bytes::from_static(piece?.as_bytes())))))
    }
}

#[tokio::test]
async fn tm_f02_a_connection_on_which_an_upload_goes_on_carries_no_other_call() {
    let provider = Provider::start().await;
    let mut connection = provider.used().await;
    let (feed, pieces) = channel(1);
    let request = provider.request("PUT", "/upload").map(|_| crate::body::boxed(Fed(pieces)));
    let call = provider.send(request);
    assert!(head(&mut connection).await.starts_with("PUT /upload "));
    connection.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(text(call).await, (200, "ok".to_owned()));
    let _other = provider.next_is_new("during an upload").await;
    // The upload may be cut off, but nothing comes in between.
    let _ = feed.send("rest").await;
    drop(feed);
    let mut read = String::new();
    while !read.ends_with("0\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => read.push(char::from(byte)),
            Err(_) => break,
        }
    }
    assert!(["", "4\r\nrest\r\n0\r\n\r\n"].contains(&&*read), "{read}");
}

#[tokio::test]
async fn connections_that_are_not_used_are_closed_in_time() {
    let provider = Provider::start().await;
    for round in 0..2 {
        let mut connection = provider.used().await;
        tokio::time::pause();
        tokio::time::advance(POOL_IDLE - Duration::from_millis(100)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(provider.kept().idle(), 1, "{round}");
        tokio::time::advance(Duration::from_millis(200)).await;
        provider.until_idle(0).await;
        tokio::time::resume();
        closed(&mut connection).await;
    }
}

#[tokio::test]
async fn connections_end_with_their_client() {
    let provider = Provider::start().await;
    let mut connection = provider.used().await;
    drop(provider);
    closed(&mut connection).await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_although_the_client_has_room_for_it() {
    let provider = Provider::start().await;
    for (length, answered) in [(30_000, Ok(200)), (40_000, Err(SendError::Malformed))] {
        let call = provider.call("GET", "/");
        let mut connection = provider.accept().await;
        head(&mut connection).await;
        let filler = "x".repeat(length);
        let answer =
            format!("HTTP/1.1 200 OK\r\nX-A: {filler}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        connection.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(call.await.unwrap().map(|(status, _)| status), answered, "{length}");
    }
}
