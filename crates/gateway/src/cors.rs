//! Cross-origin access: which web pages may read answers (contract section 4, threat O05).

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::body::{self, Body};
use crate::headers::extend_vary;

/// Always exposed, by name (contract sections 4 and 7).
const EXPOSED: &str = "Idp-Outcome, Idp-Missing-Scopes, X-Request-Id, Retry-After, Link, Location, ETag, Proxy-Status, Range, Content-Range, \
     Accept-Ranges, Content-Disposition, Content-Length, X-Poll-Interval, Deprecation, Sunset, X-App-Usage, \
     X-Business-Use-Case-Usage, Preference-Applied, X-GitHub-Request-Id, request-id, DPoP-Nonce";

/// The configured origins.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    max_age: u64,
}

/// An origin that may read the answer.
#[derive(Clone, Debug)]
pub(crate) struct AllowedOrigin(HeaderValue);

impl Cors {
    /// These origins, compared byte for byte after a trailing slash is cut. What is no header value is left out.
    pub(crate) fn new(origins: &[String], max_age: Duration) -> Self {
        let origins = origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .filter(|origin| origin != "*" && origin != "null")
            .filter_map(|origin| HeaderValue::try_from(origin).ok())
            .collect();
        Self { origins, max_age: max_age.as_secs() }
    }

    /// The request's origin, if it is one of the configured ones. Several `Origin` lines are none.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<AllowedOrigin> {
        let mut values = headers.get_all(ORIGIN).iter();
        let origin = values.next()?;
        if values.next().is_none() { self.allowed(origin) } else { None }
    }

    /// This origin, if it is one of the configured ones.
    pub(crate) fn allowed(&self, origin: &HeaderValue) -> Option<AllowedOrigin> {
        self.origins.contains(origin).then(|| AllowedOrigin(origin.clone()))
    }

    /// Whether no origin is configured.
    pub(crate) fn is_off(&self) -> bool {
        self.origins.is_empty()
    }

    /// Answers a preflight; `None` when the request is none.
    pub(crate) fn preflight(&self, request: &Parts) -> Option<Response<Body>> {
        let headers = &request.headers;
        let asked = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if request.method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
            return None;
        }
        let mut response = Response::new(body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        extend_vary(
            response.headers_mut(),
            &["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"],
        );
        let Some(AllowedOrigin(origin)) = self.origin(headers) else { return Some(response) };
        if Method::from_bytes(asked.as_bytes()).is_err() {
            return Some(response);
        }
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
        if let Some(names) = asked_headers(headers) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.max_age));
        Some(response)
    }

    /// Adds what a browser needs to show this answer to the page. A foreign origin gets nothing but `Vary`.
    pub(crate) fn decorate(&self, origin: Option<&AllowedOrigin>, headers: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        extend_vary(headers, &["Origin"]);
        let Some(AllowedOrigin(origin)) = origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        // A preflight's answer is never shown to the page.
        if !headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed(headers));
        }
    }
}

/// The asked-for header names, when all of them are valid names.
fn asked_headers(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut names = Vec::new();
    for line in headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        for name in line.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            HeaderName::from_bytes(name.as_bytes()).ok()?;
            names.push(name);
        }
    }
    if names.is_empty() { None } else { HeaderValue::try_from(names.join(", ")).ok() }
}

fn exposed(headers: &HeaderMap) -> HeaderValue {
    let present = headers.keys().map(HeaderName::as_str).filter(|name| {
        name.starts_with("x-ratelimit-")
            || name.starts_with("ratelimit-")
            || name.starts_with("x-goog-upload-")
            // A client in a page finds there where to sign in (RFC 9728, section 5.1), and which scope is missing.
            || matches!(*name, "www-authenticate" | "x-oauth-scopes" | "x-accepted-oauth-scopes")
    });
    let mut list = EXPOSED.to_owned();
    for name in present {
        list.push_str(", ");
        list.push_str(name);
    }
    HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static(EXPOSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors::new(&["https://app.example.com".into(), "*".into(), "null".into()], Duration::from_secs(600))
    }

    fn preflight(origin: &str, asked: &str) -> Response<Body> {
        let request = http::Request::builder()
            .method("OPTIONS")
            .header("origin", origin)
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", asked)
            .body(())
            .unwrap();
        cors().preflight(&request.into_parts().0).unwrap()
    }

    #[test]
    fn tm_o05_preflights_grant_what_is_asked_to_listed_origins_alone() {
        let ok = preflight("https://app.example.com", "authorization, Idp-Account");
        assert_eq!(ok.status(), 204);
        assert_eq!(ok.headers()["access-control-allow-origin"], "https://app.example.com");
        assert_eq!(ok.headers()["access-control-allow-methods"], "PATCH");
        assert_eq!(ok.headers()["access-control-allow-headers"], "authorization, Idp-Account");
        assert_eq!(ok.headers()["access-control-max-age"], "600");
        assert_eq!(
            ok.headers()["vary"],
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        );
        for foreign in ["https://evil.example", "null", "*", "https://app.example.com.evil.example"] {
            let response = preflight(foreign, "authorization");
            assert_eq!(response.status(), 204);
            assert!(
                !response.headers().keys().any(|n| n.as_str().starts_with("access-control-")),
                "{foreign}"
            );
        }
        let bad = preflight("https://app.example.com", "a b");
        assert!(!bad.headers().contains_key("access-control-allow-headers"));
    }

    #[test]
    fn no_credentials_mode_and_only_known_headers_are_exposed() {
        let cors = cors();
        let mut asked = HeaderMap::new();
        asked.insert(ORIGIN, HeaderValue::from_static("https://app.example.com"));
        let origin = cors.origin(&asked);
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining", HeaderValue::from_static("1"));
        headers.insert("x-internal", HeaderValue::from_static("1"));
        cors.decorate(origin.as_ref(), &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "https://app.example.com");
        assert_eq!(headers["access-control-expose-headers"], format!("{EXPOSED}, x-ratelimit-remaining"));
        assert!(!headers.contains_key("access-control-allow-credentials"));
        asked.append(ORIGIN, HeaderValue::from_static("https://app.example.com"));
        assert!(cors.origin(&asked).is_none());
    }
}
