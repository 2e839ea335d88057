//! Header names of the gateway's own, and helpers for headers that several modules set.

use http::header::VARY;
use http::{HeaderMap, HeaderName, HeaderValue};

/// `Idp-Outcome`.
pub(crate) const IDP_OUTCOME: HeaderName = HeaderName::from_static("idp-outcome");
/// `X-Request-Id`.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `Proxy-Status` (RFC 9209).
pub(crate) const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// `Deprecation` (RFC 9745).
pub(crate) const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// `Sunset` (RFC 8594).
pub(crate) const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// Adds names to `Vary` that are not there yet, in one line.
pub(crate) fn extend_vary(headers: &mut HeaderMap, names: &[&str]) {
    let mut members: Vec<String> = headers
        .get_all(VARY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if members.is_empty() && names == ["Authorization", "Idp-Account", "Origin"] {
        headers.insert(VARY, HeaderValue::from_static("Authorization, Idp-Account, Origin"));
        return;
    }
    for name in names {
        if !members.iter().any(|member| member.eq_ignore_ascii_case(name)) {
            members.push((*name).to_owned());
        }
    }
    if let Ok(value) = HeaderValue::try_from(members.join(", ")) {
        headers.insert(VARY, value);
    }
}
