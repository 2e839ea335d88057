//! The listeners as a process: signals, reload, the `listening` line, the drain.

mod signals;

use self::signals::{Termination, drain};
use crate::{
    admin::{Admin, AdminParts, Operations, ReloadError, Reloader},
    cores::Cores,
    server::{Drain, Handler, Lifecycle, Options, Reconfigure, Server, Stage, StartError},
    telemetry::Telemetry,
};
use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Loads and validates the configuration, builds and swaps the domain's side, and returns the server's options. On an error nothing
/// has changed.
pub type Load = Arc<dyn Fn() -> BoxFuture<'static, Result<Options, ReloadError>> + Send + Sync>;

/// What [`serve`] runs.
pub struct ServeParts<H> {
    /// The listeners.
    pub options: Options,
    /// The public listener's handler.
    pub handler: H,
    /// The domain's side of the admin surface; the loader swaps it.
    pub operations: Arc<ArcSwap<Arc<dyn Operations>>>,
    /// What SIGHUP and `POST /admin/reload` do.
    pub load: Load,
    /// Logs, metrics, audit.
    pub telemetry: Telemetry,
    /// Called with the real addresses once both listeners are bound.
    pub on_listening: Option<Box<dyn FnOnce(Listening) + Send>>,
    /// Ends when nothing is under way that must not be cut off: refreshed grants that are not stored yet. Waited for, within
    /// bounds, after the last connection.
    pub settle: BoxFuture<'static, ()>,
    /// The threads that serve the public listener's connections.
    pub cores: Cores,
    /// For embedding: advance it to end the server without a signal.
    pub lifecycle: Lifecycle,
    /// How the end begins.
    pub ending: Ending,
}

/// What begins the end besides SIGTERM and SIGINT, and what is done then.
#[derive(Default)]
pub struct Ending {
    /// SIGHUP ends the process too. Without this it reloads the configuration.
    pub on_hangup: bool,
    /// Called when the end begins, before the drain.
    pub begins: Option<Box<dyn FnOnce() + Send>>,
}

/// The bound addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The public listener.
    pub listen: SocketAddr,
    /// The admin listener.
    pub admin_listen: SocketAddr,
}

/// Serves until a signal or the lifecycle ends it, then drains.
///
/// # Errors
/// When a listener cannot be bound, or the process cannot receive signals.
pub async fn serve<H: Handler>(parts: ServeParts<H>) -> Result<(), StartError> {
    let ServeParts {
        options,
        handler,
        operations,
        load,
        telemetry,
        on_listening,
        settle,
        cores,
        lifecycle,
        ending,
    } = parts;
    // Before anything says where the gateway listens: until then a signal ends the process at once.
    let termination = Termination::install(ending.on_hangup).map_err(StartError::Signals)?;
    let hangup = (!ending.on_hangup).then(|| signal(SignalKind::hangup())).transpose();
    let hangup = hangup.map_err(StartError::Signals)?;
    let metrics = telemetry.metrics().clone();
    let cores = Arc::new(cores);
    let public = Server::bind(options.clone(), handler, metrics.clone(), lifecycle.clone()).await?;
    let public = public.on_cores(Arc::clone(&cores));
    let reload = reloader(load, public.reconfigure(), telemetry.clone());
    // Bound last, so that a probe never finds a gateway whose public port is closed.
    let admin = Admin::new(AdminParts {
        operations,
        token_file: options.admin_token_file.clone(),
        loopback: options.admin_listen.ip().is_loopback(),
        lifecycle: lifecycle.clone(),
        metrics: metrics.clone(),
        audit: telemetry.audit().clone(),
        reload: Arc::clone(&reload),
    });
    let admin = Server::bind_admin(options.clone(), admin, metrics.clone(), lifecycle.clone()).await?;
    metrics.reload(true);
    check_files(&options);
    let listening = Listening { listen: public.addr(), admin_listen: admin.addr() };
    announce(listening);
    if let Some(tell) = on_listening {
        // What it says comes after the lines of the start.
        telemetry.flush_log();
        tell(listening);
    }
    let admin = tokio::spawn(admin.run());
    let hangups = hangup.map(|signal| tokio::spawn(hangups(signal, reload)));
    let mut ender = tokio::spawn(end_on_signal(termination, lifecycle.clone(), options.drain, ending.begins));
    public.run().await;
    if !(ender.is_finished() && matches!((&mut ender).await, Ok(true))) {
        settled(settle).await;
    }
    lifecycle.advance(Stage::Aborted);
    ender.abort();
    if let Some(hangups) = hangups {
        hangups.abort();
    }
    let _ = admin.await;
    tracing::info!(event = "stopped", "all connections have ended");
    telemetry.shutdown().await;
    Ok(())
}

