//! Why a request was refused.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use crate::challenge::{Challenge, DPOP_NONCE, Error};

/// What every token that fails before its signature is checked is told.
const NOT_VALID: &str = "The access token is not a valid token of this tenant.";

/// Why a request was refused, in the words of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The request is malformed: two credentials, or a proof beside a Bearer token.
    BadRequest,
    /// A member of the query would carry an access token.
    TokenInQuery,
    /// There is no access token, or its scheme is unknown.
    TokenMissing,
    /// The token is not a JWT of this tenant: an opaque token, or a JWT that is encrypted for another recipient.
    TokenOpaque,
    /// The token has expired.
    TokenExpired,
    /// The token is wrong in any other way.
    TokenInvalid,
    /// The DPoP proof is missing or wrong, or lacks the nonce.
    ProofInvalid,
    /// The token's client or organisation is not accepted.
    NotAllowed,
    /// The token speaks for no user.
    NotAUser,
    /// There are no keys to verify with.
    KeysUnavailable,
    /// There are no keys to verify with, because the key endpoint limits the rate.
    KeysRateLimited,
    /// The memory of used ids is full.
    ReplayMemoryFull,
    /// The store of used ids does not answer.
    ReplayStoreUnavailable,
}

impl Reason {
    /// A stable word for logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::TokenInQuery => "token-in-query",
            Self::TokenMissing => "token-missing",
            Self::TokenOpaque => "token-opaque",
            Self::TokenExpired => "token-expired",
            Self::TokenInvalid => "token-invalid",
            Self::ProofInvalid => "proof-invalid",
            Self::NotAllowed => "not-allowed",
            Self::NotAUser => "not-a-user",
            Self::KeysUnavailable => "keys-unavailable",
            Self::KeysRateLimited => "keys-rate-limited",
            Self::ReplayMemoryFull => "replay-memory-full",
            Self::ReplayStoreUnavailable => "replay-store-unavailable",
        }
    }

    /// The status of an answer (RFC 6750 section 3.1, RFC 9110).
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::TokenInQuery => StatusCode::BAD_REQUEST,
            Self::TokenMissing
            | Self::TokenOpaque
            | Self::TokenExpired
            | Self::TokenInvalid
            | Self::ProofInvalid => StatusCode::UNAUTHORIZED,
            Self::NotAllowed | Self::NotAUser => StatusCode::FORBIDDEN,
            Self::KeysUnavailable
            | Self::KeysRateLimited
            | Self::ReplayMemoryFull
            | Self::ReplayStoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What of a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// The length of the token, in bytes.
    Size,
    /// `alg`.
    Algorithm,
    /// `typ`.
    Type,
    /// `iss`.
    Issuer,
    /// `kid`.
    KeyId,
    /// `aud`.
    Audience,
    /// The time between `iat` and `exp`, in seconds.
    Lifetime,
    /// `iat`.
    IssuedAt,
    /// `nbf`.
    NotBefore,
    /// `azp` or `client_id`.
    Client,
    /// `org_id` or `org_name`.
    Organization,
    /// `sub` of `act`.
    Actor,
}

impl Claim {
    /// Its name in a token; `size` and `lifetime` for what no single member holds.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Algorithm => "alg",
            Self::Type => "typ",
            Self::Issuer => "iss",
            Self::KeyId => "kid",
            Self::Audience => "aud",
            Self::Lifetime => "lifetime",
            Self::IssuedAt => "iat",
            Self::NotBefore => "nbf",
            Self::Client => "azp",
            Self::Organization => "org_id",
            Self::Actor => "act",
        }
    }
}

/// A refused claim with both values. Neither holds the token; the found one may be chosen by the sender of the token, so
/// it is cut to 256 characters and holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The claim.
    pub claim: Claim,
    /// What is accepted.
    pub expected: String,
    /// What the token says.
    pub found: String,
}

/// Longest value of a token that is shown.
const MAX_SHOWN: usize = 256;

