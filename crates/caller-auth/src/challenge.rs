//! `WWW-Authenticate` (RFC 6750, RFC 9449, RFC 9728): stable words, no oracle.

use std::fmt::Write as _;

use http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use crate::rules::{Dpop, Rules};

/// The header that carries a nonce for the next proof.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The error word of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// No word: nothing was sent, or it is not about the token.
    None,
    InvalidRequest,
    InvalidToken,
    InvalidProof,
    UseNonce,
}

impl Error {
    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::InvalidRequest => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InvalidProof => Some("invalid_dpop_proof"),
            Self::UseNonce => Some("use_dpop_nonce"),
        }
    }

    /// Whether the error is about a proof, which a Bearer challenge cannot express.
    fn is_dpop(self) -> bool {
        matches!(self, Self::InvalidProof | Self::UseNonce)
    }
}

/// The header values that tell a client how to authenticate.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Challenge {
    /// Values of `WWW-Authenticate`; empty where the status is neither 401 nor a 403 for a missing scope.
    pub values: Vec<HeaderValue>,
    /// The value of `DPoP-Nonce`, when the client must use one.
    pub nonce: Option<HeaderValue>,
}

impl Challenge {
    /// A 403 with this challenge and an empty body (RFC 6750 section 3.1).
    #[must_use]
    pub fn forbidden<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::FORBIDDEN;
        for value in &self.values {
            response.headers_mut().append(WWW_AUTHENTICATE, value.clone());
        }
        response
    }
}

/// Writes challenges for one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Challenger {
    dpop: Dpop,
    realm: String,
    /// Where the RFC 9728 document is.
    metadata: Option<String>,
}

impl Challenger {
    pub(crate) fn new(rules: &Rules) -> Self {
        let metadata = rules.public_url.as_ref().and_then(|url| {
            let mut url = url.clone();
            // RFC 9728 section 3.1: the well-known part goes between host and path.
            let path = match url.path() {
                "/" => String::new(),
                path => path.trim_end_matches('/').to_owned(),
            };
            url.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
            let text = url.to_string();
            (!text.contains(['"', '\\'])).then_some(text)
        });
        // Quotes and control bytes would end the string.
        let realm = rules.realm.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'));
        Self { dpop: rules.dpop, realm: realm.collect(), metadata }
    }

    /// The challenge of a 401 with this error and description.
    pub(crate) fn unauthorized(&self, error: Error, description: &str) -> Challenge {
        let mut values = Vec::with_capacity(2);
        if self.dpop != Dpop::Require {
            let (error, description) =
                if error.is_dpop() { (None, "") } else { (error.as_str(), description) };
            values.extend(self.render("Bearer", error, description, None));
        }
        if self.dpop != Dpop::Off {
            values.extend(self.render("DPoP", error.as_str(), description, None));
        }
        Challenge { values, nonce: None }
    }

    /// The challenge of a 403 for a missing `scope`.
    pub(crate) fn insufficient_scope(&self, scope: &str, bound: bool) -> Challenge {
        let scheme = if bound { "DPoP" } else { "Bearer" };
        // RFC 6749 section 3.3: a scope has no quotes, backslashes or control bytes.
        let plain = scope.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
        let description = "The access token lacks a required scope.";
        let value = self.render(scheme, Some("insufficient_scope"), description, plain.then_some(scope));
        Challenge { values: value.into_iter().collect(), nonce: None }
    }

    fn render(
        &self,
        scheme: &str,
        error: Option<&str>,
        text: &str,
        scope: Option<&str>,
    ) -> Option<HeaderValue> {
        let mut value = format!("{scheme} realm=\"{}\"", self.realm);
        if let Some(error) = error {
            // Descriptions are our own sentences; quotes in them would end the string.
            let _ = write!(
                value,
                ", error=\"{error}\", error_description=\"{}\"",
                text.replace(['"', '\\'], "'")
            );
        }
        if let Some(scope) = scope {
            let _ = write!(value, ", scope=\"{scope}\"");
        }
        if scheme == "DPoP" {
            value.push_str(", algs=\"ES256\"");
        }
        if let Some(metadata) = &self.metadata {
            let _ = write!(value, ", resource_metadata=\"{metadata}\"");
        }
        HeaderValue::from_str(&value).ok()
    }
}
