//! The gateway's own routes: the caller's view, hooks, and documents about the gateway.

mod console;
mod disconnect;
mod documents;
mod explain;
mod logout;
mod me;
mod openapi;

use std::time::SystemTime;

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

pub(crate) use console::Console;
pub use openapi::document as openapi_document;

use crate::app::{App, ProviderRuntime, RequestContext, Trail};
use crate::body::{self, Body};
use crate::caller::{Schemes, Verified};
use crate::outcome::Code;
use crate::problem::{IDP_OUTCOME, Problem};

/// One of our own routes.
enum Own<'a> {
    Me,
    Disconnect(&'a str),
    Profile(&'a str),
    Explain(&'a str),
}

/// Answers a request that is not for a provider.
///
/// # Errors
/// The problem to answer with.
pub(crate) async fn answer(
    app: &App,
    context: &RequestContext<'_>,
    path: &str,
    (parts, body): (&Parts, Body),
    trail: &mut Trail,
) -> Result<Response<Body>, Problem> {
    match path {
        "/hooks/backchannel-logout" => {
            trail.route = Some("/hooks/backchannel-logout");
            trail.event = "logout";
            return logout::answer(app, parts, body).await;
        }
        "/openapi.json" => {
            trail.route = Some("/openapi.json");
            return read_only(parts).and_then(|()| documents::openapi(app, context));
        }
        "/docs" | "/docs/" => {
            trail.route = Some("/docs");
            return read_only(parts).and_then(|()| documents::docs());
        }
        _ => {}
    }
    if let Some(console) = &app.console
        && let Some(file) = path.strip_prefix("/console")
        && (file.is_empty() || file.starts_with('/'))
    {
        trail.route = Some("/console/");
        return read_only(parts).and_then(|()| console.file(file));
    }
    if is_metadata(path) {
        trail.route = Some("/.well-known/oauth-protected-resource");
        return read_only(parts).and_then(|()| documents::resource_metadata(app, context));
    }
    let guarded = ["/v1", "/proxy"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if !guarded {
        return Err(Problem::new(Code::NotFound));
    }
    trail.route = Some("/v1");
    let verified = app.verify(parts, Schemes::Standard, trail).await?;
    own(app, context, path, parts, &verified, trail).await
}

async fn own(
    app: &App,
    context: &RequestContext<'_>,
    path: &str,
    parts: &Parts,
    verified: &Verified,
    trail: &mut Trail,
) -> Result<Response<Body>, Problem> {
    let route = own_route(path).ok_or_else(|| Problem::new(Code::NotFound))?;
    let (name, event, allowed): (_, _, &'static str) = match &route {
        Own::Me => ("/v1/me", "me", "GET, HEAD"),
        Own::Disconnect(_) => ("/v1/me/{provider}", "revoke", "DELETE"),
        Own::Profile(_) => ("/v1/me/{provider}/profile", "profile", "GET, HEAD"),
        Own::Explain(_) => ("/v1/explain/{request-id}", "explain", "GET, HEAD"),
    };
    (trail.route, trail.event) = (Some(name), event);
    if !allowed.split(", ").any(|method| method == parts.method.as_str()) {
        return Err(Problem::new(Code::MethodNotAllowed).allow(allowed));
    }
    match route {
        Own::Me => me::accounts(app, verified).await,
        Own::Profile(provider) => me::profile(app, context, parts, verified, provider, trail).await,
        Own::Disconnect(provider) => disconnect::answer(app, parts, verified, provider, trail).await,
        Own::Explain(id) => explain::answer(app, verified, id),
    }
}

fn own_route(path: &str) -> Option<Own<'_>> {
    let rest = path.strip_prefix("/v1/")?;
    let mut segments = rest.split('/');
    let route = match (segments.next()?, segments.next(), segments.next()) {
        ("me", None, _) => Own::Me,
        ("me", Some(provider), None) if !provider.is_empty() => Own::Disconnect(provider),
        ("me", Some(provider), Some("profile")) if !provider.is_empty() => Own::Profile(provider),
        ("explain", Some(id), None) if !id.is_empty() => Own::Explain(id),
        _ => return None,
    };
    segments.next().is_none().then_some(route)
}

/// RFC 9728 puts a resource's own path behind the well-known part.
fn is_metadata(path: &str) -> bool {
    path.strip_prefix("/.well-known/oauth-protected-resource")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn read_only(parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(Problem::new(Code::MethodNotAllowed).allow("GET, HEAD"))
    }
}

/// The provider a route names.
fn named(app: &App, name: &str, trail: &mut Trail) -> Result<std::sync::Arc<ProviderRuntime>, Problem> {
    let provider = app.provider(name).ok_or_else(|| Problem::new(Code::UnknownProvider))?;
    trail.provider = Some(provider.label.clone());
    Ok(provider)
}

/// A JSON answer of ours: private, not cached, not sniffed.
fn json(value: &impl Serialize) -> Result<Response<Body>, Problem> {
    let bytes = serde_json::to_vec(value).map_err(|_| Problem::new(Code::InternalError))?;
    Ok(document("application/json", bytes))
}

fn document(kind: &'static str, bytes: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(IDP_OUTCOME, HeaderValue::from_static(Code::Ok.as_str()));
    response
}

/// An empty 200.
fn done() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(IDP_OUTCOME, HeaderValue::from_static(Code::Ok.as_str()));
    response
}

/// A time as RFC 3339, in whole seconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|time| format!("{time:.0}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_routes_exist() {
        let name = |path| match own_route(path) {
            Some(Own::Me) => "me",
            Some(Own::Disconnect(_)) => "disconnect",
            Some(Own::Profile(_)) => "profile",
            Some(Own::Explain(_)) => "explain",
            None => "none",
        };
        for (path, want) in [
            ("/v1/me", "me"),
            ("/v1/me/", "none"),
            ("/v1/me/github", "disconnect"),
            ("/v1/me/github/profile", "profile"),
            ("/v1/me/github/profile/x", "none"),
            ("/v1/me//profile", "none"),
            ("/v1/explain/0af", "explain"),
            ("/v1/explain", "none"),
            ("/v1", "none"),
        ] {
            assert_eq!(name(path), want, "{path}");
        }
        assert!(is_metadata("/.well-known/oauth-protected-resource/base"));
        assert!(!is_metadata("/.well-known/oauth-protected-resources"));
    }

    #[test]
    fn times_are_rfc_3339() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_767_323_045_678);
        assert_eq!(rfc3339(time), "2026-01-02T03:04:05Z");
    }
}
