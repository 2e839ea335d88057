//! Which headers pass, in both directions (contract sections 3 and 4), and what every proxied answer carries.

use std::collections::HashSet;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HeaderMap,
    HeaderName, HeaderValue, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, USER_AGENT,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::headers::{X_REQUEST_ID, extend_vary};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The fields of a message that its `Connection` nominates as hop-by-hop. Names of fields that it does not hold are left
/// out, so however many names there are, these are no more than the fields.
#[derive(Debug, Default)]
struct Nominated(HashSet<HeaderName>);

impl Nominated {
    fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(CONNECTION) {
            return Self::default();
        }
        let names = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .filter(|name| headers.contains_key(name));
        Self(names.collect())
    }

    fn holds(&self, name: &HeaderName) -> bool {
        self.0.contains(name)
    }
}

/// Standard hop-by-hop fields, and framing: both directions are framed anew from the body.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "content-length"
    )
}

/// Whether a caller's header stays behind.
fn stays_behind(name: &str, echo_prone: bool) -> bool {
    if is_hop_by_hop(name) {
        return true;
    }
    match name {
        "authorization" | "dpop" | "cookie" | "cookie2" | "forwarded" | "x-real-ip" | "origin"
        | "referer" | "accept-encoding" | "expect" | "traceparent" | "tracestate" | "baggage" | "host" => {
            true
        }
        "x-http-method-override"
        | "x-http-method"
        | "x-method-override"
        | "x-original-url"
        | "x-original-uri"
        | "x-original-method"
        | "x-rewrite-url"
        | "x-override-url"
        | "x-forwarded"
        | "x-request-id" => true,
        "range" | "if-range" => echo_prone,
        _ => ["proxy-", "x-forwarded-", "x-auth0-", "sec-", "idp-"]
            .iter()
            .any(|prefix| name.starts_with(prefix)),
    }
}

/// The caller's headers that go to the provider, and the ones that always do. Built anew: the result holds no
/// credential of the caller, whatever `Connection` nominates.
pub(crate) fn forward(from: &HeaderMap, echo_prone: bool, request_id: &str) -> HeaderMap {
    let nominated = Nominated::of(from);
    let mut headers = HeaderMap::with_capacity(from.len() + 4);
    for (name, value) in from {
        if !stays_behind(name.as_str(), echo_prone) && !nominated.holds(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if from.contains_key(X_REQUEST_ID)
        && let Ok(id) = HeaderValue::from_str(request_id)
    {
        headers.insert(X_REQUEST_ID, id);
    }
    headers
}

/// The headers a followed download may carry.
pub(super) fn forward_to_download(from: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // A validator of the caller's belongs to another resource. A range that depends on it would be a part of another file, so
    // the whole is asked for (RFC 9110 section 13.1.5).
    let conditional = [IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| from.contains_key(name));
    for name in [ACCEPT, USER_AGENT].into_iter().chain((!conditional).then_some(RANGE)) {
        if let Some(value) = from.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// Whether a provider's header is never passed on.
fn is_dropped(name: &str) -> bool {
    if is_hop_by_hop(name) {
        return true;
    }
    match name {
        "timing-allow-origin"
        | "www-authenticate"
        | "authentication-info"
        | "x-github-sso"
        | "server"
        | "x-powered-by"
        | "via"
        | "alt-svc"
        | "strict-transport-security"
        | "clear-site-data"
        | "nel"
        | "report-to"
        | "reporting-endpoints"
        | "permissions-policy"
        | "service-worker-allowed"
        | "sourcemap"
        | "x-sourcemap"
        | "refresh"
        | "authorization"
        | "cdn-cache-control"
        | "cloudflare-cdn-cache-control"
        | "surrogate-control"
        | "x-sendfile"
        | "use-as-dictionary"
        | "set-login"
        | "x-request-id" => true,
        _ => [
            "x-accel-",
            "public-key-pins",
            "access-control-",
            "set-cookie",
            "proxy-",
            "content-security-policy",
            "cross-origin-",
            "idp-",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix)),
    }
}

/// Removes what is never passed on. With `keep_length` a `Content-Length` that describes a body which is not sent
/// (HEAD, 304) stays; all other answers are framed from their body.
pub(crate) fn clean_answer(headers: &mut HeaderMap, keep_length: bool) {
    let nominated = Nominated::of(headers);
    let length = keep_length.then(|| headers.remove(CONTENT_LENGTH)).flatten();
    let dropped: Vec<HeaderName> =
        headers.keys().filter(|name| is_dropped(name.as_str()) || nominated.holds(name)).cloned().collect();
    for name in dropped {
        headers.remove(name);
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// Sets what every proxied answer carries.
pub(crate) fn protect_answer(headers: &mut HeaderMap, cors_allowed: bool) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = if cors_allowed { "cross-origin" } else { "same-origin" };
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static(policy));
    if !is_private(headers) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    extend_vary(headers, &["Authorization", "Idp-Account", "Origin"]);
}

fn is_private(headers: &HeaderMap) -> bool {
    headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|directive| {
            let name = directive.split('=').next().unwrap_or_default().trim();
            // `private="Set-Cookie"` makes only those fields private.
            let whole = !directive.contains('=');
            (name.eq_ignore_ascii_case("private") && whole) || name.eq_ignore_ascii_case("no-store")
        })
    })
}

#[cfg(test)]
mod tests;
