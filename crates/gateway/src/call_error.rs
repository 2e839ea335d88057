//! Why a call ends without the provider's answer, as the steps of a call see it. `error_table` says what the caller gets.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use token_broker::InvalidSelector;

/// Why a call ends without the provider's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The route names no configured provider.
    UnknownProvider,
    /// The caller's quota is spent until then.
    QuotaSpent(Duration),
    /// No request could make the call that is asked about.
    NoCall(&'static str),
    /// The query of the call that is asked about holds a token.
    TokenInQuery,
    /// The user's calls to the provider hold one user's share of `max_in_flight`.
    ShareTaken,
    /// The user's requests hold one user's share of `server.limits.in_flight`.
    RequestsTaken,
    /// `max_in_flight` calls to the provider are running.
    ProviderBusy,
    /// A header for the gateway is there more than once.
    RepeatedHeader(HeaderName),
    /// A header for the gateway contains bytes that are not visible ASCII.
    UnreadableHeader(HeaderName),
    /// `Connection` nominates a field that describes the content.
    NominatedContent(HeaderName),
    /// `Idp-Errors` has no known value.
    ErrorMode,
    /// `Idp-Account` names no account.
    Account(InvalidSelector),
    /// The caller's own token is in the path.
    TokenInPath,
    /// The caller's own token is in a header that would go to the provider.
    TokenInHeader,
    /// The caller's own token is in the request's body.
    TokenInBody,
    /// The rules open no call at this provider to this caller: there is nothing to connect or disconnect for.
    NothingOpen,
    /// To disconnect an account, the caller needs this scope.
    DisconnectScope(String),
    /// Neither the settings nor the adapter know where the profile of this provider is.
    NoProfileUrl(String),
    /// The provider's profile is not what the adapter expects.
    UnreadableProfile,
    /// The provider's answer ended early.
    AnswerEndedEarly,
    /// The provider's answer, which a tool reads before it answers, did not end in this time.
    AnswerTooSlow(Duration),
    /// The provider switched to another protocol without an `Upgrade` in the request.
    SwitchedProtocols,
    /// The answer's encoding cannot be searched, and this provider repeats what it was sent.
    UninspectableAnswer,
    /// The provider redirected to a host that is not one of its own.
    ForeignRedirect,
    /// The provider redirected to a page at which a browser signs in.
    SessionPage,
    /// The provider redirected to an address that holds the token.
    TokenInRedirect,
    /// The download host did not accept the signed address; its status.
    DownloadRefused(StatusCode),
    /// A header names a method that is not the method of the request.
    MethodOverride(HeaderName),
    /// The form of a request that means a GET holds what that GET's query may not, or is too long for a query.
    OverriddenForm,
    /// The download redirected more often than is followed.
    TooManyRedirects,
    /// The provider refused the token, and the request's body cannot be sent again; the next call gets a fresh token.
    BodyNotRepeatable,
    /// The provider refused a token that another replica had refreshed; the next call gets a fresh token.
    RefreshedElsewhere,
}
