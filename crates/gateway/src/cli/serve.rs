//! `gateway serve`: composes the application, hands it to the server, and replaces it as a whole on a reload.

use std::{future::Future, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio::{sync::Mutex, task::JoinHandle};

use super::{Exit, output::Output};
use crate::{
    app::{App, StartError},
    config::{Settings, Sources},
    server::{Lifecycle, Options, ReloadError, ServeParts, admin::Operations, serve},
    telemetry::{Telemetry, TelemetryOptions},
};

/// Tells somebody the real addresses: the public listener's, then the admin listener's.
pub(super) type OnListening = Box<dyn FnOnce(SocketAddr, SocketAddr) + Send>;

/// Serves until a signal ends it.
pub(super) async fn run(
    settings: Settings,
    sources: Sources,
    tell: Option<OnListening>,
    output: &Output,
) -> Exit {
    let telemetry = match Telemetry::install(&TelemetryOptions::from(&settings)) {
        Ok(telemetry) => telemetry,
        Err(error) => return fatal(output, &error),
    };
    for missing in crate::hardening::missing() {
        tracing::warn!(event = "hardening-missing", cause = missing);
    }
    let app = match App::new(&settings, telemetry.metrics().clone(), telemetry.audit().clone()).await {
        Ok(app) => Arc::new(app),
        Err(error) => return fatal(output, &error),
    };
    let running = Arc::new(Running::new(Arc::clone(&app)).await);
    telemetry.metrics().config_hash(&digest(&settings));
    telemetry.metrics().observe({
        let current = Arc::clone(&running.app);
        Arc::new(move || current.load().observed())
    });
    let handler = {
        let current = Arc::clone(&running.app);
        move |request, peer| {
            let app = current.load_full();
            async move { app.handle(request, peer).await }
        }
    };
    let load = {
        let (running, telemetry) = (Arc::clone(&running), telemetry.clone());
        Arc::new(move || {
            let (running, telemetry, sources) = (Arc::clone(&running), telemetry.clone(), sources.clone());
            Box::pin(async move { running.reload(&sources, &telemetry).await })
                as futures_util::future::BoxFuture<'static, _>
        })
    };
    let parts = ServeParts {
        options: Options::from(&settings),
        handler,
        operations: Arc::clone(&running.operations),
        load,
        telemetry,
        on_listening: match tell {
            Some(tell) => Some(Box::new(move |at| tell(at.listen, at.admin_listen))),
            None => None,
        },
        settle: {
            let current = Arc::clone(&running.app);
            Box::pin(async move { current.load().stores().settled().await })
        },
        lifecycle: Lifecycle::default(),
    };
    match serve(parts).await {
        Ok(()) => Exit::Fine,
        Err(error) => fatal(output, &error),
    }
}

/// Tells configurations apart without showing them: secrets are masked before anything is hashed.
fn digest(settings: &Settings) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{settings:?}").as_bytes());
    hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fatal(output: &Output, error: &dyn std::error::Error) -> Exit {
    output.failure(
        &format!("the gateway cannot start: {error}"),
        "correct what the message names; see `gateway check`",
    );
    Exit::Usage
}

/// The application in use and the task that keeps its tokens and keys fresh.
struct Running {
    app: Arc<ArcSwap<App>>,
    operations: Arc<ArcSwap<Arc<dyn Operations>>>,
    keeper: Mutex<JoinHandle<()>>,
}

impl Running {
    async fn new(app: Arc<App>) -> Self {
        let operations: Arc<dyn Operations> = Arc::<App>::clone(&app);
        Self {
            keeper: Mutex::new(keep(Arc::clone(&app))),
            operations: Arc::new(ArcSwap::from_pointee(operations)),
            app: Arc::new(ArcSwap::new(app)),
        }
    }

    /// Replaces the application; whatever is wrong leaves the old one in place. Requests in flight end where they began.
    async fn reload(&self, sources: &Sources, telemetry: &Telemetry) -> Result<Options, ReloadError> {
        let settings = match Settings::load(sources) {
            Ok(loaded) => loaded.settings,
            Err(problems) => return Err(ReloadError(problems.0.iter().map(ToString::to_string).collect())),
        };
        let failed = |error: StartError| ReloadError(vec![error.to_string()]);
        // What was blocked stays blocked, what was used stays used, and the store's file stays open.
        let before = self.app.load_full();
        let stores = before.stores().reopened(&settings).await.map_err(failed)?;
        let app = Arc::new(before.successor(&settings, stores).map_err(failed)?);
        app.warm().await;
        let operations: Arc<dyn Operations> = Arc::<App>::clone(&app);
        let mut keeper = self.keeper.lock().await;
        keeper.abort();
        *keeper = keep(Arc::clone(&app));
        self.operations.store(Arc::new(operations));
        self.app.store(app);
        telemetry.metrics().config_hash(&digest(&settings));
        Ok(Options::from(&settings))
    }
}

/// Warms the application up and renews ahead of expiry, without any request.
fn keep(app: Arc<App>) -> JoinHandle<()> {
    tokio::spawn(forever(async move {
        app.warm().await;
        app.keep().await
    }))
}

async fn forever(future: impl Future<Output = std::convert::Infallible>) {
    match future.await {}
}
