//! What one request's layers tell each other.

use crate::{
    body::{Body, RequestBodyFault},
    peer::Peer,
    problem::{Problem, Rendering, Surface},
    request_id::RequestId,
    server::Options,
};
use http::{HeaderMap, Response, Uri, Version, header};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// Lives in the request's extensions, made by the observing layer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) id: RequestId,
    pub(crate) peer: Peer,
    fault: OnceLock<RequestBodyFault>,
    room: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Exchange {
    pub(crate) fn new(peer: Peer) -> Arc<Self> {
        Arc::new(Self { id: RequestId::random(), peer, fault: OnceLock::new(), room: Mutex::new(None) })
    }

    /// The request's body ended early.
    pub(crate) fn body_failed(&self, fault: RequestBodyFault) {
        let _ = self.fault.set(fault);
    }

    /// How the request's body ended early.
    pub(crate) fn body_fault(&self) -> Option<RequestBodyFault> {
        self.fault.get().copied()
    }

    /// Keeps a place among the running requests.
    pub(crate) fn hold(&self, permit: OwnedSemaphorePermit) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
    }

    /// Gives the place back.
    pub(crate) fn release(&self) {
        self.room.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What a refusal needs to know of the request it answers.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) id: RequestId,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) version: Version,
}

/// Renders a problem of the wire. `last`: the connection (HTTP/1) ends with it.
pub(crate) fn answer(problem: &Problem, asked: &Asked<'_>, options: &Options, last: bool) -> Response<Body> {
    let host = asked.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let proxied = asked.uri.path().starts_with("/proxy/") || options.is_virtual(host);
    let surface = if proxied { Surface::Proxied } else { Surface::Own };
    let rendering =
        Rendering { request_id: asked.id.as_str(), surface, request_headers: Some(asked.headers) };
    let mut response = problem.respond(rendering);
    if last && asked.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    }
    response.extensions_mut().insert(crate::telemetry::Summary {
        route: Some(if proxied { "/proxy/{provider}/{path}" } else { "unmatched" }),
        outcome: Some(problem.code().as_str()),
        ..Default::default()
    });
    response
}
