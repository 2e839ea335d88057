//! Why a request was refused.

use std::time::Duration;

use super::challenge::{Challenge, Error};
use crate::outcome::Code;

/// What every token that fails before its signature is checked is told.
const NOT_VALID: &str = "The access token is not a valid token of this tenant.";

/// A refused request: the code, a sentence for the caller, and the challenge of RFC 6750.
///
/// Neither holds the token or any part of it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The word of the closed list.
    pub code: Code,
    /// A sentence for the caller. It never says which check before the signature failed.
    pub detail: &'static str,
    /// `WWW-Authenticate` values, and a DPoP nonce, for the answer.
    pub challenge: Challenge,
    /// When to come back, for refusals that are not the caller's fault.
    pub retry_after: Option<Duration>,
    /// What exactly was wrong, for the log alone.
    pub cause: &'static str,
    pub(super) error: Error,
}

impl Refusal {
    pub(super) fn new(code: Code, error: Error, cause: &'static str, detail: &'static str) -> Self {
        Self { code, detail, challenge: Challenge::default(), retry_after: None, cause, error }
    }

    pub(super) fn bad_request(cause: &'static str, detail: &'static str) -> Self {
        Self::new(Code::BadRequest, Error::InvalidRequest, cause, detail)
    }

    pub(super) fn missing(cause: &'static str) -> Self {
        let detail = "Send the app's access token as 'Authorization: Bearer ...'.";
        Self::new(Code::CallerTokenMissing, Error::None, cause, detail)
    }

    /// A token that fails before, or at, its signature.
    pub(super) fn not_valid(cause: &'static str) -> Self {
        Self::invalid(cause, NOT_VALID)
    }

    /// A genuine token that is not for us; or something so far from a token that it may be said.
    pub(super) fn invalid(cause: &'static str, detail: &'static str) -> Self {
        Self::new(Code::CallerTokenInvalid, Error::InvalidToken, cause, detail)
    }

    pub(super) fn proof(cause: &'static str, detail: &'static str) -> Self {
        Self::new(Code::DpopProofInvalid, Error::InvalidProof, cause, detail)
    }

    pub(super) fn forbidden(code: Code, cause: &'static str, detail: &'static str) -> Self {
        Self::new(code, Error::None, cause, detail)
    }

    pub(super) fn later(
        code: Code,
        cause: &'static str,
        detail: &'static str,
        wait: Option<Duration>,
    ) -> Self {
        Self { retry_after: wait, ..Self::new(code, Error::None, cause, detail) }
    }
}
