//! Why a call brought nothing.

use std::{fmt, time::Duration};

use http::StatusCode;

use crate::{Classified, Kind, Outcome, exchange};

/// Why a typed call brought nothing: the provider refused it, could not be reached, or answered something else.
///
/// Holds the provider's error word, never its prose: error messages of providers quote tokens.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    cause: Cause,
}

#[derive(Clone)]
enum Cause {
    /// The provider answered, and not with what was asked for.
    Refused {
        status: StatusCode,
        classified: Classified,
    },
    /// Not sent: the token is known to lack the scope.
    Foreseen(Classified),
    Transport(Transport),
    Malformed(&'static str),
    Link(&'static str),
    Input(&'static str),
    Setup(&'static str),
}

/// Why no whole answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Connect,
    Timeout,
    TooLarge,
    Broken,
}

impl Error {
    fn new(kind: Kind, cause: Cause) -> Self {
        Self(Box::new(Inner { kind, cause }))
    }

    pub(crate) fn refused(kind: Kind, status: StatusCode, classified: Classified) -> Self {
        Self::new(kind, Cause::Refused { status, classified: quiet(classified) })
    }

    pub(crate) fn foreseen(kind: Kind, classified: Classified) -> Self {
        Self::new(kind, Cause::Foreseen(quiet(classified)))
    }

    pub(crate) fn transport(kind: Kind, transport: Transport) -> Self {
        Self::new(kind, Cause::Transport(transport))
    }

    pub(crate) fn malformed(kind: Kind, what: &'static str) -> Self {
        Self::new(kind, Cause::Malformed(what))
    }

    pub(crate) fn link(kind: Kind, what: &'static str) -> Self {
        Self::new(kind, Cause::Link(what))
    }

    pub(crate) fn input(kind: Kind, what: &'static str) -> Self {
        Self::new(kind, Cause::Input(what))
    }

    pub(crate) fn setup(kind: Kind, what: &'static str) -> Self {
        Self::new(kind, Cause::Setup(what))
    }

    fn classified(&self) -> Option<&Classified> {
        match &self.0.cause {
            Cause::Refused { classified, .. } | Cause::Foreseen(classified) => Some(classified),
            _ => None,
        }
    }

    /// Which provider was called.
    #[must_use]
    pub fn provider(&self) -> Kind {
        self.0.kind
    }

    /// What became of the call. Calls without a usable answer count as [`Outcome::Error`], calls that could not
    /// be made of their arguments as [`Outcome::Rejected`], clients that cannot work as
    /// [`Outcome::Misconfigured`].
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &self.0.cause {
            Cause::Refused { classified, .. } | Cause::Foreseen(classified) => classified.outcome,
            Cause::Transport(_) | Cause::Malformed(_) | Cause::Link(_) => Outcome::Error,
            Cause::Input(_) => Outcome::Rejected,
            Cause::Setup(_) => Outcome::Misconfigured,
        }
    }

    /// The status of the provider's answer, when one came that was not malformed.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match &self.0.cause {
            Cause::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The provider's error word or number, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.classified()?.code.as_deref()
    }

    /// When to come back; always there when [`Error::is_rate_limited`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.classified()?.retry_after
    }

    /// The scopes the token lacks. Several can be alternatives of one another.
    #[must_use]
    pub fn missing_scopes(&self) -> &[String] {
        self.classified().map_or(&[], |classified| &classified.missing_scopes)
    }

    /// The scopes the call needs.
    #[must_use]
    pub fn required_scopes(&self) -> &[String] {
        self.classified().map_or(&[], |classified| &classified.required_scopes)
    }

    /// What to ask for when the user connects again: the scopes held and the narrowest missing ones, comma-joined.
    #[must_use]
    pub fn connection_scope(&self) -> Option<&str> {
        self.classified()?.connection_scope.as_deref()
    }

    /// The provider does not accept the token (any more).
    #[must_use]
    pub fn is_token_dead(&self) -> bool {
        self.outcome() == Outcome::TokenDead
    }

    /// The token lacks a scope that the user could grant.
    #[must_use]
    pub fn is_scope_missing(&self) -> bool {
        self.outcome() == Outcome::ScopeMissing
    }

    /// A limit of the provider; [`Error::retry_after`] says when it ends.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.outcome() == Outcome::RateLimited
    }

    /// There is no such thing, or the token may not see it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.outcome() == Outcome::Rejected && self.status() == Some(StatusCode::NOT_FOUND)
    }

    /// The answer was a success, and not what this call answers.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        matches!(self.0.cause, Cause::Malformed(_))
    }

    /// No whole answer came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.cause, Cause::Transport(Transport::Timeout))
    }

    /// The same call may succeed later: a limit, a failing provider, a broken connection.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match &self.0.cause {
            Cause::Refused { classified, .. } => {
                matches!(classified.outcome, Outcome::RateLimited | Outcome::Error)
            }
            Cause::Transport(transport) => *transport != Transport::TooLarge,
            _ => false,
        }
    }
}

/// Without the prose, and without codes that are none.
fn quiet(mut classified: Classified) -> Classified {
    classified.detail = None;
    classified.code = classified.code.as_deref().and_then(exchange::word);
    classified
}

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "answered with something else than was asked for",
        Outcome::TokenDead => "does not accept the token; refresh it or let the user connect again",
        Outcome::ScopeMissing => "wants a scope that the token lacks; let the user connect again with it",
        Outcome::Denied => "does not let the user do that",
        Outcome::RateLimited => "limits the calls; come back later",
        Outcome::Error => "failed; try again later",
        Outcome::Misconfigured => "refuses the OAuth client; mend its settings at the provider",
        Outcome::Rejected => "did not like the request",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.0.kind)?;
        match &self.0.cause {
            Cause::Refused { status, classified } => {
                write!(f, "the provider {} (status {}", words(classified.outcome), status.as_u16())?;
                if let Some(code) = &classified.code {
                    write!(f, ", {code}")?;
                }
                f.write_str(")")?;
            }
            Cause::Foreseen(_) => f.write_str("not sent: the call needs a scope that the token lacks")?,
            Cause::Transport(Transport::Connect) => f.write_str("the provider cannot be reached")?,
            Cause::Transport(Transport::Timeout) => f.write_str("no whole answer came in time")?,
            Cause::Transport(Transport::TooLarge) => {
                f.write_str("the answer is larger than the client's `max_body`")?;
            }
            Cause::Transport(Transport::Broken) => f.write_str("the connection broke off")?,
            Cause::Malformed(what) => write!(f, "the answer is malformed: {what}")?,
            Cause::Link(what) | Cause::Input(what) | Cause::Setup(what) => f.write_str(what)?,
        }
        if !self.missing_scopes().is_empty() {
            write!(f, "; missing: {}", self.missing_scopes().join(", "))?;
        }
        match self.retry_after() {
            Some(wait) => write!(f, "; in {} s", wait.as_secs()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("outcome", &self.outcome())
            .field("status", &self.status().map(|status| status.as_u16()))
            .field("message", &self.to_string())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}
