//! What a connection to a provider may hold, and for how long.

use std::time::Duration;

use tokio::sync::Semaphore;

/// How long an unused connection to a provider is kept. Below what providers and load balancers keep it for,
/// so that few requests meet a closing connection.
pub(super) const POOL_IDLE: Duration = Duration::from_secs(30);

/// What is held of a provider's answer that is not read: HTTP/1.1's read buffer, which also bounds an answer's head, and the
/// window of an HTTP/2 stream. Together with `server.limits.in_flight` they are what stalled readers cost.
pub(super) const READ_BUFFER: usize = 32 * 1024;
/// HTTP/1.1's read buffer without TLS. The provider's side is a process on this machine then, which sends faster than pieces of
/// [`READ_BUFFER`] can be passed on. Only [`LARGE_READERS`] fill it.
pub(super) const LARGE_READ_BUFFER: usize = 400 * 1024;
/// The connections of the process that read up to [`LARGE_READ_BUFFER`] at once. Each holds up to 2 MiB of an answer that is not read.
pub(super) static LARGE_READERS: Semaphore = Semaphore::const_new(4);
pub(super) const STREAM_WINDOW: u32 = 64 * 1024;

/// What is held of a request's body that the provider does not read.
pub(super) const SEND_BUFFER: usize = 64 * 1024;
