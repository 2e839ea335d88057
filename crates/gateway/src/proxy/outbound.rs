//! The request that goes to the provider, built anew from a plan.
//!
//! [`Outbound`] has no way to hold a credential of the caller: its headers are made by the one function that
//! leaves them behind, and the only credential it ever gets is the IdP token, from the adapter, last.

use http::header::CONTENT_LENGTH;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body as _;
use idp_adapters::Adapter;
use secrecy::SecretString;

use super::hygiene::{self, EndToEnd};
use super::instructions::{METHOD_OVERRIDE, MethodReading};
use crate::body::Body;
use crate::provider::plan::Plan;
use crate::state::{AdmittedCall, CallToken};

/// A request without credentials, ready to be sent any number of times.
#[derive(Debug)]
pub(super) struct Outbound {
    method: Method,
    plan: Plan,
    headers: HeaderMap,
}

impl Outbound {
    /// What the call's plan permits, with those of the caller's headers that may pass.
    pub(super) fn new(
        method: &Method,
        call: &AdmittedCall<'_>,
        caller_headers: &EndToEnd<'_>,
        request_id: &str,
        reading: MethodReading,
    ) -> Self {
        let (plan, adapter) = (call.plan(), &**call.provider().plan.adapter());
        let mut headers = hygiene::forward(caller_headers, adapter.echo_prone(), request_id);
        adapter.required_headers(plan.host(), &mut headers);
        if let Some((name, value)) = &call.provider().version
            && !headers.contains_key(name)
        {
            headers.insert(name, value.clone());
        }
        if reading == MethodReading::FormAsGet {
            headers.insert(METHOD_OVERRIDE, HeaderValue::from_static("GET"));
        }
        Self { method: method.clone(), plan: plan.clone(), headers }
    }

    /// The plan behind it.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Path and query, without what the adapter adds.
    pub(super) fn target(&self) -> &PathAndQuery {
        self.plan.target()
    }

    /// The caller's headers that may pass, and those that always go along.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The method.
    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// One request with this token and body, and what the adapter derived from the token for it (Facebook's
    /// `appsecret_proof`). `None` when the adapter's additions do not fit into a URI, which no
    /// adapter's do.
    pub(super) fn request(
        &self,
        adapter: &dyn Adapter,
        token: &CallToken,
        app_secret: Option<&SecretString>,
        body: Body,
    ) -> Option<(Request<Body>, Vec<SecretString>)> {
        let mut placed = idp_adapters::Outbound::new(self.headers.clone());
        adapter.place_token(token.bearer(), app_secret, &mut placed);
        if expects_content(&self.method) && body.size_hint().exact() == Some(0) {
            // The pooled client says nothing about a body that is not there, and some front ends answer that with 411.
            placed.headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.plan.uri(&placed.query)?;
        *request.headers_mut() = placed.headers;
        Some((request, placed.query.into_iter().map(|(_, secret)| secret).collect()))
    }
}

/// Methods that give content a meaning: with these the length is said even when it is zero (RFC 9110, section 8.6).
fn expects_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}
