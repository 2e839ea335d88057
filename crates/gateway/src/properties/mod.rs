//! What must hold for any bytes from outside, each as one function that panics when it does not.
//!
//! The fuzz targets in `fuzz/` call these functions with what the fuzzer thinks of, the tests beside this file with the saved
//! corpus and with what proptest thinks of: the same properties, searched in two ways.

mod bodies;
mod http1;
mod leaking;
mod planning;

pub use bodies::{provider_body, tenant_body};
pub use http1::http1;
pub use leaking::leak;
pub use planning::{Case, METHODS, Planned, check, plan};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::proxy::hygiene::{self, EndToEnd};
use caller_auth::properties as caller;

/// Takes any bytes; panics when what must hold does not.
pub type Property = fn(&[u8]);

/// The name, for corpus folders and fuzz targets, and the function.
pub const ALL: [(&str, Property); 7] = [
    ("token", token),
    ("plan", plan),
    ("hygiene", header_hygiene),
    ("leak", leak),
    ("provider-body", provider_body),
    ("tenant-body", tenant_body),
    ("http1", http1),
];

/// Any bytes as a caller token, a proof or `Authorization`: taken apart without slack, or refused.
pub fn token(data: &[u8]) {
    caller::token(data);
}

/// Names that must never go to a provider, and names that must never come back.
const STAYS: [&str; 12] = [
    "authorization",
    "cookie",
    "dpop",
    "proxy-authorization",
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
    "transfer-encoding",
    "content-length",
    "connection",
    "te",
    "host",
];
const DROPPED: [&str; 8] = [
    "set-cookie",
    "www-authenticate",
    "access-control-allow-origin",
    "connection",
    "transfer-encoding",
    "server",
    "alt-svc",
    "refresh",
];

fn sent_hygiene(kept: &EndToEnd<'_>, nominated: &[String]) {
    let sent = hygiene::forward(kept, false, "0123");
    for name in STAYS {
        assert!(!sent.contains_key(name), "{name} goes on");
    }
    let ours = ["accept-encoding", "x-request-id"];
    for name in sent.keys().filter(|name| !ours.contains(&name.as_str())) {
        assert!(!nominated.iter().any(|nominated| nominated == name.as_str()), "{name} was nominated");
    }
    assert_eq!(sent.get_all("accept-encoding").iter().count(), 1);
    assert_eq!(sent.get("accept-encoding").map(HeaderValue::as_bytes), Some(b"identity".as_slice()));
}

/// `name:value` lines as the headers of a request and of an answer: nothing that stays behind passes, nothing nominated
/// passes, everything else does, and what the gateway sets is there once.
pub fn header_hygiene(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let nominated: Vec<String> = headers
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    match EndToEnd::of(&headers) {
        Ok(kept) => sent_hygiene(&kept, &nominated),
        Err(_) => assert!(nominated.iter().any(|name| name.starts_with("content-"))),
    }
    let mut answer = headers;
    hygiene::clean_answer(&mut answer, false);
    hygiene::protect_answer(&mut answer, false);
    for name in DROPPED {
        assert!(!answer.contains_key(name), "{name} comes back");
    }
    for name in ["content-security-policy", "x-content-type-options", "cross-origin-resource-policy", "vary"]
    {
        assert_eq!(answer.get_all(name).iter().count(), 1, "{name}");
    }
}

#[cfg(test)]
mod tests;
