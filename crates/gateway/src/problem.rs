//! Error answers of the gateway itself (RFC 9457), in a form that provider SDKs can show too.

mod connect;
mod detail;

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

pub use self::connect::{AccountRef, Connect};
pub(crate) use self::detail::Request;

use crate::body::{self, Body, InMemory};
use crate::headers::{IDP_OUTCOME, PROXY_STATUS, X_REQUEST_ID};
use crate::outcome::Code;
use crate::time::seconds_rounded_up as seconds;

/// Which part of the public surface answers: it decides the content type of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// `/v1`, `/hooks`, and everything that is ours: `application/problem+json`.
    Own,
    /// `/proxy` and virtual hosts: `application/json` unless `Accept` names the problem type, because
    /// provider SDKs parse nothing else.
    Proxied,
}

/// An error answer: one code, what exactly happened, and what to do about it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    status: StatusCode,
    detail: Cow<'static, str>,
    remedy: Cow<'static, str>,
    members: Members,
    retry_after: Option<Duration>,
    challenges: Vec<HeaderValue>,
    allow: Option<&'static str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

/// Members of the JSON that are there as they apply.
#[derive(Clone, Debug, Default, Serialize)]
struct Members {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    accounts: Vec<AccountRef>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    missing_scopes: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    required_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<Connect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_detail: Option<String>,
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: &'a str,
    remedy: &'a str,
    message: &'a str,
    documentation_url: String,
    error: WireError<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(flatten)]
    members: &'a Members,
}

#[derive(Serialize)]
struct WireError<'a> {
    code: &'static str,
    message: &'a str,
}

/// Where and how a problem is shown.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    /// The request's id, also sent as `X-Request-Id`.
    pub request_id: &'a str,
    /// Which surface answers.
    pub surface: Surface,
    /// The request's headers, for `Accept`.
    pub request_headers: Option<&'a HeaderMap>,
}

