//! What one request's layers tell each other.

use super::Context;
use crate::{
    body::RequestBodyFault,
    peer::Peer,
    request_id::RequestId,
    server::{Options, connection_state::RefusedHead},
};
use http::{HeaderValue, Version};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// What the layers know of one request; made before any of them looks at it.
pub(crate) struct Exchange {
    /// What the layers of the listener share.
    pub(crate) context: Arc<Context>,
    /// The settings that hold for this request, also if a reload swaps them meanwhile.
    pub(crate) options: Arc<Options>,
    pub(crate) id: RequestId,
    pub(crate) peer: Peer,
    pub(crate) version: Version,
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
        version: Version,
        refused: Option<RefusedHead>,
    ) -> Arc<Self> {
        Arc::new(Self {
            context: Arc::clone(context),
            options,
            id: RequestId::random(),
            peer,
            version,
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
