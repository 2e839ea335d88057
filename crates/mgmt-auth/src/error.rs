//! What went wrong, and whose fault it is.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use api_transport::{TransportError, TransportErrorKind};
use http::StatusCode;
use token_keeper::LoadError;

/// Whose fault an [`Error`] is, and so who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The tenant is down, unreachable, or gives an answer that cannot be right. Waiting helps.
    Tenant,
    /// The tenant's rate limit, or our own budget of it. Waiting helps.
    RateLimited,
    /// The set-up: client, secret, grant, scopes, address. Only the operator can help.
    Operator,
    /// What was asked for does not exist.
    NotFound,
    /// The request: a malformed user id, an expired subject token, an account that is not connected.
    Request,
}

impl Fault {
    /// One word for spans and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::Operator => "misconfigured",
            Self::NotFound => "not_found",
            Self::Request => "rejected",
        }
    }
}

/// Why the tenant could not be asked, or what it refused. Opaque and cheap to clone.
///
/// Its text names the remedy. It contains no secret, no user and no text of the tenant's answer; of the answer only the
/// status and Auth0's error code ([`Error::code`]) remain. [`source`](std::error::Error::source) is the cause, if any.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    fault: Fault,
    message: Cow<'static, str>,
    code: Option<Box<str>>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(fault: Fault, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self(Arc::new(Inner { fault, message, code: None, status: None, retry_after: None, cause: None }))
    }

    pub(crate) fn tenant(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Fault::Tenant, message)
    }

    pub(crate) fn operator(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Fault::Operator, message)
    }

    pub(crate) fn limited(message: &'static str, retry_after: Duration) -> Self {
        Self::new(Fault::RateLimited, message).after(Some(retry_after))
    }

    pub(crate) fn after(mut self, retry_after: Option<Duration>) -> Self {
        Arc::make_mut(&mut self.0).retry_after = retry_after;
        self
    }

    pub(crate) fn answered(mut self, status: StatusCode, code: Option<&str>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        (inner.status, inner.code) = (Some(status), code.map(Into::into));
        self
    }

    /// Adds to the message what may help.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.message = format!("{}; {note}", inner.message).into();
        self
    }

    pub(crate) fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).cause = Some(Arc::new(cause));
        self
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.0.fault, Fault::Tenant | Fault::RateLimited)
    }

    /// Whether the tenant says that the asked-for thing does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.fault == Fault::NotFound
    }

    /// Whether a rate limit stands in the way.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.0.fault == Fault::RateLimited
    }

    /// Whether the answer was 401.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.0.status == Some(StatusCode::UNAUTHORIZED)
    }

    /// Whether the answer was larger than it may be. The same request gets the same answer for a while.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        let cause = self.0.cause.as_ref().and_then(|cause| cause.downcast_ref::<TransportError>());
        cause.is_some_and(|cause| cause.kind() == TransportErrorKind::TooLarge)
    }

    /// When to come back, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Auth0's error code: `error` of the token endpoint (`access_denied`), `errorCode` of the Management API
    /// (`insufficient_scope`).
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The answer's status; `None` when there was no answer.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match (self.0.status, self.code()) {
            (Some(status), Some(code)) => write!(f, " (answer {} {code})", status.as_u16()),
            (Some(status), None) => write!(f, " (answer {})", status.as_u16()),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("fault", &self.0.fault)
            .field("message", &self.0.message)
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .field("retry_after", &self.0.retry_after)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

impl LoadError for Error {
    fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    fn aborted() -> Self {
        Self::tenant("the request to the tenant ended without an answer; it is repeated")
    }

    fn with_retry_after(self, wait: Duration) -> Self {
        self.after(Some(wait))
    }
}
