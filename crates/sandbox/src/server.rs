//! The servers of a sandbox and the loop that serves them.
//!
//! Every request is written to the journal when its head arrives, meets the faults that were ordered
//! for it, and is then answered by the server's router. What became of the answer goes back into the
//! journal, so that a test can see a caller that hung up.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::faults::Step;
use crate::http::{Answer, Body, Interrupted};
use crate::inner::Inner;
use crate::journal::entry::{Ended, Entry, ReceivedBody};
use crate::journal::watched::Watched;
use crate::kinds::Server;
use crate::{providers, tenant};

/// Accepts connections until the sandbox stops.
pub(crate) async fn accept(
    inner: Arc<Inner>,
    server: Server,
    listener: TcpListener,
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
        tokio::spawn(connection(Arc::clone(&inner), server, stream, peer, stop.clone()));
    }
}

async fn connection(
    inner: Arc<Inner>,
    server: Server,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let inner = Arc::clone(&inner);
        async move { exchange(&inner, server, peer, request).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_headers(200);
    builder.http2().max_concurrent_streams(10_000);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        // A broken connection is the point of several faults.
        _ = serving => {}
    }
}

async fn exchange(
    inner: &Arc<Inner>,
    server: Server,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Interrupted> {
    let (parts, body) = request.into_parts();
    let entry = inner.journal.record(server, peer, &parts);
    let mut watched = Watched::new(inner.journal.clone(), Arc::clone(&entry));
    if inner.faults.is_down(server) {
        watched.end(Ended::Dropped);
        return Err(Interrupted);
    }
    let step = inner.faults.pick(&entry);
    if step.as_ref().is_none_or(|step| !step.ignores_body()) {
        let received = receive(body).await?;
        entry.set_body(received);
        inner.journal.touch();
    }
    let response = match step {
        None => route(inner, server, &entry),
        Some(step) => match faulty(inner, server, &entry, step).await {
            Ok(response) => response,
            Err(interrupted) => {
                watched.end(Ended::Dropped);
                return Err(interrupted);
            }
        },
    };
    entry.set_status(response.status());
    inner.journal.touch();
    Ok(response.map(|body| watched.body(body)))
}

/// Does what a fault orders, around or instead of the real answer.
async fn faulty(
    inner: &Arc<Inner>,
    server: Server,
    entry: &Entry,
    step: Step,
) -> Result<Response<Body>, Interrupted> {
    if let Some(delay) = step.delay {
        tokio::time::sleep(delay).await;
    }
    if let Some(hold) = &step.hold_before {
        hold.passed().await;
    }
    if step.hang {
        std::future::pending::<Infallible>().await;
    }
    if step.disconnect {
        return Err(Interrupted);
    }
    let mut response = match step.answer {
        Some(answer) => answer.into_response(),
        None => route(inner, server, entry),
    };
    for (name, value) in &step.headers {
        response.headers_mut().insert(name, value.clone());
    }
    if let Some(hold) = &step.hold_after {
        hold.passed().await;
    }
    if step.lose_answer {
        return Err(Interrupted);
    }
    if let Some(bytes) = step.truncate {
        return Ok(response.map(|body| crate::http::truncated(body, bytes)));
    }
    Ok(response)
}

fn route(inner: &Arc<Inner>, server: Server, entry: &Entry) -> Response<Body> {
    match server {
        Server::Tenant => tenant::answer(inner, entry),
        Server::Downloads => providers::downloads::answer(inner, entry),
        _ => match server.provider() {
            Some(kind) => providers::answer(inner, kind, entry),
            None => Answer::new(404).into_response(),
        },
    }
}

/// Bytes of a request body that the journal keeps; longer bodies are counted and hashed only.
const KEPT: usize = 1 << 20;

async fn receive(mut body: Incoming) -> Result<ReceivedBody, Interrupted> {
    let mut kept = Vec::new();
    let mut length = 0_u64;
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Interrupted)?.into_data() {
            Ok(data) => {
                length += data.len() as u64;
                digest.update(&data);
                let room = KEPT.saturating_sub(kept.len()).min(data.len());
                kept.extend_from_slice(data.get(..room).unwrap_or_default());
            }
            Err(other) => trailers = other.into_trailers().ok(),
        }
    }
    Ok(ReceivedBody {
        kept: Bytes::from(kept),
        length,
        sha256: crate::text::hex(digest.finish().as_ref()),
        trailers,
    })
}
