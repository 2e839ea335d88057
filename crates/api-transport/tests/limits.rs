//! The limits over real sockets, against servers that misbehave.
#![expect(clippy::unwrap_used, reason = "tests assert by unwrapping")]

use std::{error::Error, time::Duration};

use api_transport::{Limits, ReqwestTransport, Transport as _, TransportError, TransportErrorKind};
use bytes::Bytes;
use http::Request;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// What the client makes of a server that sends `answer` and then keeps the connection, or closes it.
async fn exchange(answer: &'static str, close: bool, limits: Limits) -> Result<Bytes, TransportError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        socket.write_all(answer.as_bytes()).await.unwrap();
        if !close {
            std::future::pending::<()>().await;
        }
    });
    let client = ReqwestTransport::plain("test", Duration::from_secs(1)).unwrap();
    let request = Request::get(format!("http://{address}/x")).body(Bytes::new()).unwrap();
    let answer = client.send(request, limits).await;
    server.abort();
    answer.map(http::Response::into_body)
}

#[tokio::test]
async fn both_limits_hold_for_the_whole_exchange() {
    let limits = Limits::new(Duration::from_millis(500), 4);
    let whole = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody";
    assert_eq!(exchange(whole, true, limits).await.unwrap(), "body");
    let declared = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(exchange(declared, false, limits).await.unwrap_err().kind(), TransportErrorKind::TooLarge);
    let undeclared = "HTTP/1.1 200 OK\r\n\r\nbody!";
    assert_eq!(exchange(undeclared, true, limits).await.unwrap_err().kind(), TransportErrorKind::TooLarge);
    let stalled = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbo";
    assert_eq!(exchange(stalled, false, limits).await.unwrap_err().kind(), TransportErrorKind::Timeout);
    assert_eq!(exchange(stalled, true, limits).await.unwrap_err().kind(), TransportErrorKind::Broken);
    assert_eq!(
        exchange("nonsense\r\n\r\n", true, limits).await.unwrap_err().kind(),
        TransportErrorKind::Broken
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let limits = Limits::new(Duration::from_millis(500), 4);
    let redirect = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 4\r\n\r\nbody";
    // The server answers one request alone, so one that follows would not end with this body.
    assert_eq!(exchange(redirect, false, limits).await.unwrap(), "body");
}

#[tokio::test]
async fn nobody_there_is_a_request_that_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = ReqwestTransport::plain("test", Duration::from_secs(1)).unwrap();
    let request = Request::get(format!("http://{address}/x?token=s3cret")).body(Bytes::new()).unwrap();
    let error = client.send(request, Limits::new(Duration::from_secs(1), 4)).await.unwrap_err();
    assert!(error.kind() == TransportErrorKind::Connect && !error.may_have_been_sent());
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let causes = causes.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join(": ");
    assert!(causes.contains("refused") && !causes.contains("s3cret"), "{causes}");
}
