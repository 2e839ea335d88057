//! Cross-origin headers on every answer to an allowed origin, and the answer to a preflight.

use super::{exchange::Exchange, refusal::Refusal};
use crate::{cors::AllowedOrigin, telemetry::Summary};
use http::{HeaderMap, request::Parts};

/// The origin whose pages may read the answer, also that of a refusal: a page must be able to read `Retry-After` of a 503 too.
pub(super) fn origin(exchange: &Exchange, headers: &HeaderMap) -> Option<AllowedOrigin> {
    let cors = &exchange.options.cors;
    let origin = match exchange.refused_origin() {
        _ if cors.is_off() => None,
        Some(origin) => cors.allowed(origin),
        None => cors.origin(headers),
    };
    match origin {
        Some(_) => exchange.allow_cross_origin(),
        None => exchange.context.refused_origins.note(headers),
    }
    origin
}

/// Answers a preflight.
pub(super) fn preflight(exchange: &Exchange, head: &mut Parts) -> Result<(), Refusal> {
    let Some(mut answer) = exchange.options.cors.preflight(head) else { return Ok(()) };
    answer.extensions_mut().insert(Summary { route: Some("preflight"), ..Summary::default() });
    Err(Refusal::Answer(Box::new(answer)))
}
