//! Why a token endpoint refused, who can change that, and the one table that says so.

use std::fmt;

use super::Failure;
use crate::Kind;

/// Why a provider's token or revocation endpoint refused. [`Cause::failure`] says whether the grant is dead,
/// [`Cause::actor`] who has to act, and [`Cause::text`] both in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The refresh token is not valid, and the provider says no more than that.
    GrantInvalid,
    /// The refresh token is too old or was not used for too long.
    GrantExpired,
    /// The user, an administrator or a changed password ended the grant.
    GrantRevoked,
    /// The refresh token belongs to another OAuth client.
    OtherClient,
    /// The user has not consented to what is asked for, or the consent was withdrawn.
    ConsentMissing,
    /// The provider wants the user to sign in again: a second factor, a changed password, a risk.
    InteractionRequired,
    /// A policy of the user's organization refuses, and a new sign-in on another device or network may satisfy it.
    PolicyBlocked,
    /// The account is disabled, locked, or not a member of the tenant that was asked.
    AccountUnavailable,
    /// The OAuth client's secret, assertion or way of authentication is not accepted.
    ClientRejected,
    /// The OAuth client's secret or certificate has expired.
    ClientSecretExpired,
    /// The provider knows no such OAuth client.
    ClientUnknown,
    /// The OAuth client is disabled.
    ClientDisabled,
    /// The token endpoint belongs to another tenant or audience than the OAuth client or the grant.
    TokenEndpointWrong,
    /// The token endpoint is plain `http` to another machine: no secret is sent there.
    TokenEndpointInsecure,
    /// The resource or scopes are not available to the OAuth client.
    ResourceUnavailable,
    /// The provider did not like the request itself.
    RequestRefused,
    /// The provider limits how often it is asked. The grant is not affected.
    Throttled,
    /// The provider failed, or something else answered in its place. The grant is not affected.
    Unavailable,
    /// The answer is not one of a token endpoint.
    MalformedAnswer,
    /// The provider has no such operation.
    Unsupported,
    /// An error word that is not documented. It does not prove that the grant is dead.
    Unknown,
}

/// Who has to act after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Actor {
    /// The user, by connecting the account again.
    User,
    /// An administrator of the user's organization at the provider.
    Administrator,
    /// The operator of the OAuth client.
    Operator,
    /// Nobody: a later attempt may succeed.
    Nobody,
}

impl Actor {
    /// One word: `user`, `administrator`, `operator`, `nobody`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Actor::User => "user",
            Actor::Administrator => "administrator",
            Actor::Operator => "operator",
            Actor::Nobody => "nobody",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is fixed about a [`Cause`].
struct Facts {
    cause: Cause,
    name: &'static str,
    failure: Failure,
    actor: Actor,
    text: &'static str,
}

/// What is fixed about each cause.
const FACTS: &[Facts] = &[
    fact(
        Cause::GrantInvalid,
        "grant-invalid",
        Failure::Permanent,
        Actor::User,
        "The provider no longer accepts the refresh token. The user must connect the account again.",
    ),
    fact(
        Cause::GrantExpired,
        "grant-expired",
        Failure::Permanent,
        Actor::User,
        "The refresh token has expired. The user must connect the account again.",
    ),
    fact(
        Cause::GrantRevoked,
        "grant-revoked",
        Failure::Permanent,
        Actor::User,
        "The grant was revoked by the user, an administrator or a change of password. The user must connect \
        the account again.",
    ),
    fact(
        Cause::OtherClient,
        "other-client",
        Failure::Permanent,
        Actor::User,
        "The refresh token was issued to another OAuth client. The user must connect the account again; if this \
         happens to every user, client_id is not that of the client with which users sign in.",
    ),
    fact(
        Cause::ConsentMissing,
        "consent-missing",
        Failure::Permanent,
        Actor::User,
        "The user or an administrator has not consented to what the OAuth client asks for, or has withdrawn \
        the consent. The user must connect the account again.",
    ),
    fact(
        Cause::InteractionRequired,
        "interaction-required",
        Failure::Permanent,
        Actor::User,
        "The provider wants the user to sign in interactively, for a second factor or because of a policy. The \
        user must connect the account again.",
    ),
    fact(
        Cause::PolicyBlocked,
        "policy-blocked",
        Failure::Permanent,
        Actor::User,
        "A policy of the user's organization refuses this access. The user must connect the account again on \
        a device and network that the policy allows, or ask the organization's administrator.",
    ),
    fact(
        Cause::AccountUnavailable,
        "account-unavailable",
        Failure::Permanent,
        Actor::Administrator,
        "The user's account at the provider is disabled, locked or not part of the tenant. An administrator of \
        that tenant can change it; then the user must connect the account again.",
    ),
    fact(
        Cause::ClientRejected,
        "client-rejected",
        Failure::Misconfigured,
        Actor::Operator,
        "The provider does not accept the OAuth client's credentials. Set client_id and client_secret to those of the \
         client with which users sign in.",
    ),
    fact(
        Cause::ClientSecretExpired,
        "client-secret-expired",
        Failure::Misconfigured,
        Actor::Operator,
        "The OAuth client's secret has expired. Make a new one at the provider, and set it wherever this client is \
         configured.",
    ),
    fact(
        Cause::ClientUnknown,
        "client-unknown",
        Failure::Misconfigured,
        Actor::Operator,
        "The provider knows no such OAuth client. Check client_id, and at Microsoft the tenant in token_url.",
    ),
    fact(
        Cause::ClientDisabled,
        "client-disabled",
        Failure::Misconfigured,
        Actor::Operator,
        "The OAuth client is disabled at the provider, or for the user's tenant. Enable it there.",
    ),
    fact(
        Cause::TokenEndpointWrong,
        "token-endpoint-wrong",
        Failure::Misconfigured,
        Actor::Operator,
        "The token endpoint does not serve this OAuth client or this grant. Set token_url to the endpoint of the \
        tenant in which the application is registered: \
        https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.",
    ),
    fact(
        Cause::TokenEndpointInsecure,
        "token-endpoint-insecure",
        Failure::Misconfigured,
        Actor::Operator,
        "The token endpoint is not https, and nothing was sent. Set token_url to an https URL; http is accepted for \
        loopback addresses only.",
    ),
    fact(
        Cause::ResourceUnavailable,
        "resource-unavailable",
        Failure::Misconfigured,
        Actor::Operator,
        "The API or the scopes are not available to the OAuth client. Check its permissions and scopes at the \
        provider.",
    ),
    fact(
        Cause::RequestRefused,
        "request-refused",
        Failure::Misconfigured,
        Actor::Operator,
        "The provider refuses the token request itself. Check token_url and the OAuth client's set-up at the \
        provider.",
    ),
    fact(
        Cause::Throttled,
        "throttled",
        Failure::Transient,
        Actor::Nobody,
        "The provider limits how often its token endpoint is asked. Try again later.",
    ),
    fact(
        Cause::Unavailable,
        "unavailable",
        Failure::Transient,
        Actor::Nobody,
        "The provider's token endpoint cannot answer at the moment. Try again later.",
    ),
    fact(
        Cause::MalformedAnswer,
        "malformed-answer",
        Failure::Transient,
        Actor::Nobody,
        "The answer of the token endpoint cannot be read. Try again later.",
    ),
    fact(
        Cause::Unsupported,
        "unsupported",
        Failure::Misconfigured,
        Actor::Operator,
        "The provider has no such operation.",
    ),
    fact(
        Cause::Unknown,
        "unknown",
        Failure::Misconfigured,
        Actor::Operator,
        "The provider refused with an error that is not documented. Check the OAuth client's set-up at the \
        provider.",
    ),
];

const fn fact(cause: Cause, name: &'static str, failure: Failure, actor: Actor, text: &'static str) -> Facts {
    Facts { cause, name, failure, actor, text }
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 21] = [
        Cause::GrantInvalid,
        Cause::GrantExpired,
        Cause::GrantRevoked,
        Cause::OtherClient,
        Cause::ConsentMissing,
        Cause::InteractionRequired,
        Cause::PolicyBlocked,
        Cause::AccountUnavailable,
        Cause::ClientRejected,
        Cause::ClientSecretExpired,
        Cause::ClientUnknown,
        Cause::ClientDisabled,
        Cause::TokenEndpointWrong,
        Cause::TokenEndpointInsecure,
        Cause::ResourceUnavailable,
        Cause::RequestRefused,
        Cause::Throttled,
        Cause::Unavailable,
        Cause::MalformedAnswer,
        Cause::Unsupported,
        Cause::Unknown,
    ];

