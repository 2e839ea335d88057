//! 503 when `server.limits.in_flight` requests are running, ahead of any work.

use super::{exchange::Exchange, gate::Refusal};
use crate::{outcome::Code, problem::Problem, telemetry::Shed};
use http::request::Parts;
use std::{sync::Arc, time::Duration};

/// Takes a place until the answer's last byte.
pub(crate) fn check<B>(exchange: &Arc<Exchange>, _: &mut Parts, body: B) -> Result<B, Refusal> {
    let context = &exchange.context;
    if let Ok(permit) = Arc::clone(&context.room).try_acquire_owned() {
        exchange.hold(permit);
        return Ok(body);
    }
    context.metrics.shed(Shed::InFlight);
    let problem = Problem::new(Code::Overloaded)
        .detail("server.limits.in_flight requests are running")
        .retry_after(Duration::from_secs(1));
    Err(Refusal::mild(problem))
}
