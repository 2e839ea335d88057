//! What became of a call, in provider-neutral words.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

/// The head of a provider's answer, with what is known about the request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) target: Option<(&'a str, &'a str)>,
    pub(crate) granted: Option<&'a [String]>,
}

impl<'a> Head<'a> {
    /// The answer's status and headers, and the request's method.
    #[must_use]
    pub fn new(method: &'a Method, status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self { method, status, headers, target: None, granted: None }
    }

    /// Adds the provider host and raw path that were called, so that scopes the provider does not name can be
    /// looked up.
    #[must_use]
    pub fn target(mut self, host: &'a str, path: &'a str) -> Self {
        self.target = Some((host, path));
        self
    }

    /// Adds the scopes the token is known to hold.
    #[must_use]
    pub fn granted(mut self, scopes: &'a [String]) -> Self {
        self.granted = Some(scopes);
        self
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The answer's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer's headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The header's value where it is text.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }
}

/// Whether the head alone decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Decided. Reading the body may still add [`Classified::detail`].
    Known(Classified),
    /// Ask again with the first 64 KiB of the body.
    NeedsBody,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// 2xx or 3xx.
    Ok,
    /// The provider does not accept the token (any more).
    TokenDead,
    /// The token is good but lacks a scope or permission that the user could grant.
    ScopeMissing,
    /// The user may not do that at the provider.
    Denied,
    /// A limit of the provider; [`Classified::retry_after`] is always set.
    RateLimited,
    /// The provider failed.
    Error,
    /// The OAuth client or project is set up wrongly: the operator has to correct it.
    Misconfigured,
    /// The provider did not like the request (any other 4xx).
    Rejected,
}

/// An [`Outcome`] with everything the provider said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Classified {
    /// What became of the call.
    pub outcome: Outcome,
    /// When to come back; always there for [`Outcome::RateLimited`], whatever form the provider used.
    pub retry_after: Option<Duration>,
    /// The scopes the provider named and the token lacks. Several can be alternatives of one another.
    pub missing_scopes: Vec<String>,
    /// The scopes the provider named.
    pub required_scopes: Vec<String>,
    /// What to ask for when the user connects again: the scopes held and the narrowest missing ones,
    /// comma-joined as Auth0's `connection_scope` wants them.
    pub connection_scope: Option<String>,
    /// The provider's message members, at most 1 KiB. Not scrubbed: it may quote the token.
    pub detail: Option<String>,
    /// The provider's own error code, a short word or number.
    pub code: Option<String>,
    /// False when a dead token stays dead after a refresh: the user has to act at the provider.
    pub refresh_helps: bool,
    /// The claims that the user has to satisfy in an interactive sign-in, as the JSON text that OpenID Connect's
    /// `claims` parameter takes (Microsoft's claims challenge). With [`Outcome::Denied`] they concern this resource
    /// alone; with [`Outcome::TokenDead`] every call. At most 4 KiB. Not scrubbed: the provider wrote it.
    pub claims: Option<String>,
}

impl Classified {
    /// An outcome about which nothing else is known.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            retry_after: None,
            missing_scopes: Vec::new(),
            required_scopes: Vec::new(),
            connection_scope: None,
            detail: None,
            code: None,
            refresh_helps: true,
            claims: None,
        }
    }

    /// A limit that ends after `retry_after`.
    #[must_use]
    pub fn limited(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(Outcome::RateLimited) }
    }

    pub(crate) fn retry(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after.or(self.retry_after);
        self
    }

    pub(crate) fn described(mut self, code: Option<String>, detail: Option<String>) -> Self {
        self.code = code.map(|code| clip(code, 64)).filter(|code| !code.is_empty());
        self.detail = detail.map(|detail| clip(detail, 1024)).filter(|detail| !detail.is_empty());
        self
    }

    pub(crate) fn claims(mut self, claims: Option<String>) -> Self {
        self.claims = claims;
        self
    }

    pub(crate) fn no_refresh(mut self) -> Self {
        self.refresh_helps = false;
        self
    }
}

/// At most `limit` bytes of `text`, cut at a character border.
fn clip(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

/// What a status means when nothing finer is known; limits without a hint last `limit`.
pub(crate) fn by_status(status: StatusCode, hint: Option<Duration>, limit: Duration) -> Classified {
    match status.as_u16() {
        ..=399 => Classified::new(Outcome::Ok),
        401 => Classified::new(Outcome::TokenDead),
        403 => Classified::new(Outcome::Denied),
        429 => Classified::limited(hint.unwrap_or(limit)),
        400..=499 => Classified::new(Outcome::Rejected),
        _ => Classified::new(Outcome::Error).retry(hint),
    }
}
