//! `DELETE /v1/me/{provider}`: revoke at the provider where it can be done, and forget the grant.

use std::sync::Arc;

use http::Response;
use http::request::Parts;
use serde::Serialize;
use token_broker::{Account, Revocation, RevokedAtProvider, Selector, Source};

use crate::body::Body;
use crate::call_error::CallError;
use crate::connect::HostedConnect;
use crate::error_table;
use crate::problem::Problem;
use crate::proxy;
use crate::reply;
use crate::state::{Admitted, Calls, RequestRecord, TokenError, VerifiedCaller};

/// Only the user's own token removes an account from Token Vault, and Auth0 exchanges a caller token for one where it is set up so.
const KEPT_BY_AUTH0: &str = "Auth0 keeps the connected account; to remove it, the app sends DELETE \
    /me/v1/connected-accounts/accounts/{id} with the user's token for the My Account API";

#[derive(Serialize)]
struct Disconnected {
    revoked_at_provider: &'static str,
    forgotten: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Says honestly which of the two happened.
pub(crate) async fn answer(
    (calls, hosted): (&Calls, Option<&HostedConnect>),
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
    if !provider.plan.opens_something(caller) {
        return Err(CallError::NothingOpen.into());
    }
    let selector = proxy::account_selector(&parts.headers)?;
    let admitted = calls.access.admit(verified, Some(&provider), selector, record).await?;
    let revoked = calls.tokens.revoke(&admitted).await;
    let revoked = revoked.map_err(|error| match error {
        TokenError::Blocked(blocked) => Problem::from(blocked),
        TokenError::Broker(error) => error_table::broker(&error, Some(&provider.connect)),
    })?;
    let told = |one: &Revocation| {
        let key = &one.revoked.key;
        (Account::new(key.connection.clone(), key.account.clone()), one.changed)
    };
    record.disconnected = revoked.iter().map(told).collect();
    record.account = record.disconnected.first().map(|(account, _)| account.clone());
    if revoked.iter().any(|one| one.changed) {
        // Not for a repetition: the calls of all other users would have to prepare their tokens again.
        calls.prepared.clear();
    }
    let at_provider = at_provider(&revoked);
    let mut details = Vec::new();
    for one in revoked {
        details.extend(one.detail);
        // What it says of Token Vault holds for a minute: each time takes an exchange and calls of the My Account API.
        if one.revoked.key.source == Source::Vault
            && !one.again
            && !removed((calls, hosted), &admitted, &one.account).await?
        {
            details.push(KEPT_BY_AUTH0.to_owned());
        }
    }
    details.dedup();
    reply::json(&Disconnected {
        revoked_at_provider: at_provider.as_str(),
        forgotten: true,
        detail: (!details.is_empty()).then(|| details.join("; ")),
    })
}

/// What the provider did with the grants of all sources: it is `yes` where nothing is left that it could end.
fn at_provider(revoked: &[Revocation]) -> RevokedAtProvider {
    let all = || revoked.iter().map(|one| one.at_provider);
    [RevokedAtProvider::No, RevokedAtProvider::Yes]
        .into_iter()
        .find(|sought| all().any(|one| one == *sought))
        .unwrap_or(RevokedAtProvider::Unsupported)
}

/// Whether the account was removed from Token Vault as well. `account` has a user id if the call named one.
async fn removed(
    (calls, hosted): (&Calls, Option<&HostedConnect>),
    admitted: &Admitted<'_>,
    account: &Account,
) -> Result<bool, Problem> {
    let (Some(hosted), Some(token)) = (hosted, admitted.token()) else { return Ok(false) };
    if !hosted.remove(token, account).await {
        return Ok(false);
    }
    // What is cached of the user's connected accounts is out of date.
    let mut user = Selector::default();
    user.user = Some(admitted.caller().subject().to_owned());
    calls.tokens.forget(&user).await.map_err(|error| error_table::broker(&error, None))?;
    Ok(true)
}
