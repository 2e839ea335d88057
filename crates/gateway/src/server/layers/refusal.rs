//! What the layers answer in the handler's place.

use super::exchange::Exchange;
use crate::{
    body::Body,
    problem::{Problem, Rendering, Surface},
    telemetry::Summary,
};
use http::{HeaderMap, HeaderValue, Response, Version, header, request::Parts};

/// A request does not get to the handler.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A problem, and whether the connection ends with it.
    Problem {
        /// The answer.
        problem: Problem,
        /// Whether the connection ends with it.
        last: bool,
    },
    /// A complete answer.
    Answer(Box<Response<Body>>),
}

impl Refusal {
    /// The connection stays usable.
    pub(crate) fn mild(problem: Problem) -> Self {
        Self::Problem { problem, last: false }
    }

    /// The connection cannot be trusted any more.
    pub(crate) fn last(problem: Problem) -> Self {
        Self::Problem { problem, last: true }
    }

    /// The answer to the request with this head.
    pub(super) fn respond(self, exchange: &Exchange, head: &Parts) -> Response<Body> {
        match self {
            Self::Answer(response) => *response,
            Self::Problem { problem, last } => {
                respond(&problem, exchange, surface(exchange, head), Some(&head.headers), last)
            }
        }
    }
}

/// Whose answer it is.
pub(super) fn surface(exchange: &Exchange, head: &Parts) -> Surface {
    let host = head.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let proxied = head.uri.path().starts_with("/proxy/") || exchange.options.is_virtual(host);
    if proxied { Surface::Proxied } else { Surface::Own }
}

/// Renders a layer's problem. `last`: the connection (HTTP/1) ends with it.
pub(super) fn respond(
    problem: &Problem,
    exchange: &Exchange,
    surface: Surface,
    request_headers: Option<&HeaderMap>,
    last: bool,
) -> Response<Body> {
    let mut response =
        problem.respond(Rendering { request_id: exchange.id.as_str(), surface, request_headers });
    if last && exchange.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let route = if surface == Surface::Proxied { "/proxy/{provider}/{path}" } else { "unmatched" };
    response.extensions_mut().insert(Summary {
        route: Some(route),
        outcome: Some(problem.code().as_str()),
        ..Summary::default()
    });
    response
}
