//! What the layers of a listener share.

use super::refused_origins::RefusedOrigins;
use crate::{room::Room, server::Options, telemetry::Metrics};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Requests of all connections whose end may be waited for at the same time. Their senders are not known yet.
const WAITING: usize = 256;

/// What the layers share.
pub(crate) struct Context {
    /// The settings in use; a reload swaps them.
    pub(crate) options: ArcSwap<Options>,
    /// Counts.
    pub(crate) metrics: Metrics,
    /// Room for `server.limits.in_flight` requests.
    pub(crate) room: Arc<tokio::sync::Semaphore>,
    /// Room for GET and HEAD requests whose body has not ended yet.
    pub(crate) waiting: Arc<tokio::sync::Semaphore>,
    /// Room for answers that clients do not read.
    pub(crate) unread: Room,
    /// Origins that may not call, for the log.
    pub(crate) refused_origins: RefusedOrigins,
}

impl Context {
    pub(crate) fn new(options: Options, metrics: Metrics, unread: Room) -> Arc<Self> {
        let room = Arc::new(tokio::sync::Semaphore::new(options.limits.in_flight));
        let waiting = Arc::new(tokio::sync::Semaphore::new(WAITING));
        let options = ArcSwap::from_pointee(options);
        Arc::new(Self { options, metrics, room, waiting, unread, refused_origins: RefusedOrigins::default() })
    }
}
