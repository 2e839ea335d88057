//! Accepting connections, up to a limit, until told to stop.

use super::{
    Handler, Lifecycle, Options, Stage,
    connection::{self, Common},
    layers::{self, Context},
    tls::{ServerTls, TlsError},
};
use crate::{
    cores::Cores,
    outcome::Code,
    peer::Peer,
    problem::Problem,
    request_id::RequestId,
    room::{self, Room},
    telemetry::{Metrics, Shed},
};
use std::{io, net::SocketAddr, os::fd::AsFd as _, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

/// The server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}; choose another address for {key} or stop what is using it")]
    Bind {
        /// The setting.
        key: &'static str,
        /// Its value.
        addr: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The process cannot receive signals, and would end without a drain.
    #[error("the process cannot receive signals: {0}")]
    Signals(io::Error),
}

/// A bound listener with its layers and handler. Serves once [`Server::run`] is polled.
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    tls: Option<ServerTls>,
    context: Arc<Context>,
    common: Arc<Common>,
    connections: Arc<Semaphore>,
    /// At most this many connections over the limit are told so before they are closed.
    rejections: Arc<Semaphore>,
    tasks: TaskTracker,
    cores: Option<Arc<Cores>>,
    public: bool,
}

impl Server {
    /// Binds the public listener.
    ///
    /// # Errors
    /// When the address is taken or the TLS files cannot be used.
    pub async fn bind<H: Handler>(
        options: Options,
        handler: H,
        metrics: Metrics,
        lifecycle: Lifecycle,
    ) -> Result<Self, StartError> {
        let tls = match &options.tls {
            Some(files) => Some(ServerTls::load(files.clone(), metrics.clone()).await?),
            None => None,
        };
        let listener = listen(options.listen, "server.listen")?;
        let (connections, places) = (options.limits.connections, options.limits.in_flight);
        let unread = Room::new(room::UNREAD);
        let context = Context::new(options, metrics.clone(), unread.clone());
        metrics.room(Arc::clone(&context.room), places);
        let stack = layers::public(&context, handler, layers::GUARDED);
        Self::assemble(
            listener,
            tls,
            context,
            Common {
                stack,
                lifecycle,
                closes_at: Stage::Closing,
                host_may_lack: false,
                metrics,
                heads: Room::new(room::HEADS),
                unread,
            },
            connections,
            true,
        )
    }

