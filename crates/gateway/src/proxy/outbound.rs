//! The request that goes to the provider, built anew from a plan.
//!
//! [`Outbound`] has no way to hold a credential of the caller: its headers are made by the one function that
//! leaves them behind, and the only credential it ever gets is the IdP token, from the adapter, last.

use std::borrow::Cow;

use http::header::CONTENT_LENGTH;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body::Body as _;
use secrecy::SecretString;

use super::hygiene::{self, EndToEnd};
use super::instructions::{METHOD_OVERRIDE, MethodReading};
use crate::body::Body;
use crate::provider::ProviderRuntime;
use crate::provider::plan::Plan;
use crate::state::{AdmittedCall, CallToken};

/// Query members that the adapter added, by name.
pub(super) type Derived = Vec<(&'static str, SecretString)>;

/// What the caller sent of a request, as far as that goes to the provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallerRequest<'a> {
    /// The method.
    pub(super) method: &'a Method,
    /// The headers, of which some may pass.
    pub(super) headers: &'a EndToEnd<'a>,
    /// The id of the request.
    pub(super) request_id: &'a str,
    /// What the method stands for.
    pub(super) reading: MethodReading,
}

/// A request without credentials, ready to be sent any number of times.
#[derive(Debug)]
pub(super) struct Outbound<'a> {
    sent: CallerRequest<'a>,
    provider: &'a ProviderRuntime,
    plan: Plan,
    /// The headers, until a request has taken them: another one gets them anew.
    headers: Option<HeaderMap>,
}

impl<'a> Outbound<'a> {
    /// What the call's plan permits, with those of the caller's headers that may pass.
    pub(super) fn new(sent: CallerRequest<'a>, call: &AdmittedCall<'a>) -> Self {
        let (plan, provider) = (call.plan().clone(), call.provider());
        let headers = Some(headers(sent, provider, &plan));
        Self { sent, provider, plan, headers }
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
    pub(super) fn headers(&self) -> Cow<'_, HeaderMap> {
        match &self.headers {
            Some(headers) => Cow::Borrowed(headers),
            None => Cow::Owned(headers(self.sent, self.provider, &self.plan)),
        }
    }

    /// The method.
    pub(super) fn method(&self) -> &Method {
        self.sent.method
    }

    /// One request with this token and body, and what the adapter derived from the token for it (Facebook's
    /// `appsecret_proof`). `None` when the adapter's additions do not fit into a URI, which no
    /// adapter's do.
    pub(super) fn request(
        &mut self,
        token: &CallToken,
        app_secret: Option<&SecretString>,
        body: Body,
    ) -> Option<(Request<Body>, Derived)> {
        let made = self.headers.take();
        let headers = made.unwrap_or_else(|| headers(self.sent, self.provider, &self.plan));
        let mut placed = idp_adapters::Outbound::new(headers);
        self.provider.plan.adapter().place_token(token.bearer(), app_secret, &mut placed);
        if expects_content(self.sent.method) && body.size_hint().exact() == Some(0) {
            // hyper says nothing about a body that is not there, and some front ends answer that with 411.
            placed.headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        let mut request = Request::new(body);
        *request.method_mut() = self.sent.method.clone();
        *request.uri_mut() = self.plan.uri(&placed.query)?;
        *request.headers_mut() = placed.headers;
        Some((request, placed.query))
    }
}

/// The headers of a request. Room is left for the token and what the client adds.
fn headers(sent: CallerRequest<'_>, provider: &ProviderRuntime, plan: &Plan) -> HeaderMap {
    let adapter = provider.plan.adapter();
    let mut headers = hygiene::forward(sent.headers, adapter.echo_prone(), sent.request_id);
    adapter.required_headers(plan.host(), &mut headers);
    if let Some((name, value)) = &provider.version
        && !headers.contains_key(name)
    {
        headers.insert(name, value.clone());
    }
    if sent.reading == MethodReading::FormAsGet {
        headers.insert(METHOD_OVERRIDE, HeaderValue::from_static("GET"));
    }
    headers
}

/// Methods that give content a meaning: with these the length is said even when it is zero (RFC 9110, section 8.6).
fn expects_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}