/// A value of a token, fit for a line of a log: other text could turn round what a terminal shows of the line.
pub(crate) fn shown(value: &str) -> String {
    value.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(MAX_SHOWN).collect()
}

/// A refused request: the reason, a sentence for the caller, and the challenge of RFC 6750.
///
/// Neither holds the token or any part of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// A sentence for the caller. It never says which check before the signature failed.
    pub detail: Cow<'static, str>,
    /// `WWW-Authenticate` values, and a DPoP nonce, for the answer.
    pub challenge: Box<Challenge>,
    /// When to come back: always there for refusals that are not the caller's fault (503).
    pub retry_after: Option<Duration>,
    /// What exactly was wrong, for the log alone.
    pub cause: &'static str,
    /// What was refused beside what was expected, for the log alone.
    pub mismatch: Option<Box<Mismatch>>,
    pub(crate) error: Error,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Refusal {
    /// The answer: status, challenge, DPoP nonce and `Retry-After`, with an empty body.
    #[must_use]
    pub fn response<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.reason.status();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for value in &self.challenge.values {
            headers.append(WWW_AUTHENTICATE, value.clone());
        }
        if let Some(nonce) = &self.challenge.nonce {
            headers.insert(DPOP_NONCE, nonce.clone());
        }
        if let Some(wait) = self.retry_after {
            // Rounded up: a client that comes too early is refused again.
            headers
                .insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        response
    }

    pub(crate) fn new(
        reason: Reason,
        error: Error,
        cause: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            reason,
            detail: detail.into(),
            challenge: Box::default(),
            retry_after: None,
            cause,
            mismatch: None,
            error,
            source: None,
        }
    }

    pub(crate) fn bad_request(cause: &'static str, detail: &'static str) -> Self {
        Self::new(Reason::BadRequest, Error::InvalidRequest, cause, detail)
    }

    pub(crate) fn missing(cause: &'static str) -> Self {
        let detail = "The request has no 'Authorization: Bearer ...' with an access token.";
        Self::new(Reason::TokenMissing, Error::None, cause, detail)
    }

    /// A header that begins with another scheme, or with the token itself.
    pub(crate) fn other_scheme() -> Self {
        let detail =
            "The header 'Authorization' does not begin with an accepted scheme, as in 'Bearer TOKEN'.";
        Self::new(Reason::TokenMissing, Error::None, "unknown scheme", detail)
    }

    /// A token that fails before, or at, its signature.
    pub(crate) fn not_valid(cause: &'static str) -> Self {
        Self::invalid(cause, NOT_VALID)
    }

    /// A genuine token that is not for us; or something so far from a token that it may be said.
    pub(crate) fn invalid(cause: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Reason::TokenInvalid, Error::InvalidToken, cause, detail)
    }

    /// Says what was refused beside what was expected.
    pub(crate) fn because(mut self, claim: Claim, expected: impl fmt::Display, found: &str) -> Self {
        self.mismatch =
            Some(Box::new(Mismatch { claim, expected: expected.to_string(), found: shown(found) }));
        self
    }

    pub(crate) fn proof(cause: &'static str, detail: &'static str) -> Self {
        Self::new(Reason::ProofInvalid, Error::InvalidProof, cause, detail)
    }

    pub(crate) fn forbidden(reason: Reason, cause: &'static str, detail: &'static str) -> Self {
        Self::new(reason, Error::None, cause, detail)
    }

    /// A refusal that is not the caller's fault. Without a better `wait` it is one second.
    pub(crate) fn later(
        reason: Reason,
        cause: &'static str,
        detail: &'static str,
        wait: Option<Duration>,
    ) -> Self {
        let wait = wait.unwrap_or(Duration::from_secs(1));
        Self { retry_after: Some(wait), ..Self::new(reason, Error::None, cause, detail) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// The source is there where the keys or the store of used ids could not be had, and is for the log alone.
impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
