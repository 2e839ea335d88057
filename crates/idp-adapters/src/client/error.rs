//! Why a call brought nothing.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode};

use super::details::{Details, FieldError};
use crate::{Classified, Kind, Outcome, TokenRefusal, exchange};

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
        details: Details,
        /// Why the token source has no token in place of a refused one.
        source: Option<Source>,
    },
    /// Not sent: there is no token.
    Token(Source),
    /// Not sent: the token is known to lack the scope.
    Foreseen(Classified),
    Transport(Unanswered),
    Malformed(&'static str, Option<Source>),
    Link(&'static str),
    Input(&'static str),
    Setup(&'static str),
    /// There is no HTTP client.
    Client(Source),
}

/// What lies behind an error.
pub(crate) type Source = Arc<dyn StdError + Send + Sync>;

/// Why no whole answer came.
#[derive(Clone)]
pub(crate) struct Unanswered {
    pub(crate) fault: Fault,
    pub(crate) source: Option<Source>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Connect,
    Timeout,
    TooLarge,
    Broken,
}

impl From<Fault> for Unanswered {
    fn from(fault: Fault) -> Self {
        Self { fault, source: None }
    }
}

impl Error {
    fn new(kind: Kind, cause: Cause) -> Self {
        Self(Box::new(Inner { kind, cause }))
    }

    pub(crate) fn refused(kind: Kind, status: StatusCode, classified: Classified, details: Details) -> Self {
        Self::new(kind, Cause::Refused { status, classified: quiet(classified), details, source: None })
    }

    /// The same refusal, with the reason why no other token was tried.
    pub(crate) fn without_replacement(mut self, reason: Source) -> Self {
        if let Cause::Refused { source, .. } = &mut self.0.cause {
            *source = Some(reason);
        }
        self
    }

    pub(crate) fn token(kind: Kind, source: Source) -> Self {
        Self::new(kind, Cause::Token(source))
    }

    pub(crate) fn foreseen(kind: Kind, classified: Classified) -> Self {
        Self::new(kind, Cause::Foreseen(quiet(classified)))
    }

    pub(crate) fn transport(kind: Kind, transport: Unanswered) -> Self {
        Self::new(kind, Cause::Transport(transport))
    }

    pub(crate) fn malformed(kind: Kind, what: &'static str) -> Self {
        Self::new(kind, Cause::Malformed(what, None))
    }

    pub(crate) fn unreadable(kind: Kind, what: &'static str, source: Source) -> Self {
        Self::new(kind, Cause::Malformed(what, Some(source)))
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

    pub(crate) fn no_client(kind: Kind, source: Source) -> Self {
        Self::new(kind, Cause::Client(source))
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
            Cause::Transport(_) | Cause::Malformed(..) | Cause::Link(_) | Cause::Token(_) => Outcome::Error,
            Cause::Input(_) => Outcome::Rejected,
            Cause::Setup(_) | Cause::Client(_) => Outcome::Misconfigured,
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

    /// The headers of the provider's answer, when it refused the call: request ids, rate limits, `Deprecation`. Without
    /// those that could quote the token or open something.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        Some(&self.details()?.headers)
    }

    /// What exactly the provider did not like (GitHub's 422: which field, and why).
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        self.details().map_or(&[], |details| &details.fields)
    }

    /// Where the user has to authenticate to an organization before the token may see it (GitHub with SAML single
    /// sign-on). Valid for an hour, and for this user alone.
    #[must_use]
    pub fn sso_url(&self) -> Option<&str> {
        self.details()?.sso_url.as_deref()
    }

    /// The claims that the user has to satisfy in an interactive sign-in, as JSON.
    #[must_use]
    pub fn claims(&self) -> Option<&str> {
        self.classified()?.claims.as_deref()
    }

    fn details(&self) -> Option<&Details> {
        match &self.0.cause {
            Cause::Refused { details, .. } => Some(details),
            _ => None,
        }
    }

    /// The call was not sent because the [`TokenSource`](super::TokenSource) had no token; the
    /// [`source`](std::error::Error::source) says why. Where the provider refused a token and the source had no other one, the error
    /// [is about that token](Self::is_token_dead), with the same `source`.
    #[must_use]
    pub fn is_token_unavailable(&self) -> bool {
        matches!(self.0.cause, Cause::Token(_))
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
        matches!(self.0.cause, Cause::Malformed(..))
    }

    /// No whole answer came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(&self.0.cause, Cause::Transport(transport) if transport.fault == Fault::Timeout)
    }

    /// The same call may succeed later: a limit, a failing provider, a broken connection.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match &self.0.cause {
            Cause::Refused { classified, .. } => {
                matches!(classified.outcome, Outcome::RateLimited | Outcome::Error)
            }
            Cause::Transport(transport) => transport.fault != Fault::TooLarge,
            _ => false,
        }
    }
}

/// Without the prose, and without codes that are not words.
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
        Outcome::Misconfigured => "refuses the OAuth client; correct its settings at the provider",
        Outcome::Rejected => "did not like the request",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.0.kind)?;
        match &self.0.cause {
            Cause::Refused { status, classified, .. } => {
                write!(f, "the provider {} (status {}", words(classified.outcome), status.as_u16())?;
                if let Some(code) = &classified.code {
                    write!(f, ", {code}")?;
                }
                f.write_str(")")?;
            }
            Cause::Foreseen(_) => f.write_str("not sent: the call needs a scope that the token lacks")?,
            Cause::Token(_) => f.write_str("not sent: the token source has no token")?,
            Cause::Transport(transport) => f.write_str(match transport.fault {
                Fault::Connect => "the provider cannot be reached",
                Fault::Timeout => "no whole answer came in time",
                Fault::TooLarge => "the answer is larger than the client's `max_body`",
                Fault::Broken => "the connection broke off",
            })?,
            Cause::Malformed(what, _) => write!(f, "the answer is malformed: {what}")?,
            Cause::Link(what) | Cause::Input(what) | Cause::Setup(what) => f.write_str(what)?,
            Cause::Client(source) => source.fmt(f)?,
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

impl TokenRefusal for Error {
    fn is_token_dead(&self) -> bool {
        Self::is_token_dead(self)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = match &self.0.cause {
            Cause::Token(source) => Some(source),
            Cause::Transport(transport) => transport.source.as_ref(),
            Cause::Malformed(_, source) | Cause::Refused { source, .. } => source.as_ref(),
            Cause::Client(source) => return source.source(),
            _ => None,
        };
        source.map(|source| &**source as &(dyn StdError + 'static))
    }
}
