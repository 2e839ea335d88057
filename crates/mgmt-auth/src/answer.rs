//! What Auth0's error answers mean (facts sections 1.4, 3.4 and 4.2), whatever they look like.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use api_transport::{TransportError, TransportErrorKind};

use crate::{Error, Fault, hints};

/// Which endpoint answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token,
    Management,
    /// Keys and discovery: public documents; any failure is the tenant's.
    Document,
}

/// The shortest wait after a refusal for a limit: a reset that has just passed did not help this request.
const SHORT: Duration = Duration::from_secs(1);

/// The members of an error body that matter; empty for HTML and other surprises.
#[derive(Default)]
struct Body {
    json: bool,
    error: Option<String>,
    error_code: Option<String>,
    prose: String,
}

impl Body {
    fn read(bytes: &[u8]) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else { return Self::default() };
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let prose = [text("message"), text("error_description")].into_iter().flatten().collect::<Vec<_>>();
        Self { json: true, error: text("error"), error_code: text("errorCode"), prose: prose.join(" ") }
    }

    /// Auth0's error code. The Management API's `error` is only the status in words.
    fn code(&self, endpoint: Endpoint) -> Option<&str> {
        let own = (endpoint == Endpoint::Token).then_some(self.error.as_deref()).flatten();
        own.filter(|code| is_word(code)).or(self.error_code.as_deref().filter(|code| is_word(code)))
    }

    /// Auth0's global limit may come as a 500 or 403.
    fn is_limit(&self, code: Option<&str>) -> bool {
        code == Some("too_many_requests") || self.prose.to_ascii_lowercase().contains("global limit")
    }
}

/// Words go into logs: what is as long as a token or a secret has small letters alone.
fn is_word(code: &str) -> bool {
    let short = code.len() < 40 || code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    short
        && (1..=64).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// The error of an answer that is no success.
pub(crate) fn decode(answer: &Response<Bytes>, endpoint: Endpoint, now: SystemTime) -> Error {
    let (status, body) = (answer.status(), Body::read(answer.body()));
    let code = body.code(endpoint);
    let hint = hints::retry_after(answer.headers(), now);
    if status == StatusCode::TOO_MANY_REQUESTS || body.is_limit(code) {
        let message =
            "the tenant's rate limit is reached; wait, cache longer, or ask Auth0 for a higher limit";
        return Error::limited(message, hint.unwrap_or(SHORT).max(SHORT)).answered(status, code);
    }
    let error = match endpoint {
        _ if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            Error::tenant("the tenant answered with a server error").after(hint)
        }
        Endpoint::Document => {
            Error::tenant("the tenant does not serve this document; check the tenant's domain and base URL")
        }
        _ if status.is_redirection() => {
            Error::operator("the tenant redirects, which is not followed; set its own address as base URL")
        }
        Endpoint::Token => token_endpoint(status, &body, code),
        Endpoint::Management => management_api(status, &body, code),
    };
    error.answered(status, code)
}

fn token_endpoint(status: StatusCode, body: &Body, code: Option<&str>) -> Error {
    let (fault, message) = match code {
        Some("invalid_grant" | "expired_token") => {
            (Fault::Request, "the subject or refresh token is no longer accepted")
        }
        Some(code) if code.starts_with("federated_connection") => (
            Fault::Request,
            "Token Vault has no usable grant for this user and connection; the user has to connect it",
        ),
        Some("mfa_required") => (
            Fault::Operator,
            "the tenant demands MFA for token exchanges; set the MFA policy to never, or use an Action",
        ),
        Some("unauthorized_client") => (
            Fault::Operator,
            "the application may not use this grant type; enable it in the application's settings",
        ),
        Some("access_denied") if status == StatusCode::FORBIDDEN => (
            Fault::Operator,
            "the application has no grant for this audience; authorise it for the API, and check the audience",
        ),
        Some("access_denied" | "invalid_client") => (
            Fault::Operator,
            "the tenant refuses the client; check client id, secret or key, and the authentication method",
        ),
        _ if !body.json => return edge(status),
        _ if status == StatusCode::NOT_FOUND => {
            (Fault::NotFound, "the token endpoint does not know what was requested")
        }
        _ => (
            Fault::Operator,
            "the token endpoint refuses the request; check grant type, audience and the application",
        ),
    };
    Error::new(fault, message)
}

fn management_api(status: StatusCode, body: &Body, code: Option<&str>) -> Error {
    let (fault, message) = match (status, code) {
        _ if !body.json && status != StatusCode::UNAUTHORIZED => return edge(status),
        (StatusCode::UNAUTHORIZED, _) => (
            Fault::Operator,
            "the Management API refuses the management token; token and API must be of the same domain",
        ),
        (_, Some("Bearer")) => (
            Fault::Operator,
            "the management token is no JWT; check that the audience is the tenant's Management API",
        ),
        (StatusCode::FORBIDDEN, Some("insufficient_scope")) => (
            Fault::Operator,
            "the management token lacks a scope; grant read:users and read:user_idp_tokens to the application",
        ),
        (StatusCode::FORBIDDEN, _) => (Fault::Operator, "the Management API forbids this to the application"),
        // hapi's text for a path without a handler; Auth0's answer about a user has another one.
        (StatusCode::NOT_FOUND, None) if body.prose.is_empty() || body.prose == "Not Found" => {
            (Fault::Operator, "there is no Management API at this address; check the tenant's base URL")
        }
        (StatusCode::NOT_FOUND, _) => (Fault::NotFound, "the tenant has no such resource"),
        (_, Some("invalid_query_string")) => {
            (Fault::Operator, "the Management API does not accept this query")
        }
        _ => (Fault::Request, "the Management API does not accept the request"),
    };
    Error::new(fault, message)
}

/// The answer of something in front of Auth0: a firewall, a proxy, a wrong server.
fn edge(status: StatusCode) -> Error {
    if status == StatusCode::NOT_FOUND {
        return Error::operator(
            "no Auth0 tenant answers at this address; check the tenant's domain and base URL",
        );
    }
    Error::tenant("something in front of the tenant answered in its place")
}

/// The error of a request without an answer.
pub(crate) fn unanswered(error: TransportError) -> Error {
    let answer = match error.kind() {
        TransportErrorKind::Connect => {
            Error::tenant("the tenant cannot be reached; check its address, DNS and the network")
        }
        TransportErrorKind::Timeout => Error::tenant("the tenant did not answer in time"),
        TransportErrorKind::TooLarge => Error::tenant("the tenant's answer is larger than it may be"),
        TransportErrorKind::Invalid => Error::new(Fault::Request, "the request does not make a URL"),
        TransportErrorKind::Insecure => Error::operator(
            "the tenant's base URL is plain http, which is for loopback addresses only; use https",
        ),
        _ => Error::tenant("the connection to the tenant broke before its answer was whole"),
    };
    answer.caused_by(error)
}

#[cfg(test)]
mod tests;
