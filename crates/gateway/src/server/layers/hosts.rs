//! 421 for a host that is not served here.

use super::{exchange::Exchange, refusal::Refusal};
use crate::{outcome::Code, problem::Problem};
use http::{header, request::Parts};

/// `server.allowed_hosts` and the virtual hosts.
pub(super) fn check(exchange: &Exchange, head: &mut Parts) -> Result<(), Refusal> {
    let host = head.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if exchange.options.serves(host) {
        return Ok(());
    }
    Err(Refusal::mild(Problem::new(Code::Misdirected).detail("this host is not in server.allowed_hosts")))
}
