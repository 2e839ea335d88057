//! One of a core's clients: it has at most one connection of HTTP/2 to a host.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::WatchingConnector;
use super::kept::{CallResult, Kept};
use super::limits::{POOL_IDLE, READ_BUFFER, SEND_BUFFER, STREAM_WINDOW};
use crate::body::{Body, BoxError};

/// The largest window of HTTP/2 (RFC 9113, section 6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

type Pooled = legacy::Client<WatchingConnector, Body>;

/// A client with connections of its own.
pub(super) struct Client {
    /// For HTTP/2, and for a host's first call, which tells what it speaks.
    pooled: Pooled,
    connector: WatchingConnector,
}

impl Client {
    pub(super) fn new(connector: WatchingConnector, max_in_flight: usize) -> Self {
        Self { pooled: pooled(connector.clone(), max_in_flight), connector }
    }

    /// Sends one call to the host whose connections these are, and waits for the head of its answer.
    ///
    /// # Errors
    /// No connection, or it broke before the answer's head.
    pub(super) async fn send(
        &self,
        kept: &Arc<Kept>,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, BoxError> {
        if !kept.speaks_http1() {
            return Box::pin(self.send_pooled(request)).await;
        }
        match kept.send(&self.connector, request).await? {
            CallResult::Answer(answer) => Ok(answer),
            CallResult::Http2(request) => Box::pin(self.send_pooled(request)).await,
        }
    }

    async fn send_pooled(&self, mut request: Request<Body>) -> Result<Response<Incoming>, BoxError> {
        let connection = capture_connection(&mut request);
        let answer = self.pooled.request(request).await?;
        if answer.version() < Version::HTTP_2 {
            // The next call goes over a connection of our own.
            connection.connection_metadata().iter().for_each(Connected::poison);
        }
        Ok(answer)
    }
}

/// Every limit is written down: defaults of a library are not a contract.
fn pooled(connector: WatchingConnector, max_in_flight: usize) -> Pooled {
    let streams = connector.streams();
    // HTTP/2 has no larger window.
    let window = u32::try_from(streams)
        .map_or(MAX_WINDOW, |streams| STREAM_WINDOW.saturating_mul(streams).min(MAX_WINDOW));
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(max_in_flight)
        .http1_max_buf_size(READ_BUFFER)
        .http2_initial_max_send_streams(streams)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(window)
        .http2_max_frame_size(16 * 1024)
        .http2_max_header_list_size(32 * 1024)
        .http2_max_send_buf_size(SEND_BUFFER)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .build(connector)
}
