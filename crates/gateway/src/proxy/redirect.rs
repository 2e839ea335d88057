//! Redirects to hosts that are not the provider's (`providers.NAME.redirects`, threat R04).

use std::time::{Duration, SystemTime};

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::hygiene::{self, EndToEnd};
use super::links::Links;

use crate::body;
use crate::call_error::CallError;
use crate::config::Redirects;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::state::Secrets;
use crate::telemetry::{Metrics, Shed};
use crate::upstream::{AnswerStream, Progress, SendError};

/// At most this many hops are fetched.
const MAX_HOPS: usize = 3;
/// How long a download host's limit lasts that says nothing.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(60);
/// No limit lasts longer.
const LONGEST_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What an answer's `Location` means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// No redirect, or one within the provider, or one that is passed on.
    None,
    /// A download to fetch.
    Fetch(Url),
    /// A redirect that the app does not get, and why.
    Blocked(CallError),
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
    // An address that cannot be read cannot be checked.
    let Ok(text) = std::str::from_utf8(location.as_bytes()) else {
        return Redirect::Blocked(CallError::ForeignRedirect);
    };
    // Within the provider, and expressible as an address of the gateway.
    if links.rewrite(text).is_some() {
        return Redirect::None;
    }
    match provider.redirects {
        Redirects::Pass => Redirect::None,
        Redirects::Block => Redirect::Blocked(CallError::ForeignRedirect),
        Redirects::Follow => match links.resolve(text) {
            Some(url) if is_read(method) && provider.plan.is_download(&url) => Redirect::Fetch(url),
            Some(url) => Redirect::Blocked(not_followed(provider, &url)),
            None => Redirect::Blocked(CallError::ForeignRedirect),
        },
    }
}

/// Why a redirect is not followed.
fn not_followed(provider: &ProviderRuntime, url: &Url) -> CallError {
    if provider.plan.is_session_page(url) { CallError::SessionPage } else { CallError::ForeignRedirect }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Fetches a download without any credential. The URL is a capability: it is not logged, not kept, and becomes one of the
/// `secrets` that an error answer must not repeat. One that holds a secret of the call is not fetched.
pub(super) async fn fetch(
    metrics: &Metrics,
    provider: &ProviderRuntime,
    method: &Method,
    caller_headers: &EndToEnd<'_>,
    mut url: Url,
    secrets: &mut Secrets,
) -> Result<Response<AnswerStream>, Problem> {
    let of_call = secrets.guard();
    let mut signed: Vec<SecretString> = Vec::new();
    for _ in 0..MAX_HOPS {
        if of_call.scrub(url.as_str().as_bytes()).is_some() {
            return Err(CallError::TokenInRedirect.into());
        }
        signed.extend(url.query().map(SecretString::from));
        let request = request(provider, method, caller_headers, &url).ok_or(CallError::ForeignRedirect)?;
        let client = &provider.client;
        let Some(stream) = client.stream(request.uri()).await else {
            metrics.shed(Shed::Provider);
            return Err(SendError::NoStream.into());
        };
        let response = client.send(stream, request, &Progress::new()).await.map_err(|error| match error {
            // The address check belongs to the redirect, not to the provider's availability.
            SendError::Unreachable { refused: Some(_), .. } => CallError::ForeignRedirect.into(),
            other => Problem::from(other),
        })?;
        let status = response.status();
        match response.headers().get(LOCATION) {
            Some(location) if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                url = std::str::from_utf8(location.as_bytes())
                    .ok()
                    .and_then(|location| url.join(location).ok())
                    .ok_or(CallError::ForeignRedirect)?;
                if !provider.plan.is_download(&url) {
                    return Err(not_followed(provider, &url).into());
                }
            }
            _ => {
                if status.as_u16() >= 400 {
                    signed.iter().for_each(|query| secrets.add_once(query.expose_secret()));
                }
                return Ok(response);
            }
        }
    }
    Err(CallError::TooManyRedirects.into())
}

/// When a download host that limits may be asked again, in either form of `Retry-After` (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Duration {
    let text = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = text.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let date = || httpdate::parse_http_date(text?).ok()?.duration_since(SystemTime::now()).ok();
    seconds.or_else(date).unwrap_or(DOWNLOAD_LIMIT).min(LONGEST_LIMIT)
}

fn request(
    provider: &ProviderRuntime,
    method: &Method,
    caller_headers: &EndToEnd<'_>,
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
