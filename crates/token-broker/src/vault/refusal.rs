//! What the tenant's refusals of an exchange mean (facts 4.2).

use std::time::Duration;

use super::VaultKey;
use crate::{Account, Error, Reason, Source};

/// The detail of a 404, which does not prove that the vault holds nothing.
const NO_SUCH_ACCOUNT: &str = "the tenant finds nothing to exchange for this account";

/// What an exchange was refused with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    pub(crate) code: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) rate_limited: bool,
    pub(crate) transient: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) error: Option<mgmt_auth::Error>,
}

impl From<mgmt_auth::Error> for Refused {
    fn from(error: mgmt_auth::Error) -> Self {
        Self {
            code: error.code().map(str::to_owned),
            status: error.status().map(|status| status.as_u16()),
            rate_limited: error.is_rate_limited(),
            transient: error.is_transient(),
            retry_after: error.retry_after(),
            error: Some(error),
        }
    }
}

pub(super) fn not_connected(connection: &str) -> Error {
    let reason =
        Reason::AccountNotConnected { connection: Some(connection.to_owned()), source: Source::Vault };
    Error::new(reason, "the user has not connected this account through Connected Accounts")
}

pub(super) fn unavailable(retry_after: Option<Duration>) -> Error {
    Error::new(Reason::TenantUnavailable, "the tenant's token endpoint gave no usable answer")
        .after(retry_after)
}

/// The error that a refusal stands for, with what the tenant said as its source.
pub(super) fn classify(refused: &Refused, key: &VaultKey) -> Error {
    let error = meaning(refused, key);
    match &refused.error {
        Some(source) => error.caused_by(source.clone()),
        None => error,
    }
}

fn meaning(refused: &Refused, key: &VaultKey) -> Error {
    let misconfigured = |detail: &'static str| Error::new(Reason::TenantMisconfigured, detail);
    match refused.code.as_deref() {
        _ if refused.rate_limited => {
            Error::new(Reason::TenantRateLimited, "the tenant's token endpoint is over its limit")
                .after(refused.retry_after)
        }
        _ if refused.transient => unavailable(refused.retry_after),
        Some("federated_connection_refresh_token_not_found") => not_connected(&key.connection),
        Some("federated_connection_refresh_token_flow_failed") => Error::reconnect(
            &Account::new(&key.connection, key.account.clone()),
            Source::Vault,
            "the provider no longer accepts the grant that Token Vault holds",
        ),
        Some("invalid_grant" | "expired_token") => Error::new(
            Reason::CallerTokenInvalid,
            "the tenant does not accept the caller token for an exchange",
        ),
        Some("mfa_required") => misconfigured(
            "the tenant's MFA policy makes Token Vault exchanges fail; set it to Never or drive it by Actions",
        ),
        Some("unauthorized_client") => misconfigured(
            "the vault client may not exchange tokens: enable the Token Vault grant, link it to the API, enable the \
             connection for it",
        ),
        Some("access_denied") if refused.status == Some(403) => misconfigured(
            "the vault client may not exchange tokens: enable the Token Vault grant, link it to the API, enable the \
             connection for it",
        ),
        Some("access_denied" | "invalid_client") => {
            misconfigured("the tenant does not accept the vault client's credentials")
        }
        _ if refused.status == Some(404) => Error::new(
            Reason::AccountNotConnected { connection: Some(key.connection.clone()), source: Source::Vault },
            NO_SUCH_ACCOUNT,
        ),
        _ => misconfigured("the tenant refuses the Token Vault exchange; its logs name the cause"),
    }
}

/// Whether the next source may be tried: only when the vault holds nothing for this user.
pub(crate) fn falls_through(error: &Error) -> bool {
    matches!(error.reason(), Reason::AccountNotConnected { source: Source::Vault, .. })
        && error.detail() != NO_SUCH_ACCOUNT
}
