//! Which headers pass, in both directions (contract sections 3 and 4), and what every proxied answer carries.

use std::borrow::Cow;
use std::collections::HashSet;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HeaderMap,
    HeaderName, HeaderValue, IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, USER_AGENT,
    X_CONTENT_TYPE_OPTIONS,
};

use idp_adapters::METHOD_OVERRIDE_HEADERS;

use crate::call_error::CallError;
use crate::headers::{X_REQUEST_ID, extend_vary};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The fields of a message that its `Connection` nominates as hop-by-hop. Names of fields that it does not hold are left
/// out, so however many names there are, these are no more than the fields. What is no name does not hide the names beside it.
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
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| headers.contains_key(name));
        Self(names.collect())
    }

    fn holds(&self, name: &HeaderName) -> bool {
        self.0.contains(name)
    }
}

/// A caller's headers without the fields that `Connection` nominates. What is sent is made of these, and what is judged of a
/// request must be read from these: a body is searched by the type that the provider gets.
#[derive(Debug)]
pub(crate) struct EndToEnd<'a>(Cow<'a, HeaderMap>);

impl<'a> EndToEnd<'a> {
    /// No headers, for a call that the gateway itself makes.
    pub(crate) fn none() -> Self {
        Self(Cow::Owned(HeaderMap::new()))
    }

    /// Leaves the nominated fields out.
    ///
    /// # Errors
    /// `Connection` nominates a field that describes the content, which is never for the connection alone (RFC 9110, section
    /// 7.6.1): without it the provider would read another body than the one that was sent.
    pub(crate) fn of(headers: &'a HeaderMap) -> Result<Self, CallError> {
        let nominated = Nominated::of(headers).0;
        if nominated.is_empty() {
            return Ok(Self(Cow::Borrowed(headers)));
        }
        if let Some(name) = nominated.iter().find(|name| name.as_str().starts_with("content-")) {
            return Err(CallError::NominatedContent(name.clone()));
        }
        let mut kept = headers.clone();
        for name in nominated {
            kept.remove(name);
        }
        Ok(Self(Cow::Owned(kept)))
    }
}

impl std::ops::Deref for EndToEnd<'_> {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.0
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
    if is_hop_by_hop(name) || METHOD_OVERRIDE_HEADERS.contains(&name) || says_who_calls(name) {
        return true;
    }
    match name {
        "authorization" | "dpop" | "cookie" | "cookie2" | "accept-encoding" | "expect" | "traceparent"
        | "tracestate" | "baggage" | "host" | "x-request-id" => true,
        "x-override-url" | "x-host" | "x-http-host-override" | "x-http-path-override" => true,
        "range" | "x-ms-range" | "if-range" => echo_prone,
        _ => begins(name, &["proxy-", "x-original-", "x-rewrite-", "x-auth0-", "sec-", "idp-"]),
    }
}

/// Headers by which the servers in front of an application say who calls it, and from where.
fn says_who_calls(name: &str) -> bool {
    let known = matches!(
        name,
        "forwarded" | "x-forwarded" | "via" | "origin" | "referer" | "remote-user" | "x-remote-user"
    );
    known
        // `X-Real-IP`, `True-Client-IP` and all their relatives.
        || name.ends_with("-ip")
        // Names are short: a searcher would take longer to make than this takes to look.
        || name.as_bytes().windows(11).any(|part| part == b"client-cert")
        || begins(
            name,
            &[
                "x-forwarded-",
                "x-remote-",
                "x-envoy-",
                "x-goog-iap-",
                "x-goog-authenticated-user-",
                "x-appengine-",
                "x-ms-client-principal",
                "x-azure-clientip",
                "x-azure-socketip",
                "x-amzn-oidc-",
                "cf-",
                "fastly-",
                "ssl-client-",
                "x-ssl-client-",
            ],
        )
}

fn begins(name: &str, prefixes: &[&str]) -> bool {
    // The first letter tells most of them apart.
    let first = name.as_bytes().first();
    prefixes.iter().any(|prefix| prefix.as_bytes().first() == first && name.starts_with(prefix))
}

/// The caller's headers that go to the provider, and the ones that always do. Built anew: the result holds no
/// credential of the caller, whatever `Connection` nominates.
pub(crate) fn forward(from: &EndToEnd<'_>, echo_prone: bool, request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(from.len() + 4);
    for (name, value) in from.iter() {
        if !stays_behind(name.as_str(), echo_prone) {
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

/// The caller's headers that a followed download may carry. They are searched for the caller token like those of the call.
pub(super) const TO_DOWNLOADS: [HeaderName; 3] = [ACCEPT, USER_AGENT, RANGE];

/// The headers a followed download carries.
pub(super) fn forward_to_download(from: &EndToEnd<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // A validator of the caller's belongs to another resource. A range that depends on it would be a part of another file, so
    // the whole is asked for (RFC 9110 section 13.1.5).
    let conditional = [IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| from.contains_key(name));
    for name in TO_DOWNLOADS.into_iter().filter(|name| *name != RANGE || !conditional) {
        if let Some(value) = from.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// Whether a provider's header is never passed on.
fn is_dropped(name: &str) -> bool {
    is_hop_by_hop(name) || speaks_to_clients(name) || speaks_to_intermediaries(name)
}

/// Headers that move browsers and other clients: they belong to the provider's origin, and the answer comes from the gateway's.
fn speaks_to_clients(name: &str) -> bool {
    let known = matches!(
        name,
        "timing-allow-origin"
            | "www-authenticate"
            | "optional-www-authenticate"
            | "authentication-info"
            | "authentication-control"
            | "persistent-auth"
            | "authorization"
            | "dpop-nonce"
            | "x-github-sso"
            | "set-login"
            | "strict-transport-security"
            | "expect-ct"
            | "clear-site-data"
            | "nel"
            | "report-to"
            | "reporting-endpoints"
            | "feature-policy"
            | "service-worker-allowed"
            | "sourcemap"
            | "x-sourcemap"
            | "refresh"
            | "speculation-rules"
            | "supports-loading-mode"
            | "no-vary-search"
            | "accept-ch"
            | "critical-ch"
            | "origin-trial"
            | "origin-agent-cluster"
            | "observe-browsing-topics"
            | "activate-storage-access"
            | "use-as-dictionary"
            | "dictionary-id"
    );
    known
        || begins(
            name,
            &[
                "public-key-pins",
                "access-control-",
                "set-cookie",
                "content-security-policy",
                "permissions-policy",
                "document-policy",
                "integrity-policy",
                "cross-origin-",
                "attribution-reporting-",
                "sec-",
                "secure-",
                "idp-",
            ],
        )
}

/// Headers that move caches, proxies and tracing in front of the gateway, or describe the servers behind it.
fn speaks_to_intermediaries(name: &str) -> bool {
    let known = matches!(
        name,
        "server"
            | "x-powered-by"
            | "via"
            | "alt-svc"
            | "edge-control"
            | "xkey"
            | "b3"
            | "traceparent"
            | "tracestate"
            | "baggage"
            | "x-request-id"
    );
    known
        // All but the one that is for every cache, which is made private.
        || name.ends_with("-cache-control")
        || name.ends_with("cache-tag")
        || name.ends_with("cache-tags")
        || begins(
            name,
            &[
                "x-accel-",
                "x-sendfile",
                "x-lighttpd-",
                "x-reproxy-",
                "x-litespeed-",
                "x-envoy-",
                "x-varnish-",
                "x-b3-",
                "surrogate-",
                "proxy-",
            ],
        )
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
