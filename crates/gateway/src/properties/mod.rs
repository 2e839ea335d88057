//! What must hold for any bytes from outside, each as one function that panics when it does not.
//!
//! The fuzz targets in `fuzz/` call these functions with what the fuzzer thinks of, the tests beside this file with the saved
//! corpus and with what proptest thinks of: the same properties, searched in two ways.

mod bodies;
mod http1;

pub use bodies::{provider_body, tenant_body};
pub use http1::http1;

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use idp_adapters::Kind;
use url::Url;

use crate::caller::properties as caller;
use crate::leak::LeakGuard;
use crate::plan::{Asked, PlanParts, ProviderPlan};
use crate::policy::{Access, Policy};
use crate::proxy::hygiene;

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

static PROVIDERS: LazyLock<Vec<(ProviderPlan, &'static str)>> = LazyLock::new(|| {
    let provider = |kind, base: Option<&str>, authorities| {
        let base = base.and_then(|base| Url::parse(base).ok());
        let plan = ProviderPlan::new(PlanParts {
            adapter: idp_adapters::shared(kind),
            base_url: base.as_ref(),
            upstreams: &std::collections::BTreeMap::new(),
            encoded_slash: None,
            policy: Policy { access: Access::Full, rules: Vec::new(), ..Policy::default() },
        });
        plan.map(|plan| (plan, authorities))
    };
    let all = [
        provider(Kind::GitHub, None, "github.com"),
        provider(Kind::GitHub, Some("https://ghe.corp/api/v3"), "ghe.corp"),
        provider(Kind::Google, None, "googleapis.com"),
        provider(Kind::Facebook, None, "facebook.com"),
        provider(Kind::Bitbucket, None, "bitbucket.org"),
        provider(Kind::Microsoft, None, "graph.microsoft.com"),
    ];
    all.into_iter().flatten().collect()
});

/// First byte: the provider; then host, path and query, one a line. Whatever is planned goes to an authority of that
/// provider over https, with the path byte for byte, and climbs under no number of decodings.
pub fn plan(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut lines = text.splitn(3, '\n');
    let host = lines.next().filter(|host| !host.is_empty());
    let path = lines.next().unwrap_or_default();
    let query = lines.next();
    let (provider, domain) = &PROVIDERS[usize::from(*which) % PROVIDERS.len()];
    let asked = Asked { method: &Method::GET, host, path, query };
    let Ok(plan) = provider.plan(asked, &|_| true) else { return };
    let Some(uri) = plan.uri(&[]) else { return };
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    assert!(authority == *domain || authority.ends_with(&format!(".{domain}")), "{authority}");
    assert_eq!(uri.scheme_str(), Some("https"));
    let path = if path.is_empty() { "/" } else { path };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let sent = uri.path_and_query().map(http::uri::PathAndQuery::as_str).unwrap_or_default();
    assert_eq!(sent, format!("{}{path}{query}", plan.upstream.base()));
    let mut layer = path.to_owned();
    loop {
        let mut segments = layer.split(['/', '\\']).map(|segment| segment.split(';').next());
        assert!(!segments.any(|word| matches!(word, Some("." | ".."))), "{path} climbs");
        let decoded = percent_encoding::percent_decode_str(&layer).decode_utf8_lossy().into_owned();
        if decoded == layer {
            break;
        }
        layer = decoded;
    }
    let method = Method::GET;
    assert!(provider.adapter().denies(&method, &plan.host, path).is_none(), "{path} is denied");
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
    let sent = hygiene::forward(&headers, false, "0123");
    for name in STAYS {
        assert!(!sent.contains_key(name), "{name} goes on");
    }
    let ours = ["accept-encoding", "x-request-id"];
    for name in sent.keys().filter(|name| !ours.contains(&name.as_str())) {
        assert!(!nominated.iter().any(|nominated| nominated == name.as_str()), "{name} was nominated");
    }
    assert_eq!(sent.get_all("accept-encoding").iter().count(), 1);
    assert_eq!(sent.get("accept-encoding").map(HeaderValue::as_bytes), Some(b"identity".as_slice()));
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

/// A token that is spelled differently in every encoding the guard knows.
const TOKEN: &str = "gho_/+a~Token-1234";

/// First byte: the length of chunks; every byte 0xFF stands for the token. However the body is cut, the result is the
/// same, as long as the body was, and without the token.
pub fn leak(data: &[u8]) {
    let Some((chunk, rest)) = data.split_first() else { return };
    let mut body = Vec::new();
    for byte in rest {
        match byte {
            0xFF => body.extend_from_slice(TOKEN.as_bytes()),
            byte => body.push(*byte),
        }
    }
    let guard = LeakGuard::new(&[TOKEN], false);
    let whole = guard.scrub(&body).map_or_else(|| body.clone(), |(clean, _)| clean);
    assert_eq!(whole.len(), body.len());
    assert!(memchr::memmem::find(&whole, TOKEN.as_bytes()).is_none());
    let lower: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert!(memchr::memmem::find(&whole, lower.as_bytes()).is_none());
    let mut scrubber = guard.scrubber();
    let mut streamed = Vec::new();
    for piece in body.chunks(usize::from(*chunk).max(1)) {
        streamed.extend_from_slice(&scrubber.push(Bytes::copy_from_slice(piece)));
    }
    streamed.extend_from_slice(&scrubber.finish());
    assert_eq!(streamed, whole);
}

#[cfg(test)]
mod tests;
