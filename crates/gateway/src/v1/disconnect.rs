//! `DELETE /v1/me/{provider}`: revoke at the provider where it can be done, and forget the grant.

use std::sync::Arc;

use http::Response;
use http::request::Parts;
use serde::Serialize;
use token_broker::Account;

use crate::body::Body;
use crate::call_error::CallError;
use crate::error_table;
use crate::problem::Problem;
use crate::proxy;
use crate::reply;
use crate::state::{Calls, RequestRecord, TokenError, VerifiedCaller};

#[derive(Serialize)]
struct Disconnected {
    revoked_at_provider: &'static str,
    forgotten: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Says honestly which of the two happened.
pub(crate) async fn answer(
    calls: &Calls,
    parts: &Parts,
    verified: VerifiedCaller,
    name: &str,
    record: &mut RequestRecord,
) -> Result<Response<Body>, Problem> {
    let provider = calls.named_provider(name, record)?;
    let caller = &Arc::clone(verified.caller());
    if let Some(scope) = provider.disconnect_scope.as_deref().filter(|scope| !caller.has(scope)) {
        let error = CallError::DisconnectScope(scope.to_owned());
        return Err(calls.access.challenge_scope(caller, error.into()));
    }
    let selector = proxy::account_selector(&parts.headers)?;
    let admitted = calls.access.admit(verified, Some(&provider), selector, record).await?;
    let revoked = calls.tokens.revoke(&admitted).await;
    let revoked = revoked.map_err(|error| match error {
        TokenError::Blocked(blocked) => Problem::from(blocked),
        TokenError::Broker(error) => error_table::broker(&error, Some(&provider.connect)),
    })?;
    let key = &revoked.revoked.key;
    record.account = Some(Account::new(key.connection.clone(), key.account.clone()));
    record.repeated = !revoked.changed;
    calls.prepared.clear();
    reply::json(&Disconnected {
        revoked_at_provider: revoked.at_provider.as_str(),
        forgotten: true,
        detail: revoked.detail,
    })
}
