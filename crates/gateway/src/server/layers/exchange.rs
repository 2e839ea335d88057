//! What one request's layers tell each other.

use super::Context;
use crate::{
    body::{Body, RequestBodyFault},
    peer::Peer,
    problem::{Problem, Rendering, Surface},
    request_id::RequestId,
    server::{Options, connection_state::RefusedHead},
};
use http::{HeaderMap, HeaderValue, Response, Uri, Version, header, request::Parts};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// A request on its way through the layers. What they know of it goes along by type, so no layer can miss it.
pub(crate) struct LayeredRequest<B> {
    pub(crate) head: Parts,
    pub(crate) body: B,
    pub(crate) exchange: Arc<Exchange>,
}

/// What the layers know of one request; made by the observing layer.
pub(crate) struct Exchange {
    /// What the layers of the listener share.
    pub(crate) context: Arc<Context>,
    /// The settings that hold for this request, also if a reload swaps them meanwhile.
    pub(crate) options: Arc<Options>,
    pub(crate) id: RequestId,
    pub(crate) peer: Peer,
    /// The refused head that this request stands in for.
    pub(crate) refused: Option<RefusedHead>,
    cross_origin: OnceLock<()>,
    fault: OnceLock<RequestBodyFault>,
    unread: OnceLock<()>,
    room: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Exchange {
    pub(crate) fn new(
        context: &Arc<Context>,
        options: Arc<Options>,
        peer: Peer,
        refused: Option<RefusedHead>,
    ) -> Arc<Self> {
        Arc::new(Self {
            context: Arc::clone(context),
            options,
            id: RequestId::random(),
            peer,
            refused,
            cross_origin: OnceLock::new(),
            fault: OnceLock::new(),
            unread: OnceLock::new(),
            room: Mutex::new(None),
        })
    }

    /// The `Origin` of a refused head.
    pub(crate) fn refused_origin(&self) -> Option<&HeaderValue> {
        self.refused.as_ref()?.origin.as_ref()
    }

    /// A page of an allowed origin may read the answer.
    pub(crate) fn allow_cross_origin(&self) {
        let _ = self.cross_origin.set(());
    }

    /// Whether a page of an allowed origin may read the answer.
    pub(crate) fn is_cross_origin(&self) -> bool {
        self.cross_origin.get().is_some()
    }

    /// The request's body ended early.
    pub(crate) fn body_failed(&self, fault: RequestBodyFault) {
        let _ = self.fault.set(fault);
    }

    /// How the request's body ended early.
    pub(crate) fn body_fault(&self) -> Option<RequestBodyFault> {
        self.fault.get().copied()
    }

    /// The request's body was dropped before its end.
    pub(crate) fn leave_body_unread(&self) {
        let _ = self.unread.set(());
    }

    /// Whether a part of the request's body is not read and will not be.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread.get().is_some()
    }

    /// Keeps a place among the running requests.
    pub(crate) fn hold(&self, permit: OwnedSemaphorePermit) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
    }

    /// Takes the place, to give it back or to keep it.
    pub(crate) fn release(&self) -> Option<OwnedSemaphorePermit> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What a refusal needs to know of the request it answers.
#[derive(Debug)]
pub(crate) struct RefusedRequest<'a> {
    pub(crate) id: RequestId,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) version: Version,
}

/// Renders a layer's problem. `last`: the connection (HTTP/1) ends with it.
pub(crate) fn answer(
    problem: &Problem,
    request: &RefusedRequest<'_>,
    options: &Options,
    last: bool,
) -> Response<Body> {
    let host = request.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let proxied = request.uri.path().starts_with("/proxy/") || options.is_virtual(host);
    let surface = if proxied { Surface::Proxied } else { Surface::Own };
    let rendering =
        Rendering { request_id: request.id.as_str(), surface, request_headers: Some(request.headers) };
    let mut response = problem.respond(rendering);
    if last && request.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    }
    response.extensions_mut().insert(crate::telemetry::Summary {
        route: Some(if proxied { "/proxy/{provider}/{path}" } else { "unmatched" }),
        outcome: Some(problem.code().as_str()),
        ..Default::default()
    });
    response
}
