//! 503 when `server.limits.in_flight` requests are running, ahead of any work.

use super::{exchange::Exchange, refusal::Refusal};
use crate::{outcome::Code, problem::Problem, telemetry::Shed};
use http::request::Parts;
use std::{sync::Arc, time::Duration};

/// Takes a place until the answer's last byte.
pub(super) fn check(exchange: &Exchange, _: &mut Parts) -> Result<(), Refusal> {
    let context = &exchange.context;
    if let Ok(permit) = Arc::clone(&context.room).try_acquire_owned() {
        exchange.hold(permit);
        return Ok(());
    }
    context.metrics.shed(Shed::InFlight);
    let problem = Problem::new(Code::Overloaded)
        .detail("server.limits.in_flight requests are running")
        .retry_after(Duration::from_secs(1));
    Err(Refusal::mild(problem))
}
