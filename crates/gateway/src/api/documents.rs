//! What the gateway says about itself: RFC 9728 metadata, OpenAPI, a page to read.

use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, Response};

use super::openapi;
use crate::app::{App, RequestContext};
use crate::body::Body;
use crate::caller;
use crate::problem::Problem;

/// `GET /.well-known/oauth-protected-resource`.
pub(super) fn resource_metadata(app: &App, context: &RequestContext<'_>) -> Result<Response<Body>, Problem> {
    let resource = context.public_address(app);
    super::json(&caller::resource_metadata(app.verifier.rules(), &resource, &app.scopes))
}

/// `GET /openapi.json`.
pub(super) fn openapi(app: &App, context: &RequestContext<'_>) -> Result<Response<Body>, Problem> {
    super::json(&openapi::document(&context.public_address(app)))
}

/// `GET /docs`: the same for reading, without scripts.
pub(super) fn docs() -> Result<Response<Body>, Problem> {
    let mut response = super::document("text/html; charset=utf-8", openapi::page().into_bytes());
    let policy =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}
