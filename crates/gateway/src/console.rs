//! `GET /console/`: the web console, a single-page application of the tenant on the gateway's own origin.
//!
//! It signs people in as any app would and calls the gateway with their token; it can do nothing that `curl` could not.
//! Its pages hold no data: the files are the same for everybody, and `config.json` says what every app of the tenant knows.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use url::Url;

use crate::body::{self, Body};
use crate::config::{Dpop, Settings};
use crate::headers::IDP_OUTCOME;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::reply;

const PAGE: &str = include_str!("../assets/console/index.html");
const STYLE: &str = include_str!("../assets/console/console.css");
const SCRIPT: &str = include_str!("../assets/console/console.js");
const LIBRARY: &str = include_str!("../assets/vendor/auth0-spa-js.js");

/// The console of a gateway that has one.
#[derive(Debug)]
pub(crate) struct Console {
    config: Bytes,
    policy: HeaderValue,
}

impl Console {
    /// `None` where it is switched off, or nobody could sign in to it.
    pub(crate) fn new(settings: &Settings, scopes: &BTreeSet<String>) -> Option<Self> {
        let client = settings.console.client_id.as_deref().filter(|_| settings.console.enabled)?;
        // People sign in where the tokens say they come from: the custom domain, if there is one.
        let tenant = Url::parse(settings.callers.issuers.first()?).ok()?.origin().ascii_serialization();
        let providers: Vec<_> = settings
            .providers
            .iter()
            .map(|(name, entry)| json!({ "name": name, "adapter": entry.adapter.as_str() }))
            .collect();
        let organization = match settings.callers.organizations.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let config = json!({
            "domain": tenant,
            "client_id": client,
            "audience": settings.callers.audience.first(),
            "scopes": scopes,
            "organization": organization,
            "dpop": settings.callers.dpop == Dpop::Require,
            "providers": providers,
        });
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {tenant}; frame-src {tenant}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Some(Self { config: config.to_string().into(), policy: HeaderValue::try_from(policy).ok()? })
    }

    /// A file of the console, by its path under `/console`.
    ///
    /// # Errors
    /// No such file.
    pub(crate) fn file(&self, path: &str) -> Result<Response<Body>, Problem> {
        let (kind, bytes) = match path {
            "" => return Ok(to_folder()),
            "/" => ("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes())),
            "/console.css" => ("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes())),
            "/console.js" => ("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes())),
            "/auth0-spa-js.js" => ("text/javascript; charset=utf-8", Bytes::from_static(LIBRARY.as_bytes())),
            "/config.json" => ("application/json", self.config.clone()),
            _ => return Err(Problem::new(Code::NotFound)),
        };
        let mut response = reply::document(kind, bytes);
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }
}

/// `/console` itself: relative, so that it holds behind a path prefix too.
fn to_folder() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("console/"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(IDP_OUTCOME, HeaderValue::from_static(Code::Ok.as_str()));
    response
}
