//! Why a look-up failed.

use std::{borrow::Cow, error::Error as StdError, sync::Arc, time::Duration};

use mgmt_auth::Fault;

/// Why a look-up failed. Opaque; cheap to clone. Its text names no user and holds nothing secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    fault: Fault,
    retry_after: Option<Duration>,
    message: Cow<'static, str>,
    mismatch: bool,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a [`Directory`](crate::Directory) that is not a tenant.
    #[must_use]
    pub fn new(fault: Fault, message: impl Into<Cow<'static, str>>) -> Self {
        Self { fault, retry_after: None, message: message.into(), mismatch: false, source: None }
    }

    /// The same error with the time after which another try makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// The same error with what lies behind it as its `source()`.
    ///
    /// ```
    /// use user_store::{Error, Fault};
    ///
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// let error = Error::new(Fault::Tenant, "the directory does not answer").caused_by(refused);
    /// assert!(std::error::Error::source(&error).is_some());
    /// ```
    #[must_use]
    pub fn caused_by(mut self, error: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(error));
        self
    }

    pub(crate) fn mismatch() -> Self {
        let message = "the Management API answered with another user's record";
        Self { mismatch: true, ..Self::new(Fault::Tenant, message) }
    }

    pub(crate) fn lost() -> Self {
        Self::new(Fault::Tenant, "the look-up ended without an answer; try again")
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Auth0 has no such user.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.fault == Fault::NotFound
    }

    /// The tenant is over its rate limit.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.fault == Fault::RateLimited
    }

    /// Worth another try: the tenant is down or over its limit.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.fault, Fault::Tenant | Fault::RateLimited)
    }

    /// When to try again, if the tenant said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The record is larger than it may be; it is not asked for again at once.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        let source = self.source.as_deref().and_then(|source| source.downcast_ref::<mgmt_auth::Error>());
        source.is_some_and(mgmt_auth::Error::is_too_large)
    }

    /// Auth0 forbids the read to the management client, for every user.
    pub(crate) fn is_forbidden(&self) -> bool {
        const FORBIDDEN: u16 = 403;
        let is_403 =
            |error: &mgmt_auth::Error| error.status().is_some_and(|status| status.as_u16() == FORBIDDEN);
        let source = self.source.as_deref().and_then(|source| source.downcast_ref::<mgmt_auth::Error>());
        self.fault == Fault::Operator && source.is_none_or(is_403)
    }

    /// Whether an older record may serve instead: only when Auth0 answered 429, 5xx or not at all. A record of
    /// another user is none of these.
    #[must_use]
    pub fn excuses_stale(&self) -> bool {
        self.is_transient() && !self.mismatch
    }
}

impl From<mgmt_auth::Error> for Error {
    fn from(error: mgmt_auth::Error) -> Self {
        Self {
            fault: error.fault(),
            retry_after: error.retry_after(),
            message: if error.is_too_large() {
                "the user's record is larger than 1 MiB; unlink identities or remove their profile data"
                    .into()
            } else if error.is_not_found() {
                "the tenant has no such user".into()
            } else {
                "the Management API look-up failed".into()
            },
            mismatch: false,
            source: Some(Arc::new(error)),
        }
    }
}
