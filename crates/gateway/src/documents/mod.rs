//! What the gateway says about itself: RFC 9728 metadata, OpenAPI, a page to read.

mod openapi;
mod page;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Response};

use crate::body::Body;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::reply;
use crate::state::{Calls, McpState, PublicAddress, RequestContext};

/// `GET /.well-known/oauth-protected-resource` and what stands behind it: the path of a resource that exists here, under the
/// path of `server.public_url`. The answer names that resource (RFC 9728, section 3.3). `None` for any other path.
pub(crate) fn resource_metadata(
    (calls, mcp): (&Calls, Option<&McpState>),
    scopes: &BTreeSet<String>,
    context: &RequestContext<'_>,
    path: &str,
) -> Option<Result<Response<Body>, Problem>> {
    let base = calls.address.url.as_ref().map_or("", |url| url.path().trim_end_matches('/'));
    let provider =
        |path: &str| path.strip_prefix("/proxy/").is_some_and(|name| calls.providers.contains_key(name));
    let endpoint = |path: &str| mcp.filter(|mcp| mcp.path == path);
    let known = path
        .strip_prefix(base)
        .filter(|path| matches!(*path, "" | "/v1") || provider(path) || endpoint(path).is_some())?;
    // Clients of the endpoint ask for all scopes that are named here: those to read with.
    let scopes = endpoint(known).map_or(scopes, |mcp| &mcp.scopes);
    let resource = format!("{}{known}", context.public_address(&calls.address));
    Some(reply::json(&caller_auth::resource_metadata(calls.access.rules(), &resource, scopes)))
}

/// `GET /openapi.json`.
pub(crate) fn openapi(
    address: &PublicAddress,
    context: &RequestContext<'_>,
) -> Result<Response<Body>, Problem> {
    // Anybody may ask, with any host, so it is rendered once: only the address depends on the request.
    static AROUND: OnceLock<Option<[Bytes; 2]>> = OnceLock::new();
    let around = AROUND.get_or_init(|| {
        const PLACE: &str = "\"idp-gateway:server\"";
        let text = reply::json_bytes(&openapi::document(PLACE.trim_matches('"'))).ok()?;
        let at = memchr::memmem::find(&text, PLACE.as_bytes())?;
        Some([text.slice(..at), text.slice(at + PLACE.len()..)])
    });
    let [before, after] = around.as_ref().ok_or(Code::InternalError)?;
    let server = reply::json_bytes(&context.public_address(address))?;
    Ok(reply::document(reply::JSON, [&before[..], &server, after].concat()))
}

/// `GET /docs`: the same for reading, without scripts; with a link to the console where there is one.
pub(crate) fn docs(console: bool) -> Result<Response<Body>, Problem> {
    static PAGES: [OnceLock<Bytes>; 2] = [const { OnceLock::new() }; 2];
    let [without, with] = &PAGES;
    let page = if console { with } else { without };
    let page = page.get_or_init(|| page::page(console).into_bytes().into()).clone();
    let mut response = reply::document("text/html; charset=utf-8", page);
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use http_body_util::BodyExt as _;
    use tokio::time::Instant;

    use super::*;
    use crate::peer::Peer;
    use crate::request_id::RequestId;

    fn asked(host: &str) -> Response<Body> {
        let peer = Peer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), false, &[]);
        let context =
            RequestContext { id: RequestId::random(), peer, authority: Some(host), cross_origin: false };
        openapi(&PublicAddress { url: None, hosts_are_validated: false }, &context).ok().unwrap()
    }

    #[tokio::test]
    async fn tm_a10_another_host_costs_no_other_rendering() {
        for host in ["a.example", "b.example:8443", "[::1]"] {
            let body = asked(host).into_body().collect().await.unwrap().to_bytes();
            let found: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(found, openapi::document(&format!("http://{host}")));
        }
        let started = Instant::now();
        for _ in 0..5 {
            reply::json_bytes(&openapi::document("http://a.example")).ok().unwrap();
        }
        let five = started.elapsed();
        let started = Instant::now();
        for number in 0..100 {
            asked(&format!("{number}.example"));
        }
        assert!(started.elapsed() < 5 * five, "{:?}, and {five:?} to render five times", started.elapsed());
    }
}
