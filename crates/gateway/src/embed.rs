//! The gateway inside another server: one [`tower::Service`] with everything that the public listener does to a request.
//!
//! ```no_run
//! use gateway::config::Settings;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::from_toml(&std::fs::read_to_string("gateway.toml")?)?;
//! let gateway = gateway::service(&settings).await?;
//! let app: axum::Router = axum::Router::new()
//!     .route("/healthz", axum::routing::get(|| async { "fine" }))
//!     // All other paths of this host are the gateway's.
//!     .fallback_service(gateway.clone());
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! What the layers enforce holds here too: `server.limits` (`in_flight`, `body`, `headers`, `header_count`, `uri`),
//! `server.timeouts.body_idle`, `server.allowed_hosts`, `[cors]`, and the rules for heads. What belongs to connections is the
//! surrounding server's: addresses, TLS, framing, `server.limits.connections` and `streams`, `server.timeouts.header`, `idle` and
//! `write_idle`, and the drain. `[telemetry]` is not used either: logs and spans go to the program's own `tracing` subscriber. There is
//! no admin listener; [`Service::operations`] does what its commands do.
//!
//! Each request needs a `Host` header or an absolute target, as a server gets them from clients; one that a test makes without is
//! answered with 400. Do not nest the service below a path: axum's `nest_service` takes the prefix off before the gateway sees the
//! request, so that it cannot notice, and the addresses in its answers lack the prefix.

use crate::{
    admin::{Operations, Readiness, ReloadError},
    body::{Body, BoxError, boxed},
    compose::{Running, StartError, digest},
    config::Settings,
    server::{InProcess, Options},
    state::App,
    telemetry::{Telemetry, TelemetryError, TelemetryOptions},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use std::{
    convert::Infallible,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Once},
    task::{Context, Poll},
};

/// Who sent a request, for the surrounding server to put into its extensions. Without it the access log knows no client, and
/// `server.trusted_proxies` trusts none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientAddr {
    /// The other end of the TCP connection.
    pub addr: SocketAddr,
    /// Whether that connection is encrypted.
    pub tls: bool,
}

impl ClientAddr {
    /// The other end of a TCP connection without TLS.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, tls: false }
    }

    /// The same over TLS.
    #[must_use]
    pub fn over_tls(self) -> Self {
        Self { tls: true, ..self }
    }
}

/// The gateway cannot be embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The application cannot be built.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Metrics or the audit log cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
}

/// Composes the gateway and starts what keeps its keys, tokens and blocks fresh, on the present Tokio runtime.
///
/// # Errors
/// The store or the audit log cannot be opened, or a part cannot be built from these settings.
pub async fn service(settings: &Settings) -> Result<Service, EmbedError> {
    let telemetry = Telemetry::embedded(&TelemetryOptions::from(settings))?;
    let metrics = telemetry.metrics().clone();
    let app = Arc::new(App::new(settings, metrics.clone(), telemetry.audit().clone()).await?);
    let running = Running::new(app).await;
    metrics.config_hash(&digest(settings));
    let current = Arc::downgrade(&running.app);
    metrics.observe(Arc::new(move || {
        current.upgrade().map(|current| current.load().observed()).unwrap_or_default()
    }));
    let current = Arc::clone(&running.app);
    let handler = move |request, info| {
        let app = current.load_full();
        async move { app.handle(request, info).await }
    };
    let server = InProcess::new(Options::from(settings), handler, metrics);
    Ok(Service { server, shared: Arc::new(Shared { running, telemetry }) })
}

/// The gateway as a [`tower::Service`] for requests of any body. Made by [`service`]; cheap to clone, always ready. With the last clone
/// ends what runs beside the requests.
///
/// Serve it at the root of a host: the addresses in its answers have no prefix. Bodies are boxed once on their way in.
#[derive(Clone)]
pub struct Service {
    server: InProcess,
    shared: Arc<Shared>,
}

struct Shared {
    running: Running,
    telemetry: Telemetry,
}

impl Service {
    /// Whether requests can be served, and why not: the body of `/readyz`.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.shared.running.app.load().readiness()
    }

    /// The metrics as Prometheus text.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.shared.telemetry.metrics().render_prometheus()
    }

    /// What the admin listener's commands do. Who may use them is for the surrounding program to check.
    #[must_use]
    pub fn operations(&self) -> Arc<dyn Operations> {
        Arc::<Arc<dyn Operations>>::clone(&self.shared.running.operations.load()).as_ref().clone()
    }

    /// Replaces the configuration, except for `server.limits.in_flight`; requests in flight end under the old one.
    ///
    /// # Errors
    /// A part cannot be built from these settings: the old configuration stays.
    pub async fn reload(&self, settings: &Settings) -> Result<(), ReloadError> {
        let options = self.shared.running.replace(settings, self.shared.telemetry.metrics()).await?;
        self.server.reconfigure(options);
        Ok(())
    }

    /// Waits, after the last request, until no refreshed grant is on its way into the store and the messages of webhooks are
    /// sent, and writes pending audit lines. A process that ends without it can lose a grant. Bound the wait to some ten seconds.
    pub async fn settled(&self) {
        let app = self.shared.running.app.load_full();
        app.settled().await;
        self.shared.telemetry.shutdown().await;
    }
}

impl<B> tower::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        // What the surrounding server knows of the request is its own.
        let client =
            std::mem::take(&mut head.extensions).remove::<ClientAddr>().unwrap_or_else(unknown_client);
        let answer = self.server.call(Request::from_parts(head, boxed(body)), client.addr, client.tls);
        // The clone keeps what runs beside the requests until the answer has begun.
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let answer = answer.await;
            drop(shared);
            answer
        })
    }
}

fn unknown_client() -> ClientAddr {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            event = "client_unknown",
            remedy = "put a gateway::embed::ClientAddr into the extensions of each request",
            "the surrounding server does not say who sends the requests"
        );
    });
    ClientAddr::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("app", &self.shared.running.app.load()).finish_non_exhaustive()
    }
}
