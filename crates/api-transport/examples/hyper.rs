//! A transport over a pooled hyper client, sent to a server on loopback.
//!
//! With `hyper-rustls` the connector is an `HttpsConnector`; nothing else changes.

use std::{error::Error, sync::Arc, time::Duration};

use api_transport::{BoxFuture, HttpsOnly, Limits, Transport, TransportError};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[derive(Debug)]
struct Hyper(Client<HttpConnector, Full<Bytes>>);

impl Transport for Hyper {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let exchange = async move {
            let answer = self.0.request(request.map(Full::new)).await.map_err(|error| {
                if error.is_connect() { TransportError::Connect } else { TransportError::Broken }
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, limits.max_body).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() { TransportError::TooLarge } else { TransportError::Broken }
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        // Over the whole exchange: to the last byte of the body.
        Box::pin(async move {
            tokio::time::timeout(limits.timeout, exchange).await.unwrap_or(Err(TransportError::Timeout))
        })
    }
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
    assert_eq!(error, Some(TransportError::TooLarge));
    let far = Request::get("http://acme.test/").body(Bytes::new())?;
    let error = transport.send(far, Limits::new(Duration::from_secs(5), 10)).await.err();
    assert_eq!(error, Some(TransportError::Insecure));
    Ok(())
}

#[cfg(test)]
#[test]
fn it_runs() {
    main().unwrap();
}