impl Problem {
    /// A problem with the code's own status, title and remedy.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Inner {
            code,
            status: code.status(),
            detail: Cow::Borrowed(code.title()),
            remedy: Cow::Borrowed(code.remedy()),
            members: Members::default(),
            retry_after: None,
            challenges: Vec::new(),
            allow: None,
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// What exactly happened, in one line without secrets.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// A remedy better than the code's own.
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.0.remedy = remedy.into();
        self
    }

    /// Another status than the code's own: the provider's, or the contract's exception.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The accounts to choose from.
    pub fn accounts(mut self, accounts: Vec<AccountRef>) -> Self {
        self.0.members.accounts = accounts;
        self
    }

    /// Scopes the grant or token lacks.
    pub fn missing_scopes(mut self, scopes: Vec<String>) -> Self {
        self.0.members.missing_scopes = scopes;
        self
    }

    /// Scopes the call needs.
    pub fn required_scopes(mut self, scopes: Vec<String>) -> Self {
        self.0.members.required_scopes = scopes;
        self
    }

    /// What to send as `connection_scope` to get what is missing.
    pub fn connection_scope(mut self, scope: Option<String>) -> Self {
        self.0.members.connection_scope = scope;
        self
    }

    /// How to connect the account again.
    pub fn connect(mut self, connect: Option<Connect>) -> Self {
        self.0.members.connect = connect;
        self
    }

    /// Where `connect` stands, it also says how the gateway's own page is reached. `link` makes its address of the connection,
    /// whether the vault keeps the account, and the scopes to ask for.
    pub(crate) fn connect_page(
        mut self,
        link: impl FnOnce(&str, bool, Vec<String>) -> Option<String>,
    ) -> Self {
        if let Some(connect) = &mut self.0.members.connect {
            connect.set_page(link);
        }
        self
    }

    /// What the user has to satisfy in an interactive sign-in, as OpenID Connect's `claims` parameter takes it.
    pub fn claims(mut self, claims: Option<String>) -> Self {
        self.0.members.claims = claims;
        self
    }

    /// When to come back; rendered in whole seconds, rounded up.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The status the provider answered with.
    pub fn provider_status(mut self, status: StatusCode) -> Self {
        self.0.members.provider_status = Some(status.as_u16());
        self
    }

    /// The provider's own message, already scrubbed; cut at 1 KiB.
    pub fn provider_detail(mut self, detail: Option<String>) -> Self {
        self.0.members.provider_detail = detail.map(|mut text| {
            text.truncate(text.floor_char_boundary(1024));
            text
        });
        self
    }

    /// Adds a `WWW-Authenticate` challenge (RFC 6750, RFC 9449).
    pub fn challenge(mut self, challenge: HeaderValue) -> Self {
        self.0.challenges.push(challenge);
        self
    }

    /// The same with other challenges.
    pub fn map_challenges(mut self, change: impl Fn(&HeaderValue) -> HeaderValue) -> Self {
        self.0.challenges = self.0.challenges.iter().map(change).collect();
        self
    }

    /// The methods this address does answer to.
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// Any other header the answer must carry.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// What exactly was wrong, for the operators' log alone.
    pub fn cause(mut self, cause: String) -> Self {
        self.0.cause = Some(cause);
        self
    }

    /// What exactly was wrong, for the operators' log.
    pub fn log_text(&self) -> &str {
        self.0.cause.as_deref().unwrap_or(&self.0.detail)
    }

    /// What to do about it.
    pub fn remedy_text(&self) -> &str {
        &self.0.remedy
    }

    /// The scopes the call needs.
    pub fn required(&self) -> &[String] {
        &self.0.members.required_scopes
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The status the answer will carry.
    pub fn status_code(&self) -> StatusCode {
        self.0.status
    }

    /// What exactly happened.
    pub fn detail_text(&self) -> &str {
        &self.0.detail
    }

    /// When to come back.
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after.or_else(|| self.0.code.is_limit().then_some(Duration::from_secs(1)))
    }

    /// The answer. Cross-origin headers are added later, where those of every answer are.
    pub fn respond(&self, rendering: Rendering<'_>) -> Response<Body> {
        let inner = &*self.0;
        let json = self.json(rendering.request_id);
        let mut response = Response::new(body::full(json));
        response.extensions_mut().insert(InMemory);
        *response.status_mut() = inner.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type(rendering));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(
            http::header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        );
        headers.insert(IDP_OUTCOME, HeaderValue::from_static(inner.code.as_str()));
        if let Ok(id) = HeaderValue::from_str(rendering.request_id) {
            headers.insert(X_REQUEST_ID, id);
        }
        if let Some(wait) = self.wait() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        for challenge in &inner.challenges {
            headers.append(WWW_AUTHENTICATE, challenge.clone());
        }
        for (name, value) in &inner.headers {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(allow) = inner.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(status) = proxy_status(inner.code, inner.members.provider_status) {
            headers.insert(PROXY_STATUS, status);
        }
        response
    }

    /// The problem as JSON.
    pub fn json(&self, request_id: &str) -> Vec<u8> {
        let inner = &*self.0;
        let title = inner.code.title();
        let message = detail::in_one_line(title, &inner.detail);
        let wire = Wire {
            r#type: format!("urn:idp-gateway:problem:{}", inner.code),
            title,
            status: inner.status.as_u16(),
            detail: &inner.detail,
            code: inner.code.as_str(),
            request_id,
            remedy: &inner.remedy,
            message: &message,
            // Octokit shows it behind the message.
            documentation_url: inner.code.documentation(),
            error: WireError { code: inner.code.as_str(), message: &message },
            retry_after: self.wait().map(seconds),
            members: &inner.members,
        };
        // Strings and numbers only: this cannot fail, and an empty body would still carry code and status.
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Problem::new(code)
    }
}

/// The `Proxy-Status` member for a code, where the gateway has something to say.
pub fn proxy_status(code: Code, received: Option<u16>) -> Option<HeaderValue> {
    let text = match (code.proxy_error(), received) {
        (Some(error), Some(status)) => {
            format!("idp-gateway; error={error}; received-status={status}; details=\"{code}\"")
        }
        (Some(error), None) => format!("idp-gateway; error={error}; details=\"{code}\""),
        (None, Some(status)) => format!("idp-gateway; received-status={status}; details=\"{code}\""),
        (None, None) => return None,
    };
    HeaderValue::try_from(text).ok()
}

fn content_type(rendering: Rendering<'_>) -> HeaderValue {
    let asked_for_problem = rendering.request_headers.is_some_and(accepts_problem);
    if rendering.surface == Surface::Own || asked_for_problem {
        HeaderValue::from_static("application/problem+json")
    } else {
        HeaderValue::from_static("application/json")
    }
}

fn accepts_problem(headers: &HeaderMap) -> bool {
    headers
        .get_all(http::header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .any(|range| range.eq_ignore_ascii_case("application/problem+json"))
}

#[cfg(test)]
mod tests;
