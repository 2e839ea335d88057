//! What the gateway says about itself: RFC 9728 metadata, OpenAPI, a page to read.

mod openapi;
mod page;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Response};
use serde_json::Value;

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
    static DOCUMENT: Description = Description(OnceLock::new());
    let bytes = DOCUMENT.at(&context.public_address(address), openapi::document)?;
    Ok(reply::document(reply::JSON, bytes))
}

/// The OpenAPI description. Anybody may ask, with any host, so it is rendered once: only the address depends on the request.
struct Description(OnceLock<Option<[Bytes; 2]>>);

impl Description {
    fn at(&self, address: &str, render: impl FnOnce(&str) -> Value) -> Result<Vec<u8>, Problem> {
        let around = self.0.get_or_init(|| {
            const PLACE: &str = "\"idp-gateway:server\"";
            let text = reply::json_bytes(&render(PLACE.trim_matches('"'))).ok()?;
            let at = memchr::memmem::find(&text, PLACE.as_bytes())?;
            Some([text.slice(..at), text.slice(at + PLACE.len()..)])
        });
        let [before, after] = around.as_ref().ok_or(Code::InternalError)?;
        Ok([&before[..], &reply::json_bytes(&address)?, after].concat())
    }
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
    use std::cell::Cell;

    use super::*;

    #[test]
    fn tm_a10_another_host_costs_no_other_rendering() {
        let (description, rendered) = (Description(OnceLock::new()), Cell::new(0));
        for address in ["http://a.example", "https://b.example:8443", "http://[::1]"] {
            let render = |place: &str| {
                rendered.set(rendered.get() + 1);
                openapi::document(place)
            };
            let bytes = description.at(address, render).ok().unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), openapi::document(address));
        }
        assert_eq!(rendered.get(), 1);
    }
}
