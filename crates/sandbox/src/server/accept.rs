//! Accepting connections, with TLS or without.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::inner::Inner;
use crate::journal::entry::Arrival;
use crate::kinds::Server;

use super::exchange::exchange;
use super::go_away::go_away;

/// Accepts connections until the sandbox stops.
pub(crate) async fn accept(
    inner: Arc<Inner>,
    server: Server,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // An accept error (descriptors used up, say) is the machine's, not a caller's: try again.
        let Ok((stream, peer)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        if inner.faults.is_down(server) {
            continue;
        }
        let (inner, tls, stop) = (Arc::clone(&inner), tls.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = connection(inner, server, stream, peer, tls) => {}
            }
        });
    }
}

async fn connection(
    inner: Arc<Inner>,
    server: Server,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(inner, Arrival { server, peer, scheme: None }, stream).await,
        // A handshake that fails is for the caller to report.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(inner, Arrival { server, peer, scheme: Some("https") }, stream).await;
            }
        }
    }
}

async fn serve<S>(inner: Arc<Inner>, arrival: Arrival, stream: S)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if inner.faults.goes_away(arrival.server) {
        let _ = go_away(stream).await;
        return;
    }
    let streams = inner.settings.max_streams;
    let service = service_fn(move |request| {
        let inner = Arc::clone(&inner);
        async move { exchange(&inner, arrival, request).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_headers(200);
    builder.http2().max_concurrent_streams(streams);
    // A broken connection is the point of several faults.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
