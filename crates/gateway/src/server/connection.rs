//! One connection, from its first byte to its last.

use super::{
    Lifecycle, Options, Stage, Timeouts,
    connection_state::{ConnState, RefusedHead},
    wire::{
        head::HeadRules,
        http1, http2,
        sniff::{Protocol, sniff},
        socket::Socket,
    },
};
use crate::{
    body::Body,
    peer::Peer,
    room::{HURRY, Room},
    telemetry::{Metrics, Shed},
};
use bytes::BytesMut;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{convert::Infallible, future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Interval, interval, sleep, sleep_until},
};

/// The answer to one request.
pub(crate) type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

/// Answers one request of a connection: the layered stack.
pub(crate) type Stack<B = Incoming> = Arc<dyn Fn(Request<B>, Arrival) -> Answer + Send + Sync>;

/// The connection that a request arrived on.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) peer: Peer,
    pub(crate) state: Arc<ConnState>,
    /// The refused head that this request stands in for.
    pub(crate) refused: Option<RefusedHead>,
}

/// What a head has besides target and fields.
const HEAD_SLACK: usize = 4 * 1024;
/// The least that hyper takes as the size of its buffer.
const LEAST_BUFFER: usize = 8 * 1024;

/// What an HTTP/2 client may send of a body that is not read. All streams of a connection have room for as much, so that bodies that
/// wait hold up no other stream: a proxy in front sends the requests of many users on one connection.
const STREAM_WINDOW: u32 = 64 * 1024;

/// What is held of an HTTP/2 answer that the client does not read.
pub(crate) const SEND_BUFFER: usize = 32 * 1024;

/// How long the first bytes of a connection are waited for once the listener has closed. Their sender cannot know of that yet.
const FIRST_BYTES: Duration = Duration::from_millis(500);

/// What all connections of a listener share.
pub(crate) struct Common {
    pub(crate) stack: Stack,
    pub(crate) lifecycle: Lifecycle,
    /// The stage at which connections of this listener are told to end.
    pub(crate) closes_at: Stage,
    /// Whether HTTP/1.0 requests may lack `Host`.
    pub(crate) host_may_lack: bool,
    pub(crate) metrics: Metrics,
    /// For heads that are not complete yet.
    pub(crate) heads: Room,
    /// For answers that are not read.
    pub(crate) unread: Room,
}

/// Serves a connection until it ends. Dropping the future cuts it off.
pub(crate) async fn serve<IO>(io: IO, peer: Peer, options: Arc<Options>, common: Arc<Common>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut socket = Socket::new(io, options.timeouts.write_idle);
    let closed = async {
        common.lifecycle.reached(common.closes_at).await;
        sleep(FIRST_BYTES).await;
    };
    let sniffed = tokio::select! {
        biased;
        sniffed = sniff(&mut socket, options.timeouts.header) => sniffed,
        () = closed => None,
        () = common.lifecycle.reached(Stage::Aborted) => None,
    };
    let state = Arc::new(ConnState::default());
    match sniffed {
        Some((Protocol::Http1, read)) => http1(socket, read, peer, state, &options, &common).await,
        Some((Protocol::Http2, read)) => http2(socket, read, peer, state, &options, &common).await,
        None => {}
    }
}

async fn http1<IO>(
    io: Socket<IO>,
    read: BytesMut,
    peer: Peer,
    state: Arc<ConnState>,
    options: &Options,
    common: &Common,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = options.limits;
    let guard_options = http1::GuardOptions {
        rules: HeadRules {
            uri: limits.uri,
            headers: limits.headers,
            header_count: limits.header_count,
            host_may_lack: common.host_may_lack,
        },
        header: options.timeouts.header,
        idle: options.timeouts.idle,
    };
    let guard = http1::Guard::new(io, read, guard_options, Arc::clone(&state), common.heads.share());
    let mut builder = hyper::server::conn::http1::Builder::new();
    // The guard has the clock and the limits; hyper's own only need to be wider. The size also bounds what is held of an
    // answer that the client does not read.
    builder
        .header_read_timeout(None)
        .max_buf_size((limits.uri + limits.headers + HEAD_SLACK).max(LEAST_BUFFER))
        .half_close(false);
    if limits.header_count > 100 {
        builder.max_headers(limits.header_count + 1);
    }
    let stack = Arc::clone(&common.stack);
    let service = service_fn(move |request| {
        let arrival = Arrival { peer, refused: state.next(), state: Arc::clone(&state) };
        stack(request, arrival)
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(guard), service));
    tokio::select! {
        // First: a connection that has not read what already came would be closed as an idle one.
        biased;
        _ = connection.as_mut() => return,
        () = common.lifecycle.reached(common.closes_at) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = common.lifecycle.reached(Stage::Aborted) => {}
    }
}

