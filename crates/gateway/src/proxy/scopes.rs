//! The scopes that the provider wants for a call, compared with those of the grant before it is sent.

use http::{HeaderName, HeaderValue, Method, StatusCode};
use idp_adapters::Classified;

use crate::config::CheckScopes;
use crate::error_table;
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::state::{AdmittedCall, CallToken, Calls};

/// The scopes of which one is missing, on the answer to a call that was sent all the same.
pub(super) const MISSING: HeaderName = HeaderName::from_static("idp-missing-scopes");

/// What the grant is known to lack for this call, as a header's value.
///
/// # Errors
/// `check_scopes = "enforce"`, and something is missing.
pub(super) fn check(
    calls: &Calls,
    provider: &ProviderRuntime,
    (call, method): (&AdmittedCall<'_>, &Method),
    token: &CallToken,
) -> Result<Option<HeaderValue>, Problem> {
    if provider.check_scopes == CheckScopes::Off {
        return Ok(None);
    }
    let Some(classified) = missing(provider, (call, method), token) else { return Ok(None) };
    calls.metrics.scope_missing(&provider.label);
    if provider.check_scopes == CheckScopes::Observe {
        return Ok(HeaderValue::try_from(classified.missing_scopes.join(" ")).ok());
    }
    let may_ask = calls.may_ask(call.admitted().caller().subject(), token, &classified);
    Err(error_table::provider_answer(&provider.connect, token, (StatusCode::FORBIDDEN, &classified), may_ask))
}

fn missing(
    provider: &ProviderRuntime,
    (call, method): (&AdmittedCall<'_>, &Method),
    token: &CallToken,
) -> Option<Classified> {
    let granted = token.scopes()?;
    provider.plan.adapter().missing_scope(method, call.plan().host(), call.plan().path(), granted)
}
