//! Why there is no token.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use idp_adapters::Cause;

use crate::{Account, Source, StoreError};

/// Why there is no token. Opaque; cheap enough to clone. Its text is for operators and holds nothing secret; what lies behind
/// it, where there is something, is its `source`.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    reason: Reason,
    retry_after: Option<Duration>,
    detail: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What became of a request that ended without a token: who has to act.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No provider of this name is configured.
    UnknownProvider,
    /// Auth0 has no such user.
    UserUnknown,
    /// The user is blocked in the tenant.
    UserBlocked,
    /// Several accounts fit and the caller named none.
    AccountAmbiguous(Vec<Account>),
    /// The user has no account at this provider, or not the one that was named.
    AccountNotConnected {
        /// The connection to connect.
        connection: Option<String>,
        /// Where the grant would live: decides how to connect.
        source: Source,
    },
    /// The provider no longer accepts the grant; only the user can help.
    ReconnectRequired {
        /// The account.
        account: Account,
        /// Where the grant lives: decides how to connect.
        source: Source,
        /// Why the provider's token endpoint refused the grant, where it did.
        cause: Option<Cause>,
        /// A single-use refresh token was spent and its successor lost; to be audited as `refresh_lost`.
        refresh_lost: bool,
        /// The account was disconnected here ([`Broker::revoke`](crate::Broker::revoke)); without it the provider, or Auth0, has no
        /// usable grant.
        revoked: bool,
    },
    /// The provider refuses, at this endpoint, a token that worked or was issued within the last minute, or the endpoint did so
    /// within the last five minutes. Either the endpoint refuses the request, or the access was revoked meanwhile. The
    /// account stays open: treat it as a refusal of the request and never as a 401.
    EndpointRefused {
        /// The account.
        account: Account,
        /// Where the grant lives: decides how to connect, which helps after a revocation.
        source: Source,
    },
    /// The tenant did not accept the caller token as the subject of an exchange.
    CallerTokenInvalid,
    /// The tenant is over its rate limit.
    TenantRateLimited,
    /// The tenant is down or unreachable.
    TenantUnavailable,
    /// The tenant's set-up is incomplete. The operator has to correct it.
    TenantMisconfigured,
    /// The grant store is down, and what was asked must not be done without it.
    StoreUnavailable,
    /// The provider's token endpoint cannot be reached.
    ProviderUnreachable,
    /// The provider's token endpoint did not answer in time.
    ProviderTimeout,
    /// The provider's token endpoint is over its limit.
    ProviderRateLimited,
    /// The provider's token endpoint answered with an error of its own.
    ProviderError,
    /// The provider does not accept the connection's OAuth client. The operator has to correct it.
    ProviderMisconfigured,
}

impl Error {
    pub(crate) fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { reason, retry_after: None, detail: detail.into(), source: None }))
    }

    pub(crate) fn after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after.or(self.0.retry_after);
        self
    }

    pub(crate) fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// What became of the request.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// When to try again, if that is known: a server said so, or, with [`Reason::ReconnectRequired`], it is how long this process
    /// remembers that the token is dead. Until then only [`Broker::reconnected`](crate::Broker::reconnected) or a newer caller token
    /// ([`TokenRequest::issued_at`](crate::TokenRequest::issued_at)) makes it look for another one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// One sentence for people: what happened, and the remedy where there is one. Never a secret.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Worth another try without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.reason,
            Reason::TenantRateLimited
                | Reason::TenantUnavailable
                | Reason::StoreUnavailable
                | Reason::ProviderUnreachable
                | Reason::ProviderTimeout
                | Reason::ProviderRateLimited
                | Reason::ProviderError
        )
    }

    /// The user, or the account, is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.0.reason,
            Reason::UserUnknown | Reason::AccountNotConnected { .. } | Reason::UnknownProvider
        )
    }

    /// One word for spans and metrics: what a refresh or an exchange came to.
    pub(crate) fn fetch_outcome(&self) -> &'static str {
        match self.0.reason {
            Reason::TenantRateLimited | Reason::ProviderRateLimited => "rate_limited",
            Reason::TenantMisconfigured | Reason::ProviderMisconfigured => "misconfigured",
            Reason::UserUnknown | Reason::AccountNotConnected { .. } | Reason::UnknownProvider => "not_found",
            Reason::ReconnectRequired { .. }
            | Reason::EndpointRefused { .. }
            | Reason::CallerTokenInvalid => "rejected",
            _ => "unavailable",
        }
    }

    #[cfg(test)]
    pub(crate) fn is_reconnect(&self) -> bool {
        matches!(self.0.reason, Reason::ReconnectRequired { .. })
    }

    pub(crate) fn reconnect(account: &Account, source: Source, detail: &'static str) -> Self {
        let reason = Reason::ReconnectRequired {
            account: account.clone(),
            source,
            cause: None,
            refresh_lost: false,
            revoked: false,
        };
        Self::new(reason, detail)
    }

    /// The user has disconnected the account.
    pub(crate) fn revoked(account: &Account, source: Source, detail: &'static str) -> Self {
        let mut error = Self::reconnect(account, source, detail);
        if let Reason::ReconnectRequired { revoked, .. } = &mut error.0.reason {
            *revoked = true;
        }
        error
    }

    /// Adds the cause that the provider's token endpoint gave.
    pub(crate) fn because(mut self, why: Cause) -> Self {
        if let Reason::ReconnectRequired { cause, .. } = &mut self.0.reason {
            *cause = Some(why);
        }
        self
    }

    pub(crate) fn refresh_lost(account: &Account) -> Self {
        let reason = Reason::ReconnectRequired {
            account: account.clone(),
            source: Source::Identities,
            cause: None,
            refresh_lost: true,
            revoked: false,
        };
        Self::new(
            reason,
            "a single-use refresh token was sent before a crash and its successor was never stored; the user has \
             to connect again",
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<user_store::Error> for Error {
    fn from(error: user_store::Error) -> Self {
        let (reason, detail) = match error.fault() {
            user_store::Fault::NotFound => (Reason::UserUnknown, "the tenant has no such user"),
            user_store::Fault::RateLimited => {
                (Reason::TenantRateLimited, "the Management API is over its rate limit")
            }
            user_store::Fault::Operator => (
                Reason::TenantMisconfigured,
                "the Management API refuses the client: check its credentials and its grant for the Management API",
            ),
            user_store::Fault::Request => (Reason::UserUnknown, "the caller's subject is no Auth0 user id"),
            _ => (Reason::TenantUnavailable, "the Management API gave no usable answer"),
        };
        Self::new(reason, detail).after(error.retry_after()).caused_by(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let detail = if error.is_damaged() {
            "the stored grant cannot be opened; the operator has to put the missing key back, or forget the grant"
        } else {
            "the grant store cannot be used just now"
        };
        Self::new(Reason::StoreUnavailable, detail).after(Some(Duration::from_secs(1))).caused_by(error)
    }
}
