//! Why a token endpoint refused, who can change that, and the one table that says so.

use std::fmt;

use super::Failure;
use crate::Kind;

/// Each row: the variant, its name for logs and metrics, what it means for the grant, and cause and remedy in plain words.
macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $failure:ident, $text:literal;)+) => {
        /// Why a provider's token or revocation endpoint refused. [`Cause::failure`] says whether the grant is dead,
        /// [`Cause::text`] who has to act and what to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* $variant,)+
        }

        impl Cause {
            /// All causes.
            pub const ALL: [Cause; [$($name),+].len()] = [$(Cause::$variant),+];

            /// A short name for logs and metrics: `grant-expired`, `other-client`, ...
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$variant => $name,)+ }
            }

            /// Whether the grant is dead, the provider busy, or the OAuth client set up wrongly.
            #[must_use]
            pub fn failure(self) -> Failure {
                match self { $(Cause::$variant => Failure::$failure,)+ }
            }

            /// The cause and its remedy in one or two sentences. Never holds what the provider said.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Cause::$variant => $text,)+ }
            }
        }
    };
}

causes! {
    /// The refresh token is not valid, and the provider says no more than that.
    GrantInvalid = "grant-invalid", Permanent,
        "The provider no longer accepts the refresh token. The user must connect the account again.";
    /// The refresh token is too old or was not used for too long.
    GrantExpired = "grant-expired", Permanent,
        "The refresh token has expired. The user must connect the account again.";
    /// The user, an administrator or a changed password ended the grant.
    GrantRevoked = "grant-revoked", Permanent,
        "The grant was revoked by the user, an administrator or a change of password. The user must connect the \
         account again.";
    /// The refresh token belongs to another OAuth client.
    OtherClient = "other-client", Permanent,
        "The refresh token was issued to another OAuth client. The user must connect the account again; if this \
         happens to every user, client_id is not that of the client with which users sign in.";
    /// The user has not consented to what is asked for, or the consent was withdrawn.
    ConsentMissing = "consent-missing", Permanent,
        "The user or an administrator has not consented to what the OAuth client asks for, or has withdrawn the \
         consent. The user must connect the account again.";
    /// The provider wants the user to sign in again: a second factor, a changed password, a risk.
    InteractionRequired = "interaction-required", Permanent,
        "The provider wants the user to sign in interactively, for a second factor or because of a policy. The user \
         must connect the account again.";
    /// A policy of the user's organization refuses, and a new sign-in on another device or network may satisfy it.
    PolicyBlocked = "policy-blocked", Permanent,
        "A policy of the user's organization refuses this access. The user must connect the account again on a device \
         and network that the policy allows, or ask the organization's administrator.";
    /// The account is disabled, locked, or not a member of the tenant that was asked.
    AccountUnavailable = "account-unavailable", Permanent,
        "The user's account at the provider is disabled, locked or not part of the tenant. An administrator of that \
         tenant can change it; then the user must connect the account again.";
    /// The OAuth client's secret, assertion or way of authentication is not accepted.
    ClientRejected = "client-rejected", Misconfigured,
        "The provider does not accept the OAuth client's credentials. Set client_id and client_secret to those of the \
         client with which users sign in.";
    /// The OAuth client's secret or certificate has expired.
    ClientSecretExpired = "client-secret-expired", Misconfigured,
        "The OAuth client's secret has expired. Make a new one at the provider, and set it wherever this client is \
         configured.";
    /// The provider knows no such OAuth client.
    ClientUnknown = "client-unknown", Misconfigured,
        "The provider knows no such OAuth client. Check client_id, and at Microsoft the tenant in token_url.";
    /// The OAuth client is disabled.
    ClientDisabled = "client-disabled", Misconfigured,
        "The OAuth client is disabled at the provider, or for the user's tenant. Enable it there.";
    /// The token endpoint belongs to another tenant or audience than the OAuth client or the grant.
    TokenEndpointWrong = "token-endpoint-wrong", Misconfigured,
        "The token endpoint does not serve this OAuth client or this grant. Set token_url to the endpoint of the \
         tenant in which the application is registered: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.";
    /// The token endpoint is plain `http` to another machine: no secret is sent there.
    TokenEndpointInsecure = "token-endpoint-insecure", Misconfigured,
        "The token endpoint is not https, and nothing was sent. Set token_url to an https URL; http is accepted for \
         loopback addresses only.";
    /// The resource or scopes are not available to the OAuth client.
    ResourceUnavailable = "resource-unavailable", Misconfigured,
        "The API or the scopes are not available to the OAuth client. Check its permissions and scopes at the \
         provider.";
    /// The provider did not like the request itself.
    RequestRefused = "request-refused", Misconfigured,
        "The provider refuses the token request itself. Check token_url and the OAuth client's set-up at the \
         provider.";
    /// The provider limits how often it is asked. The grant is not affected.
    Throttled = "throttled", Transient,
        "The provider limits how often its token endpoint is asked. Try again later.";
    /// The provider failed, or something else answered in its place. The grant is not affected.
    Unavailable = "unavailable", Transient,
        "The provider's token endpoint cannot answer at the moment. Try again later.";
    /// The answer is not one of a token endpoint.
    MalformedAnswer = "malformed-answer", Transient,
        "The answer of the token endpoint cannot be read. Try again later.";
    /// The provider has no such operation.
    Unsupported = "unsupported", Misconfigured,
        "The provider has no such operation.";
    /// An error word that is not documented. It does not prove that the grant is dead.
    Unknown = "unknown", Misconfigured,
        "The provider refused with an error that is not documented. Check the OAuth client's set-up at the provider.";
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// By what a refusal is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A number in `error_codes` (Entra's AADSTS numbers).
    Number(u32),
    /// The member `error_subtype`.
    Subtype(&'static str),
    /// The member `error`.
    Word(&'static str),
}

/// One row of [`REFUSALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The provider whose row it is; `None` for every provider.
    pub(crate) kind: Option<Kind>,
    /// How the provider says it.
    pub(crate) sign: Sign,
    /// What it means.
    pub(crate) cause: Cause,
}

/// What token endpoints say and what it means: a number goes before a subtype, a subtype before a word, and a
/// provider's own row before that of all.
pub(crate) static REFUSALS: &[Refusal] = super::table::REFUSALS;

impl Cause {
    /// The cause of a refusal by `kind`'s token endpoint: `word` is the member `error`, `subtype` the member
    /// `error_subtype`, `numbers` the member `error_codes`. [`Cause::Unknown`] when no row of [`REFUSALS`] speaks of
    /// it.
    pub(crate) fn of(kind: Kind, word: &str, subtype: Option<&str>, numbers: &[u32]) -> Self {
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
