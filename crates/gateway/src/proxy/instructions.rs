//! Request headers for the gateway alone.

use http::{HeaderMap, HeaderName};
use token_broker::AccountSelector;

use crate::call_error::CallError;

const IDP_ACCOUNT: HeaderName = HeaderName::from_static("idp-account");
const IDP_ERRORS: HeaderName = HeaderName::from_static("idp-errors");

/// `Idp-Errors`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ErrorMode {
    /// Provider errors pass as they are.
    #[default]
    Passthrough,
    /// Provider errors become problems.
    Problem,
}

/// Reads `Idp-Errors`.
pub(super) fn error_mode(headers: &HeaderMap) -> Result<ErrorMode, CallError> {
    match single(headers, &IDP_ERRORS)? {
        None => Ok(ErrorMode::Passthrough),
        Some(word) if word.eq_ignore_ascii_case("passthrough") => Ok(ErrorMode::Passthrough),
        Some(word) if word.eq_ignore_ascii_case("problem") => Ok(ErrorMode::Problem),
        Some(_) => Err(CallError::ErrorMode),
    }
}

/// Reads `Idp-Account`.
pub(crate) fn account_selector(headers: &HeaderMap) -> Result<Option<AccountSelector>, CallError> {
    let Some(text) = single(headers, &IDP_ACCOUNT)? else { return Ok(None) };
    text.parse().map(Some).map_err(CallError::Account)
}

/// The value of a header that may stand once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, CallError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(CallError::RepeatedHeader(name.clone()));
    }
    first
        .map(|value| value.to_str().map(str::trim).map_err(|_| CallError::UnreadableHeader(name.clone())))
        .transpose()
}
