//! Redirects to hosts that are not the provider's (`providers.NAME.redirects`, threat R04).

use http::header::LOCATION;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use url::Url;

use super::hygiene;
use super::links::Links;

use crate::body;
use crate::call_error::CallError;
use crate::problem::Problem;
use crate::provider::{ProviderRuntime, Redirects};
use crate::upstream::{Progress, SendError};

/// At most this many hops are fetched.
const MAX_HOPS: usize = 3;

/// What an answer's `Location` means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// No redirect, or one within the provider, or one that is passed on.
    None,
    /// A download to fetch.
    Fetch(Url),
    /// Not to be followed by anybody.
    Blocked,
}

/// Reads an answer's head.
pub(super) fn examine(
    provider: &ProviderRuntime,
    links: &Links,
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
) -> Redirect {
    let Some(location) = headers.get(LOCATION) else { return Redirect::None };
    if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
        return Redirect::None;
    }
    let text = location.to_str().unwrap_or_default();
    // Within the provider, and expressible as an address of the gateway.
    if links.is_ours(text) && links.rewrite(text).is_some() {
        return Redirect::None;
    }
    match provider.redirects {
        Redirects::Pass => Redirect::None,
        Redirects::Block => Redirect::Blocked,
        Redirects::Follow => match links.resolve(text) {
            Some(url) if is_read(method) && provider.plan.is_download(&url) => Redirect::Fetch(url),
            _ => Redirect::Blocked,
        },
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Fetches a download without any credential. The URL is a capability: it is not logged and not kept.
pub(super) async fn fetch(
    provider: &ProviderRuntime,
    method: &Method,
    caller_headers: &HeaderMap,
    mut url: Url,
) -> Result<Response<Incoming>, Problem> {
    for _ in 0..MAX_HOPS {
        let request = request(provider, method, caller_headers, &url).ok_or(CallError::ForeignRedirect)?;
        let response =
            provider.client.send(request, &Progress::new()).await.map_err(|error| match error {
                // The address check belongs to the redirect, not to the provider's availability.
                SendError::Unreachable { refused: Some(_), .. } => CallError::ForeignRedirect.into(),
                other => Problem::from(other),
            })?;
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        match location {
            Some(location) if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                url = url
                    .join(location)
                    .ok()
                    .filter(|next| provider.plan.is_download(next))
                    .ok_or(CallError::ForeignRedirect)?;
            }
            _ => return Ok(response),
        }
    }
    Err(CallError::TooManyRedirects.into())
}

fn request(
    provider: &ProviderRuntime,
    method: &Method,
    caller_headers: &HeaderMap,
    url: &Url,
) -> Option<Request<body::Body>> {
    let uri = match url.host_str().and_then(|host| provider.plan.mirror(host)) {
        Some(mirror) => format!(
            "{}://{}{}{}",
            mirror.scheme(),
            mirror.authority(),
            mirror.base(),
            &url[url::Position::BeforePath..url::Position::AfterQuery]
        ),
        None => url[..url::Position::AfterQuery].to_owned(),
    };
    let mut request = Request::new(body::empty());
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.parse().ok()?;
    *request.headers_mut() = hygiene::forward_to_download(caller_headers);
    Some(request)
}
