//! What the gateway says about itself: RFC 9728 metadata, OpenAPI, a page to read.

mod openapi;
mod page;

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Response};

use crate::body::Body;
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
    // Anybody may ask, so the bytes are made once and shared. The address can depend on the request's host.
    static LAST: Mutex<Option<(String, Bytes)>> = Mutex::new(None);
    let address = context.public_address(address);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = match &*last {
        Some((known, bytes)) if *known == address => bytes.clone(),
        _ => {
            let bytes = reply::json_bytes(&openapi::document(&address))?;
            *last = Some((address, bytes.clone()));
            bytes
        }
    };
    Ok(reply::document(reply::JSON, bytes))
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