    /// Binds the admin listener: same wire, no TLS, no cap that probes could run into, open until the very end.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn bind_admin<H: Handler>(
        options: Options,
        handler: H,
        metrics: Metrics,
        lifecycle: Lifecycle,
    ) -> Result<Self, StartError> {
        let listener = listen(options.admin_listen, "server.admin_listen")?;
        let unread = Room::new(room::ADMIN);
        let context = Context::new(options, metrics.clone(), unread.clone());
        let stack = layers::admin(&context, handler);
        Self::assemble(
            listener,
            None,
            context,
            Common {
                stack,
                lifecycle,
                closes_at: Stage::Aborted,
                host_may_lack: true,
                metrics,
                heads: Room::new(room::ADMIN),
                unread,
            },
            1024,
            false,
        )
    }

    fn assemble(
        listener: TcpListener,
        tls: Option<ServerTls>,
        context: Arc<Context>,
        common: Common,
        room: usize,
        public: bool,
    ) -> Result<Self, StartError> {
        let addr = listener.local_addr().map_err(|source| StartError::Bind {
            key: "server.listen",
            addr: SocketAddr::from(([0, 0, 0, 0], 0)),
            source,
        })?;
        Ok(Self {
            listener,
            addr,
            tls,
            context,
            common: Arc::new(common),
            connections: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
            rejections: Arc::new(Semaphore::new(64)),
            tasks: TaskTracker::new(),
            cores: None,
            public,
        })
    }

    /// Serves connections on these cores instead of the runtime that accepts them.
    #[must_use]
    pub fn on_cores(self, cores: Arc<Cores>) -> Self {
        Self { cores: Some(cores), ..self }
    }

    /// The address, with the real port.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A handle that swaps the settings of a running server.
    #[must_use]
    pub fn reconfigure(&self) -> Reconfigure {
        Reconfigure { context: Arc::clone(&self.context), tls: self.tls.clone() }
    }

    /// Serves a connection that was made elsewhere, such as an in-memory pipe, outside the connection limit.
    pub fn serve_stream<IO>(&self, io: IO, from: SocketAddr) -> impl Future<Output = ()> + Send + use<IO>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let options = self.context.options.load_full();
        let peer = Peer::new(from, false, &options.trusted_proxies);
        connection::serve(io, peer, options, Arc::clone(&self.common))
    }

    /// Accepts and serves until the lifecycle says stop and every connection has ended or was cut off.
    pub async fn run(self) {
        let watch = self.tls.clone().map(|tls| tokio::spawn(async move { tls.watch().await }));
        loop {
            tokio::select! {
                biased;
                () = self.common.lifecycle.reached(self.common.closes_at) => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, from)) => self.accept(stream, from),
                    Err(error) => backoff(&error).await,
                },
            }
        }
        // What the kernel has already accepted for us is served too, not reset.
        // The socket itself is asked: what Tokio knows of its readiness may be out of date.
        if let Ok(waiting) = self.listener.as_fd().try_clone_to_owned().map(std::net::TcpListener::from) {
            for _ in 0..BACKLOG {
                match waiting.accept() {
                    Ok((stream, from)) => {
                        if stream.set_nonblocking(true).is_ok()
                            && let Ok(stream) = TcpStream::from_std(stream)
                        {
                            self.accept(stream, from);
                        }
                    }
                    // This one has gone; others may wait behind it.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(_) => break,
                }
            }
        }
        let Self { listener, tasks, .. } = self;
        drop(listener);
        tasks.close();
        tasks.wait().await;
        if let Some(watch) = watch {
            watch.abort();
        }
    }

    fn accept(&self, stream: TcpStream, from: SocketAddr) {
        // Small frames of a stream must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            self.reject(stream);
            return;
        };
        let options = self.context.options.load_full();
        let peer = Peer::new(from, self.tls.is_some(), &options.trusted_proxies);
        let open = self.public.then(|| Open::new(&self.common.metrics));
        let (tls, common) = (self.tls.clone(), Arc::clone(&self.common));
        let serving = move |stream: TcpStream| async move {
            serve(stream, peer, tls, options, common).await;
            drop::<(OwnedSemaphorePermit, Option<Open>)>((permit, open));
        };
        match self.cores.as_ref().and_then(|cores| cores.next()) {
            None => drop(self.tasks.spawn(serving(stream))),
            Some(core) => {
                // Readiness is told by the runtime that the socket is registered with: it must be the one that serves.
                let Ok(stream) = stream.into_std() else { return };
                let serving = async move {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        serving(stream).await;
                    }
                };
                self.tasks.spawn_on(serving, core);
            }
        }
    }

    fn reject(&self, mut stream: TcpStream) {
        self.common.metrics.shed(Shed::Connections);
        let Ok(permit) = Arc::clone(&self.rejections).try_acquire_owned() else { return };
        if self.tls.is_some() {
            return;
        }
        self.tasks.spawn(async move {
            let _ = timeout(Duration::from_secs(1), async {
                stream.write_all(&too_many_connections()).await?;
                stream.shutdown().await?;
                // Reading what the peer sends keeps the answer from being lost to a reset.
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
            })
            .await;
            drop(permit);
        });
    }
}

/// Swaps settings at run time. Addresses and the sizes of the two pools stay as they were at start.
#[derive(Clone)]
pub struct Reconfigure {
    context: Arc<Context>,
    tls: Option<ServerTls>,
}

impl Reconfigure {
    /// Uses `options` from the next connection on.
    pub async fn apply(&self, options: Options) -> Result<(), StartError> {
        if let (Some(tls), Some(files)) = (&self.tls, &options.tls) {
            tls.switch(files.clone()).await?;
        }
        self.context.options.store(Arc::new(options));
        Ok(())
    }
}

/// One open connection in the metrics.
struct Open(Metrics);

impl Open {
    fn new(metrics: &Metrics) -> Self {
        metrics.connection(1);
        Self(metrics.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connection(-1);
    }
}

async fn serve(
    stream: TcpStream,
    peer: Peer,
    tls: Option<ServerTls>,
    options: Arc<Options>,
    common: Arc<Common>,
) {
    match tls {
        None => connection::serve(stream, peer, options, common).await,
        Some(tls) => {
            let accepted = tokio::select! {
                accepted = timeout(options.timeouts.header, tls.accept(stream)) => accepted,
                () = common.lifecycle.reached(Stage::Aborted) => return,
            };
            if let Ok(Ok(stream)) = accepted {
                connection::serve(stream, peer, options, common).await;
            }
        }
    }
}

/// How many accepted connections may wait for us.
const BACKLOG: u32 = 4096;

fn listen(addr: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    let bind = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    bind().map_err(|source| StartError::Bind { key, addr, source })
}

/// Out of file descriptors or memory: hammering the listener would only make it worse.
async fn backoff(error: &io::Error) {
    let of_one_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !of_one_connection {
        tracing::warn!(event = "accept_failed", kind = ?error.kind(), "a connection could not be accepted; raise the limit of open files");
        sleep(Duration::from_millis(100)).await;
    }
}

/// The whole answer for a connection over the limit: its request was not read, and will not be.
fn too_many_connections() -> Vec<u8> {
    let id = RequestId::random();
    let json = Problem::new(Code::Overloaded).detail("server.limits.connections are open").json(id.as_str());
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         retry-after: 1\r\nidp-outcome: overloaded\r\nx-request-id: {id}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        json.len()
    );
    [head.into_bytes(), json].concat()
}