    /// A short name for logs and metrics: `grant-expired`, `other-client`, ...
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// Whether the grant is dead, the provider busy, or the OAuth client set up wrongly.
    #[must_use]
    pub fn failure(self) -> Failure {
        self.facts().failure
    }

    /// Who has to act.
    #[must_use]
    pub fn actor(self) -> Actor {
        self.facts().actor
    }

    /// The cause and its remedy in one or two sentences. Never holds what the provider said.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.facts().text
    }

    fn facts(self) -> &'static Facts {
        const UNKNOWN: &Facts = &fact(Cause::Unknown, "unknown", Failure::Misconfigured, Actor::Operator, "");
        FACTS.iter().find(|facts| facts.cause == self).unwrap_or(UNKNOWN)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// By what a refusal is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sign {
    /// A number in `error_codes` (Entra's AADSTS numbers).
    Number(u32),
    /// The member `error_subtype`.
    Subtype(&'static str),
    /// The member `error`.
    Word(&'static str),
}

/// One row of [`REFUSALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The provider whose row it is; `None` for every provider.
    pub kind: Option<Kind>,
    /// How the provider says it.
    pub sign: Sign,
    /// What it means.
    pub cause: Cause,
}

/// What token endpoints say and what it means: a number goes before a subtype, a subtype before a word, and a
/// provider's own row before that of all.
pub static REFUSALS: &[Refusal] = super::table::REFUSALS;

impl Cause {
    /// The cause of a refusal by `kind`'s token endpoint: `word` is the member `error`, `subtype` the member
    /// `error_subtype`, `numbers` the member `error_codes`. [`Cause::Unknown`] when no row of [`REFUSALS`] speaks of
    /// it.
    #[must_use]
    pub fn of(kind: Kind, word: &str, subtype: Option<&str>, numbers: &[u32]) -> Self {
        let find = |sign: &dyn Fn(Sign) -> bool| {
            let rows = || REFUSALS.iter().filter(|row| sign(row.sign));
            rows().find(|row| row.kind == Some(kind)).or_else(|| rows().find(|row| row.kind.is_none()))
        };
        find(&|sign| matches!(sign, Sign::Number(number) if numbers.contains(&number)))
            .or_else(|| find(&|sign| matches!(sign, Sign::Subtype(known) if Some(known) == subtype)))
            .or_else(|| find(&|sign| matches!(sign, Sign::Word(known) if known == word)))
            .map_or(Cause::Unknown, |row| row.cause)
    }
}
