//! What browsers may ask the tenant from another origin.

use url::Url;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::world::client::Client;

/// The endpoints that a single-page app calls by itself.
fn is_open(segments: &[&str]) -> bool {
    matches!(segments, ["oauth", "token" | "revoke"] | ["userinfo"] | [".well-known", ..] | ["me", "v1", ..])
}

/// Loopback origins, and those an application names.
fn allowed(inner: &Inner, origin: &str) -> bool {
    let host = Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned));
    let loopback = host.is_some_and(|host| matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]"));
    let named = |client: &Client| client.origins.iter().any(|known| known == origin);
    loopback || inner.state().clients.values().any(named)
}

/// The answer to a preflight, if this request is one.
pub(super) fn preflight(inner: &Inner, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    let method = entry.header("access-control-request-method")?;
    if entry.method() != ::http::Method::OPTIONS || !is_open(segments) {
        return None;
    }
    let answer = Answer::new(204)
        .header("access-control-allow-methods", method)
        .header("access-control-max-age", "600")
        .header("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    let answer = match entry.header("access-control-request-headers") {
        Some(names) => answer.header("access-control-allow-headers", names),
        None => answer,
    };
    Some(mark(inner, entry, segments, answer))
}

/// Lets an allowed origin read the answer.
pub(super) fn mark(inner: &Inner, entry: &Entry, segments: &[&str], answer: Answer) -> Answer {
    let origin = entry.header("origin").filter(|origin| is_open(segments) && allowed(inner, origin));
    let Some(origin) = origin else { return answer };
    let answer = if answer.headers().contains_key("vary") { answer } else { answer.header("vary", "Origin") };
    answer
        .header("access-control-allow-origin", origin)
        .header("access-control-allow-credentials", "true")
        .header(
            "access-control-expose-headers",
            "DPoP-Nonce, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After",
        )
}
