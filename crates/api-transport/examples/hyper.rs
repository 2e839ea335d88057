//! A transport over a pooled hyper client, sent to a server on loopback.
//!
//! With `hyper-rustls` the connector is an `HttpsConnector`; nothing else changes.

use std::{error::Error, sync::Arc, time::Duration};

use api_transport::{Body, BoxFuture, HttpsOnly, Limits, Transport, TransportError, TransportErrorKind};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, timeout_at},
};

#[derive(Debug)]
struct Hyper(Client<HttpConnector, Body>);

impl Transport for Hyper {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let (head, body) = self.open(request.map(Body::from), limits).await?.into_parts();
            Ok(Response::from_parts(head, body.collect(limits.max_body).await?))
        })
    }

    fn open(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        let end = Instant::now() + limits.timeout;
        Box::pin(async move {
            let answer =
                timeout_at(end, self.0.request(request)).await.map_err(|_| TransportErrorKind::Timeout)?;
            let answer = answer.map_err(|error| {
                let connect = error.is_connect();
                let kind = if connect { TransportErrorKind::Connect } else { TransportErrorKind::Broken };
                TransportError::new(kind, error)
            })?;
            Ok(answer.map(|body| Body::from_stream(pieces(body, end))))
        })
    }
}

/// The body of an answer, piece by piece, each before the end of the exchange.
fn pieces(body: Incoming, end: Instant) -> impl Stream<Item = Result<Bytes, TransportError>> + Send {
    stream::unfold(body, move |mut body| async move {
        let piece = match timeout_at(end, body.frame()).await {
            Ok(None) => return None,
            // Trailers hold no bytes.
            Ok(Some(Ok(frame))) => Ok(frame.into_data().unwrap_or_default()),
            Ok(Some(Err(error))) => Err(TransportError::new(TransportErrorKind::Broken, error)),
            Err(_) => Err(TransportErrorKind::Timeout.into()),
        };
        Some((piece, body))
    })
}

/// Answers every request with ten bytes.
async fn serve(listener: TcpListener) -> Result<(), std::io::Error> {
    loop {
        let (mut connection, _) = listener.accept().await?;
        let mut head = [0; 4096];
        while connection.read(&mut head).await? > 0 {
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789").await?;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(serve(listener));

    let client = Client::builder(TokioExecutor::new()).build_http();
    let transport = HttpsOnly::new(Arc::new(Hyper(client)));
    let request = || Request::get(&url).body(Bytes::new());
    let answer = transport.send(request()?, Limits::new(Duration::from_secs(5), 10)).await?;
    println!("{}: {} bytes", answer.status(), answer.body().len());
    let error = transport.send(request()?, Limits::new(Duration::from_secs(5), 9)).await.err();
    assert_eq!(error.map(|error| error.kind()), Some(TransportErrorKind::TooLarge));
    let far = Request::get("http://acme.test/").body(Bytes::new())?;
    let error = transport.send(far, Limits::new(Duration::from_secs(5), 10)).await.err();
    assert_eq!(error.map(|error| error.kind()), Some(TransportErrorKind::Insecure));

    // A download, piece by piece: no limit but the time.
    let request = Request::get(&url).body(Body::empty())?;
    let mut body = transport.open(request, Limits::new(Duration::from_secs(5), 0)).await?.into_body();
    let mut length = 0;
    while let Some(piece) = body.chunk().await? {
        length += piece.len();
    }
    assert_eq!(length, 10);
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
