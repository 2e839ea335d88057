//! Refresh and revocation without I/O: an adapter writes the request, the caller sends it, the adapter reads
//! the answer.

mod cause;
mod reply;
mod request;
mod table;

pub use self::cause::Cause;
pub(crate) use self::cause::{Refusal, Sign};
pub(crate) use self::{
    reply::{error_word, members, refreshed, revoke_refused},
    request::{bare, basic, get, is_confidential, post_form, segment, set_form},
};

use std::{fmt, time::Duration, time::SystemTime};

use http::{HeaderMap, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;
use url::Url;

/// Where an adapter's endpoints are for one configured provider, overrides not yet applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoints {
    /// The token endpoint.
    pub token_url: Option<String>,
    /// The revocation endpoint; may hold `{client_id}`.
    pub revoke_url: Option<String>,
    /// The profile endpoint.
    pub profile_url: Option<String>,
}

/// The OAuth client a grant was issued to: the connection's own.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OAuthClient<'a> {
    /// The client id.
    pub id: &'a str,
    /// How the client proves itself.
    pub proof: ClientProof<'a>,
}

impl<'a> OAuthClient<'a> {
    /// A client with this id and proof.
    #[must_use]
    pub const fn new(id: &'a str, proof: ClientProof<'a>) -> Self {
        Self { id, proof }
    }
}

/// How an OAuth client proves itself at a token endpoint.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ClientProof<'a> {
    /// A client secret; where it is put is the adapter's knowledge.
    Secret(&'a SecretString),
    /// A signed assertion (RFC 7523).
    Assertion(&'a SecretString),
    /// Nothing: a public client.
    None,
}

impl ClientProof<'_> {
    pub(crate) fn secret(&self) -> Option<&SecretString> {
        match self {
            ClientProof::Secret(secret) => Some(secret),
            ClientProof::Assertion(_) | ClientProof::None => None,
        }
    }
}

/// What a refresh request is made of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RefreshInput<'a> {
    /// The token endpoint.
    pub url: &'a Url,
    /// The connection's own OAuth client.
    pub client: OAuthClient<'a>,
    /// The refresh token; under [`RefreshRule::Exchange`](crate::RefreshRule::Exchange) the living access token.
    pub token: &'a SecretString,
    /// Scopes to ask for; `None` keeps what was granted.
    pub scopes: Option<&'a [String]>,
}

impl<'a> RefreshInput<'a> {
    /// A refresh that keeps the scopes.
    #[must_use]
    pub const fn new(url: &'a Url, client: OAuthClient<'a>, token: &'a SecretString) -> Self {
        Self { url, client, token, scopes: None }
    }

    /// Asks for these scopes.
    #[must_use]
    pub const fn scopes(mut self, scopes: &'a [String]) -> Self {
        self.scopes = Some(scopes);
        self
    }
}

/// What a revocation request is made of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RevokeInput<'a> {
    /// The revocation endpoint, `{client_id}` already filled in (see [`fill_client_id`]).
    pub url: &'a Url,
    /// The connection's own OAuth client.
    pub client: OAuthClient<'a>,
    /// The access token.
    pub access_token: &'a BearerToken,
    /// Its refresh token, where there is one.
    pub refresh_token: Option<&'a SecretString>,
}

impl<'a> RevokeInput<'a> {
    /// The revocation of a grant of which the access token is known.
    #[must_use]
    pub const fn new(url: &'a Url, client: OAuthClient<'a>, access_token: &'a BearerToken) -> Self {
        Self { url, client, access_token, refresh_token: None }
    }

    /// With the refresh token.
    #[must_use]
    pub const fn refresh_token(mut self, token: &'a SecretString) -> Self {
        self.refresh_token = Some(token);
        self
    }
}

/// `template` with `{client_id}` replaced by the percent-encoded client id.
#[must_use]
pub fn fill_client_id(template: &str, client_id: &str) -> String {
    template.replace("{client_id}", &segment(client_id))
}

/// A request to be sent as it is, redirects off. Its `Debug` shows neither query, header values nor body.
#[non_exhaustive]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The URL; its query can hold secrets.
    pub url: Url,
    /// All headers but those of framing.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<SecretString>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

