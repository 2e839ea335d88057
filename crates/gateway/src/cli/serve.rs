//! `gateway serve`: composes the application, hands it to the server, and replaces it as a whole on a reload.

use std::{net::SocketAddr, sync::Arc};

use super::{exit::Exit, output::Output};
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
    output: &Output,
) -> Exit {
    let telemetry = match Telemetry::install(&TelemetryOptions::from(&settings)) {
        Ok(telemetry) => telemetry,
        Err(error) => return fatal(output, &error),
    };
    for missing in crate::hardening::missing() {
        tracing::warn!(event = "hardening_missing", cause = missing);
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
    let cores = match Cores::start() {
        Ok(cores) => cores,
        Err(error) => return fatal(output, &error),
    };
    let parts = ServeParts {
        cores,
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
    match serve(parts).await {
        Ok(()) => Exit::Fine,
        Err(error) => fatal(output, &error),
    }
}

fn fatal(output: &Output, error: &dyn std::error::Error) -> Exit {
    output.failure(
        &format!("the gateway cannot start: {error}"),
        "correct what the message names; see `gateway check`",
    );
    Exit::Usage
}
