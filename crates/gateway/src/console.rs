//! `GET /console/`: the web console, a single-page application of the tenant on the gateway's own origin.
//!
//! It signs people in as any app would and calls the gateway with their token; it can do nothing that `curl` could not.
//! Its pages hold no data: the files are the same for everybody, and `config.json` says what every app of the tenant knows.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::body::Body;
use crate::config::{Dpop, Settings};
use crate::outcome::Code;
use crate::problem::Problem;
use crate::reply;

/// The icon of every page of the gateway (SVG).
const ICON: &str = include_str!("../assets/console/favicon.svg");

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the folder `assets/console`, by its path under `/console`.
macro_rules! file {
    ($name:literal, $kind:expr) => {
        (concat!("/", $name), $kind, include_str!(concat!("../assets/console/", $name)))
    };
}

/// The files: path, media type, text.
const FILES: [(&str, &str, &str); 16] = [
    ("/", HTML, include_str!("../assets/console/index.html")),
    ("/auth0-spa-js.js", SCRIPT, include_str!("../assets/vendor/auth0-spa-js.js")),
    ("/favicon.svg", "image/svg+xml", ICON),
    file!("console.css", STYLE),
    file!("console.js", SCRIPT),
    file!("accounts.js", SCRIPT),
    file!("answer.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("explain.js", SCRIPT),
    file!("faults.js", SCRIPT),
    file!("history.js", SCRIPT),
    file!("json.js", SCRIPT),
    file!("mcp.js", SCRIPT),
    file!("paths.js", SCRIPT),
    file!("refusals.js", SCRIPT),
    file!("snippets.js", SCRIPT),
];

/// The console of a gateway that has one.
#[derive(Debug)]
pub(crate) struct Console {
    config: Bytes,
    policy: HeaderValue,
}

impl Console {
    /// `None` where it is switched off, or has no application to sign in with. `calls` gives the calls that people can try at
    /// a provider.
    pub(crate) fn new(
        settings: &Settings,
        scopes: &BTreeSet<String>,
        calls: impl Fn(&str) -> Value,
    ) -> Option<Self> {
        let client = settings.console.client_id.as_deref().filter(|_| settings.console.enabled)?;
        // People sign in where the tokens say they come from: the custom domain, if there is one.
        let tenant = Url::parse(settings.callers.issuers.first()?).ok()?.origin().ascii_serialization();
        let providers: Vec<_> = settings
            .providers
            .iter()
            .map(|(name, entry)| json!({ "name": name, "adapter": entry.adapter.as_str(), "calls": calls(name) }))
            .collect();
        let organization = match settings.callers.organizations.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let demo = settings.console.demo.as_ref().map(|demo| demo.origin().ascii_serialization());
        let config = json!({
            "domain": tenant,
            "client_id": client,
            "audience": settings.callers.audience.first(),
            "scopes": scopes,
            "organization": organization,
            "dpop": settings.callers.dpop == Dpop::Require,
            "providers": providers,
            "mcp": settings.mcp.enabled.then_some(&settings.mcp.path),
            "version": env!("CARGO_PKG_VERSION"),
            "demo": demo,
        });
        let demo = demo.map(|demo| format!(" {demo}")).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
             connect-src 'self' {tenant}{demo}; frame-src {tenant}; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        Some(Self { config: config.to_string().into(), policy: HeaderValue::try_from(policy).ok()? })
    }

    /// A file of the console, by its path under `/console`.
    ///
    /// # Errors
    /// No such file.
    pub(crate) fn file(&self, path: &str) -> Result<Response<Body>, Problem> {
        let mut response = match path {
            // Relative, so that it holds behind a path prefix too.
            "" => return Ok(reply::redirect(StatusCode::PERMANENT_REDIRECT, "console/")),
            "/config.json" => reply::document("application/json", self.config.clone()),
            _ => {
                let file = FILES.iter().find(|(name, ..)| *name == path);
                let (_, kind, text) = file.ok_or_else(|| Problem::new(Code::NotFound))?;
                reply::document(kind, Bytes::from_static(text.as_bytes()))
            }
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }
}

/// The way from `/` for people: the console, where there is one, else the description of the API.
pub(crate) fn landing(console: Option<&Console>) -> Response<Body> {
    let to = if console.is_some() { "console/" } else { "docs" };
    let mut response = reply::redirect(StatusCode::FOUND, to);
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// The icon where browsers look for it unasked.
pub(crate) fn icon() -> Response<Body> {
    reply::document("image/svg+xml", Bytes::from_static(ICON.as_bytes()))
}
