//! `gateway serve`: composes the application, hands it to the server, and replaces it as a whole on a reload.

use std::{net::SocketAddr, sync::Arc};

use super::{
    exit::Exit,
    output::{Ended, Failure},
};
use crate::{
    compose::{Running, digest},
    config::{Settings, Sources},
    cores::Cores,
    serve::{Ending, ServeParts, serve},
    server::{Lifecycle, Options},
    state::App,
    telemetry::{Telemetry, TelemetryOptions},
};

/// Reports the real addresses: the public listener's, then the admin listener's.
pub(super) type OnListening = Box<dyn FnOnce(SocketAddr, SocketAddr) + Send>;

/// Serves until a signal ends it.
pub(super) async fn run(
    settings: Settings,
    sources: Sources,
    tell: Option<OnListening>,
    ending: Ending,
) -> Ended {
    let telemetry = Telemetry::install(&TelemetryOptions::from(&settings)).map_err(fatal)?;
    for missing in crate::hardening::missing() {
        tracing::warn!(event = "hardening_missing", cause = missing);
    }
    let app = App::new(&settings, telemetry.metrics().clone(), telemetry.audit().clone()).await;
    let app = Arc::new(app.map_err(fatal)?);
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
        cores: Cores::start().map_err(fatal)?,
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
            Box::pin(async move { current.load_full().settled().await })
        },
        lifecycle: Lifecycle::default(),
        ending,
    };
    serve(parts).await.map_err(fatal)?;
    Ok(Exit::Fine)
}

fn fatal(error: impl std::error::Error) -> Failure {
    Failure::usage(
        format!("the gateway cannot start: {error}"),
        "correct what the message names; see `gateway check`",
    )
}
