//! What a connection to a provider may hold, and for how long.

use std::time::Duration;

/// How long an unused connection to a provider is kept. Below what providers and load balancers keep it for,
/// so that few requests meet a closing connection.
pub(super) const POOL_IDLE: Duration = Duration::from_secs(30);

/// What is held of a provider's answer that is not read: HTTP/1.1's read buffer, which also bounds an answer's head, and the
/// window of an HTTP/2 stream. Together with `server.limits.in_flight` they are what stalled readers cost.
pub(super) const READ_BUFFER: usize = 32 * 1024;
pub(super) const STREAM_WINDOW: u32 = 64 * 1024;

/// What is held of a request's body that the provider does not read.
pub(super) const SEND_BUFFER: usize = 64 * 1024;
