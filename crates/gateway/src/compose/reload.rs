//! The application in use, and its replacement on a reload.

use std::{future::Future, sync::Arc};

use arc_swap::ArcSwap;
use tokio::{sync::Mutex, task::JoinHandle};

use super::StartError;
use crate::{
    admin::{Operations, ReloadError},
    config::{Settings, Sources},
    server::Options,
    state::App,
    telemetry::{Metrics, Telemetry},
};

/// Tells configurations apart without showing them: secrets are masked before anything is hashed.
pub(crate) fn digest(settings: &Settings) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{settings:?}").as_bytes());
    hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The application in use and the task that keeps its tokens and keys fresh.
pub(crate) struct Running {
    pub(crate) app: Arc<ArcSwap<App>>,
    pub(crate) operations: Arc<ArcSwap<Arc<dyn Operations>>>,
    keeper: Mutex<JoinHandle<()>>,
}

impl Running {
    pub(crate) async fn new(app: Arc<App>) -> Self {
        let operations: Arc<dyn Operations> = Arc::<App>::clone(&app);
        Self {
            keeper: Mutex::new(keep(Arc::clone(&app))),
            operations: Arc::new(ArcSwap::from_pointee(operations)),
            app: Arc::new(ArcSwap::new(app)),
        }
    }

    /// Replaces the application; whatever is wrong leaves the old one in place. Requests in flight end where they began.
    pub(crate) async fn reload(
        &self,
        sources: &Sources,
        telemetry: &Telemetry,
    ) -> Result<Options, ReloadError> {
        match Settings::load(sources) {
            Ok(loaded) => self.replace(&loaded.settings, telemetry.metrics()).await,
            Err(problems) => Err(ReloadError(problems.0.iter().map(ToString::to_string).collect())),
        }
    }

    /// The same with settings that were loaded elsewhere.
    pub(crate) async fn replace(
        &self,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Options, ReloadError> {
        let failed = |error: StartError| ReloadError(vec![error.to_string()]);
        // What was blocked stays blocked, what was used stays used, and the store's file stays open.
        let before = self.app.load_full();
        let stores = before.stores().reopened(settings).await.map_err(|error| failed(error.into()))?;
        let app = Arc::new(before.successor(settings, stores).map_err(failed)?);
        app.recheck_scopes().await;
        app.warm().await;
        let operations: Arc<dyn Operations> = Arc::<App>::clone(&app);
        let mut keeper = self.keeper.lock().await;
        keeper.abort();
        *keeper = keep(Arc::clone(&app));
        self.operations.store(Arc::new(operations));
        self.app.store(app);
        metrics.config_hash(&digest(settings));
        Ok(Options::from(settings))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.keeper.get_mut().abort();
    }
}

/// Warms the application up and renews ahead of expiry, without any request.
fn keep(app: Arc<App>) -> JoinHandle<()> {
    tokio::spawn(forever(async move {
        // Blocks are read also while the tenant does not answer.
        futures_util::join!(app.warm(), app.keep()).1
    }))
}

async fn forever(future: impl Future<Output = std::convert::Infallible>) {
    match future.await {}
}
