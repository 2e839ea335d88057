//! One request and its answer: the journal, the faults, the router.
//!
//! A request is written to the journal when its head arrives, meets the faults that were ordered for it,
//! and is then answered by the server's router. What became of the answer goes back into the journal, so
//! that a test can see a caller that hung up.

use std::convert::Infallible;
use std::sync::Arc;

use ::http::header::HeaderValue;
use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::faults::fault::{DEPRECATION, Step};
use crate::gzip;
use crate::http::{Answer, Body, Interrupted, full};
use crate::inner::Inner;
use crate::journal::entry::{Arrival, Ended, Entry, ReceivedBody};
use crate::journal::watched::Watched;
use crate::kinds::Server;
use crate::quirks::Quirk;
use crate::{providers, tenant};

pub(super) async fn exchange(
    inner: &Arc<Inner>,
    mut arrival: Arrival,
    request: Request<Incoming>,
) -> Result<Response<Body>, Interrupted> {
    let (parts, body) = request.into_parts();
    let server = arrival.server;
    if server.provider().is_some_and(|kind| inner.quirks.is_on(Quirk::PlainHttpLinks(kind))) {
        arrival.scheme = Some("http");
    }
    let entry = inner.journal.record(&arrival, &parts);
    let mut watched = Watched::new(inner.journal.clone(), Arc::clone(&entry));
    if inner.faults.is_down(server) {
        watched.end(Ended::Dropped);
        return Err(Interrupted::default());
    }
    let step = inner.faults.pick(&entry);
    if step.as_ref().is_none_or(|step| !step.ignores_body()) {
        let received = receive(body).await?;
        entry.set_body(received);
        inner.journal.touch();
    }
    let response = match step {
        None => answered(inner, server, &entry).await?,
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
    if step.refuse_stream {
        return Err(Interrupted::refused_stream());
    }
    if step.disconnect {
        return Err(Interrupted::default());
    }
    let mut response = match step.answer {
        Some(answer) => answer.into_response(),
        None => answered(inner, server, entry).await?,
    };
    for (name, value) in &step.headers {
        response.headers_mut().insert(name, value.clone());
    }
    if step.gzip {
        response = compressed(response).await?;
    }
    if let Some(hold) = &step.hold_after {
        hold.passed().await;
    }
    if step.lose_answer {
        return Err(Interrupted::default());
    }
    if let Some(bytes) = step.truncate {
        return Ok(response.map(|body| crate::http::truncated(body, bytes)));
    }
    Ok(response)
}

/// The router's answer, changed by the quirks that are on.
async fn answered(inner: &Arc<Inner>, server: Server, entry: &Entry) -> Result<Response<Body>, Interrupted> {
    let mut response = route(inner, server, entry);
    let Some(kind) = server.provider() else { return Ok(response) };
    if inner.quirks.is_on(Quirk::Deprecated(kind)) {
        for (name, value) in DEPRECATION {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    if inner.quirks.is_on(Quirk::RelativeLocations(kind)) {
        make_relative(&mut response, &entry.origin());
    }
    if inner.quirks.is_on(Quirk::AlwaysGzip(kind)) {
        response = compressed(response).await?;
    }
    Ok(response)
}

/// The headers that name an address.
const ADDRESSES: [&str; 4] = ["location", "content-location", "operation-location", "azure-asyncoperation"];

fn make_relative(response: &mut Response<Body>, origin: &str) {
    for name in ADDRESSES {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        let path = value.and_then(|value| value.strip_prefix(origin)).map(HeaderValue::from_str);
        if let Some(Ok(path)) = path {
            response.headers_mut().insert(name, path);
        }
    }
}

/// Compresses a whole answer, except one without a body and one that is compressed already.
async fn compressed(response: Response<Body>) -> Result<Response<Body>, Interrupted> {
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await?.to_bytes();
    if whole.is_empty() || parts.headers.contains_key("content-encoding") {
        return Ok(Response::from_parts(parts, full(whole)));
    }
    let packed = gzip::compress(&whole);
    parts.headers.remove("content-length");
    parts.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    Ok(Response::from_parts(parts, full(Bytes::from(packed))))
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
        match frame.map_err(|_| Interrupted::default())?.into_data() {
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