async fn http2<IO>(
    io: Socket<IO>,
    read: BytesMut,
    peer: Peer,
    state: Arc<ConnState>,
    options: &Options,
    common: &Common,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let streams = options.limits.streams;
    let limits = (streams, options.timeouts.header);
    let guard = http2::Guard::new(io, read, limits, Arc::clone(&state), common.heads.share());
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // Every limit is written down: defaults of a library are not a contract.
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .max_header_list_size(u32::try_from(options.limits.headers).unwrap_or(32 * 1024))
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW.saturating_mul(streams.max(1)).min((1 << 31) - 1))
        .max_frame_size(16 * 1024)
        .max_send_buf_size(SEND_BUFFER)
        .header_table_size(4096)
        .keep_alive_interval(None);
    let stack = Arc::clone(&common.stack);
    let served = Arc::clone(&state);
    let service = service_fn(move |request| {
        let arrival = Arrival { peer, refused: None, state: Arc::clone(&served) };
        served.count_request();
        stack(request, arrival)
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(guard), service));
    let mut clocks = Clocks::new(options);
    let (mut closing, mut aborted) =
        (pin!(common.lifecycle.reached(common.closes_at)), pin!(common.lifecycle.reached(Stage::Aborted)));
    loop {
        let close = tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = closing.as_mut(), if !clocks.closing => true,
            () = aborted.as_mut() => return,
            () = state.overfull_reported() => {
                common.metrics.shed(Shed::InFlight);
                return;
            }
            () = state.flood_reported() => {
                common.metrics.shed(Shed::Http2Flood);
                clocks.cut_after(Duration::from_secs(1));
                false
            }
            verdict = clocks.next(&state, &common.unread) => match verdict {
                Tick::Fine => false,
                Tick::Close => true,
                Tick::Cut => return,
            },
        };
        if close && !clocks.closing {
            clocks.closing = true;
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// What the clocks of an HTTP/2 connection want.
enum Tick {
    Fine,
    Close,
    Cut,
}

/// Idle, stalled and flooding connections: hyper has no clock for these.
struct Clocks {
    idle: Duration,
    write_idle: Duration,
    tick: Interval,
    quiet_since: (Instant, u64),
    closing: bool,
    cut_at: Option<Instant>,
}

impl Clocks {
    fn new(options: &Options) -> Self {
        let Timeouts { idle, write_idle, .. } = options.timeouts;
        let tick = interval((idle.min(write_idle) / 4).max(Duration::from_millis(10)));
        Self { idle, write_idle, tick, quiet_since: (Instant::now(), u64::MAX), closing: false, cut_at: None }
    }

    fn cut_after(&mut self, wait: Duration) {
        self.cut_at = Some(Instant::now() + wait);
    }

    async fn next(&mut self, state: &ConnState, unread: &Room) -> Tick {
        let cut_at = self.cut_at.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        let busy = async {
            // Polled whenever the connection is, which it is when a request arrives.
            poll_fn(|_| if state.is_busy() { Poll::Ready(()) } else { Poll::Pending }).await;
            sleep(HURRY).await;
        };
        tokio::select! {
            () = sleep_until(cut_at) => return Tick::Cut,
            _ = self.tick.tick() => {}
            () = busy => {}
        }
        let hurried = unread.is_pressed() && state.unread_for() >= HURRY;
        if hurried || state.longest_stall() >= self.write_idle {
            return Tick::Cut;
        }
        let served = state.served();
        if state.active() > 0 || served != self.quiet_since.1 {
            self.quiet_since = (Instant::now(), served);
        } else if self.quiet_since.0.elapsed() >= self.idle && !self.closing {
            // A peer that does not even answer the PING of a graceful end is not waited for.
            self.cut_after(self.write_idle);
            return Tick::Close;
        }
        Tick::Fine
    }
}