impl HttpRequest {
    /// Method and URL, without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None }
    }

    /// Whether this may be sent as it is: its URL is `https`, or `http` to a loopback address. Every transport has to ask
    /// before it sends: these requests carry client secrets and refresh tokens.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        is_confidential(&self.url)
    }

    /// The body's bytes, empty when there is none.
    #[must_use]
    pub fn body_bytes(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| body.expose_secret().as_bytes())
    }
}

/// The answer to an [`HttpRequest`], body read whole (64 KiB are plenty). Its `Debug` shows the status alone.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Reply<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// When it arrived, to read dates against.
    pub at: SystemTime,
}

impl<'a> Reply<'a> {
    /// An answer that arrived at `at`.
    #[must_use]
    pub const fn new(status: StatusCode, headers: &'a HeaderMap, body: &'a [u8], at: SystemTime) -> Self {
        Self { status, headers, body, at }
    }

    /// A server that fails or is busy proves nothing about the grant, whatever its body says. Statuses beyond the
    /// registered classes count as failures.
    pub(crate) fn proves_nothing(&self) -> bool {
        self.status.as_u16() >= 500 || self.status == StatusCode::TOO_MANY_REQUESTS
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A refresh that succeeded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refreshed {
    /// The new access token.
    pub access_token: BearerToken,
    /// The new refresh token; `None` means that the one sent goes on.
    pub refresh_token: Option<SecretString>,
    /// An ID token that came along. Nothing is done with it, but it must not be passed on.
    pub id_token: Option<SecretString>,
    /// How long the access token lives, when the provider said so.
    pub expires_in: Option<Duration>,
    /// How long the refresh token lives, when the provider said so.
    pub refresh_expires_in: Option<Duration>,
    /// The scopes granted; `None` means as asked for, or unknown.
    pub scopes: Option<Vec<String>>,
}

/// What a refusal means for the grant. [`Cause`] is finer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The grant is dead; only the user can help, by connecting again.
    Permanent,
    /// Try again later. The grant may well be alive.
    Transient,
    /// The OAuth client is set up wrongly, which the operator has to correct. The grant may well be alive.
    Misconfigured,
}

/// Why a refresh did not succeed. Holds the provider's error word and number, never its prose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider refused the refresh: {} ({cause})", code.as_deref().unwrap_or("no reason given"))]
pub struct RefreshError {
    cause: Cause,
    code: Option<String>,
    number: Option<u32>,
    retry_after: Option<Duration>,
}

impl RefreshError {
    pub(crate) fn new(cause: Cause, code: Option<&str>, retry_after: Option<Duration>) -> Self {
        Self { cause, code: code.and_then(word), number: None, retry_after }
    }

    pub(crate) fn numbered(mut self, number: Option<u32>) -> Self {
        self.number = number;
        self
    }

    /// Why, who has to act, and both in plain words.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What that means for the grant.
    #[must_use]
    pub fn failure(&self) -> Failure {
        self.cause.failure()
    }

    /// The grant is dead.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.failure() == Failure::Permanent
    }

    /// Worth another try later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.failure() == Failure::Transient
    }

    /// The operator has to correct the OAuth client's set-up.
    #[must_use]
    pub fn is_misconfigured(&self) -> bool {
        self.failure() == Failure::Misconfigured
    }

    /// The provider's error word (`invalid_grant`), if it is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The provider's number for it (AADSTS numbers without the letters), if it gave one.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.number
    }

    /// When to try again, if the provider said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// What a successful revocation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revoked {
    /// The provider ended the grant.
    Now,
    /// The provider did not know the token: it had ended before.
    Before,
}

/// Why a revocation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider refused the revocation: {} ({})", .0.code().unwrap_or("no reason given"), .0.cause())]
pub struct RevokeError(pub(crate) RefreshError);

impl RevokeError {
    /// Why, who has to act, and both in plain words.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.0.cause()
    }

    /// What that means for the grant.
    #[must_use]
    pub fn failure(&self) -> Failure {
        self.0.failure()
    }

    /// The provider's error word, if it is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code()
    }

    /// When to try again, if the provider said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after()
    }
}

/// `text` if it looks like an error word: what a provider puts elsewhere could be anything, a token included. Tokens of 40
/// characters and more are left out; a caller that sent a shorter one compares with it.
pub(crate) fn word(text: &str) -> Option<String> {
    let plain = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_uppercase() || b.is_ascii_digit() || b"_-. ".contains(&b)
    };
    let short = text.len() < 40 || text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    (!text.is_empty() && text.len() <= 48 && short && text.bytes().all(plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
