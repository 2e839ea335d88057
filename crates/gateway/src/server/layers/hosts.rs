//! 421 for a host that is not served here.

use super::{exchange::Exchange, gate::Refusal};
use crate::{outcome::Code, problem::Problem};
use http::{header, request::Parts};
use std::sync::Arc;

/// `server.allowed_hosts` and the virtual hosts.
pub(crate) fn check<B>(exchange: &Arc<Exchange>, parts: &mut Parts, body: B) -> Result<B, Refusal> {
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if exchange.options.serves(host) {
        return Ok(body);
    }
    Err(Refusal::mild(Problem::new(Code::Misdirected).detail("this host is not in server.allowed_hosts")))
}