/// How long what must not be cut off is waited for: as long as a call to a token endpoint may take.
const SETTLE: Duration = Duration::from_secs(10);

/// Waits for what must not be cut off: a provider that has spent a single-use token names its successor only once. One
/// more signal ends the wait.
async fn settled(settle: BoxFuture<'static, ()>) {
    let enough = async {
        match Termination::install(false) {
            Ok(mut termination) => drop(tokio::time::timeout(SETTLE, termination.next()).await),
            Err(_) => tokio::time::sleep(SETTLE).await,
        }
    };
    tokio::select! {
        biased;
        () = settle => {}
        () = enough => tracing::error!(
            event = "unsettled",
            "a refreshed grant is not stored yet; its user may have to connect again"
        ),
    }
}

/// Each request needs two descriptors at most, one for each side.
fn check_files(options: &Options) {
    let wanted = (options.limits.connections as u64).saturating_add(options.limits.in_flight as u64);
    if let Some(limit) = crate::telemetry::max_fds().filter(|limit| *limit < wanted) {
        tracing::warn!(
            event = "few_files",
            limit,
            wanted,
            "the process may open fewer files than server.limits need; raise the limit (ulimit -n) or lower server.limits.connections"
        );
    }
}

/// The one line that tells scripts where we are. Written whatever the log level is.
fn announce(listening: Listening) {
    tracing::info!(
        target: crate::telemetry::ALWAYS,
        event = "listening",
        listen = %listening.listen,
        admin_listen = %listening.admin_listen,
        version = env!("CARGO_PKG_VERSION"),
    );
}

/// Whether a second signal cut the drain short.
async fn end_on_signal(
    mut termination: Termination,
    lifecycle: Lifecycle,
    timing: Drain,
    begins: Option<Box<dyn FnOnce() + Send>>,
) -> bool {
    tokio::select! {
        name = termination.next() => tracing::info!(event = "signal", name),
        () = lifecycle.reached(Stage::Unready) => {}
    }
    if let Some(begins) = begins {
        begins();
    }
    drain(&lifecycle, timing, async move {
        termination.next().await;
    })
    .await
}

async fn hangups(mut hangup: Signal, reload: Reloader) {
    while hangup.recv().await.is_some() {
        // The outcome is logged and counted by the reload itself.
        let _ = reload().await;
    }
}

/// Validate, then swap; invalid keeps the old. One reload at a time.
fn reloader(load: Load, server: Reconfigure, telemetry: Telemetry) -> Reloader {
    let turn = Arc::new(tokio::sync::Mutex::new(()));
    Arc::new(move || {
        let (load, server, telemetry, turn) =
            (Arc::clone(&load), server.clone(), telemetry.clone(), Arc::clone(&turn));
        Box::pin(async move {
            let _turn = turn.lock().await;
            telemetry.audit().reopen();
            let loaded = match load().await {
                Ok(options) => {
                    server.apply(options).await.map_err(|error| ReloadError(vec![error.to_string()]))
                }
                Err(error) => Err(error),
            };
            telemetry.metrics().reload(loaded.is_ok());
            match &loaded {
                Ok(()) => tracing::info!(event = "config_reloaded", "the new configuration is in use"),
                Err(error) => {
                    tracing::error!(event = "config_reload_failed", problems = %error, "the configuration in use stays");
                }
            }
            loaded
        })
    })
}
