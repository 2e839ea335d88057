//! The generic adapter's settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::LimitUnit;

/// How an API that none of the other adapters speaks behaves. Everything has a default that fits an API which
/// follows RFC 6749 and RFC 6750.
///
/// ```
/// use idp_adapters::{OAuth2Adapter, OAuth2Settings, TokenAuth};
///
/// let mut settings = OAuth2Settings::default();
/// settings.hosts = vec!["api.acme.com".to_owned()];
/// settings.token_url = Some("https://acme.com/oauth/token".to_owned());
/// settings.token_auth = TokenAuth::Post;
/// settings.rotates = true;
/// assert!(OAuth2Adapter::new(settings).allows_host("api.acme.com"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OAuth2Settings {
    /// Hosts that may receive the token besides the one of `base_url`.
    pub hosts: Vec<String>,
    /// Hosts from which redirected downloads may be fetched without a credential; `*` stands for a part of one label
    /// ([`HostPattern`](crate::HostPattern)).
    pub download_hosts: Vec<String>,
    /// The word in front of the token in `Authorization`; empty for none.
    pub scheme: String,
    /// Headers to send when the caller did not.
    pub headers: BTreeMap<String, String>,
    /// The token endpoint.
    pub token_url: Option<String>,
    /// How the client proves itself there.
    pub token_auth: TokenAuth,
    /// Whether refresh tokens are single use.
    pub rotates: bool,
    /// What stands between scopes in requests. Answers may use any.
    pub scope_delimiter: ScopeDelimiter,
    /// The revocation endpoint (RFC 7009); may hold `{client_id}`.
    pub revoke_url: Option<String>,
    /// The profile endpoint as a whole URL.
    pub profile_url: Option<String>,
    /// The profile endpoint as a path under the base URL.
    pub profile_path: Option<String>,
    /// Where the profile's members are.
    pub profile: ProfileMembers,
    /// How lists are paged.
    pub pagination: PaginationStyle,
    /// How errors look.
    pub errors: ErrorSelectors,
    /// Headers that say when a limit ends, in order of preference, after `Retry-After`.
    pub limits: Vec<LimitHeader>,
    /// Whether answers are known to repeat the token.
    pub echo_prone: bool,
    /// Whether `access_token` members of JSON answers are removed.
    pub strip_token_members: bool,
    /// Whether `%2F` in paths passes.
    pub encoded_slash: bool,
}

impl Default for OAuth2Settings {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            download_hosts: Vec::new(),
            scheme: "Bearer".to_owned(),
            headers: BTreeMap::new(),
            token_url: None,
            token_auth: TokenAuth::default(),
            rotates: true,
            scope_delimiter: ScopeDelimiter::default(),
            revoke_url: None,
            profile_url: None,
            profile_path: None,
            profile: ProfileMembers::default(),
            pagination: PaginationStyle::default(),
            errors: ErrorSelectors::default(),
            limits: Vec::new(),
            echo_prone: false,
            strip_token_members: false,
            encoded_slash: false,
        }
    }
}

/// How the OAuth client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenAuth {
    /// `client_id` and `client_secret` in the form.
    #[default]
    Post,
    /// `Authorization: Basic`.
    Basic,
    /// A signed assertion (RFC 7523), which the broker makes.
    PrivateKeyJwt,
}

/// What stands between scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScopeDelimiter {
    /// A space, as RFC 6749 says.
    #[default]
    Space,
    /// A comma.
    Comma,
}

impl ScopeDelimiter {
    /// The text between two scopes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ScopeDelimiter::Space => " ",
            ScopeDelimiter::Comma => ",",
        }
    }
}

/// How lists are paged. Members are JSON pointers (RFC 6901).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "style")]
#[non_exhaustive]
pub enum PaginationStyle {
    /// `Link` headers (RFC 8288).
    #[default]
    Link,
    /// The next page's URL stands in a member.
    NextUrl {
        /// Where.
        member: String,
    },
    /// A cursor stands in a member and goes into a query parameter.
    Cursor {
        /// Where.
        member: String,
        /// Into which parameter.
        parameter: String,
    },
    /// Pages are numbered.
    Page {
        /// The parameter.
        parameter: String,
    },
}

/// Where error answers say what. Members are JSON pointers; codes are compared as text, numbers included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ErrorSelectors {
    /// Where the error's code may stand.
    pub code: Vec<String>,
    /// Where the message may stand.
    pub message: Vec<String>,
    /// Codes of a token that is no longer accepted.
    pub token_dead: Vec<String>,
    /// Codes of a missing scope.
    pub scope_missing: Vec<String>,
    /// Where the missing scopes may be listed.
    pub required_scopes: Option<String>,
    /// Codes of a limit.
    pub rate_limited: Vec<String>,
    /// Codes of an OAuth client that is set up wrongly.
    pub misconfigured: Vec<String>,
}

impl Default for ErrorSelectors {
    fn default() -> Self {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Self {
            code: list(&["/error/code", "/error", "/code", "/errorCode"]),
            message: list(&["/error/message", "/error_description", "/message", "/detail", "/title"]),
            token_dead: list(&["invalid_token", "expired_token"]),
            scope_missing: list(&["insufficient_scope"]),
            required_scopes: None,
            rate_limited: Vec::new(),
            misconfigured: Vec::new(),
        }
    }
}

/// A header that says when a limit ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitHeader {
    /// The header.
    pub name: String,
    /// How it writes the time.
    #[serde(default)]
    pub unit: LimitUnit,
}

impl LimitHeader {
    /// A header and how it writes the time.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: LimitUnit) -> Self {
        Self { name: name.into(), unit }
    }
}

/// Where a profile answer keeps its members, as JSON pointers. The defaults are OpenID Connect's claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ProfileMembers {
    /// The id.
    pub sub: String,
    /// The full name.
    pub name: String,
    /// The first name.
    pub given_name: String,
    /// The last name.
    pub family_name: String,
    /// The user name.
    pub preferred_username: String,
    /// The profile page.
    pub profile: String,
    /// The picture.
    pub picture: String,
    /// The e-mail address.
    pub email: String,
    /// Whether it is verified.
    pub email_verified: String,
    /// The language.
    pub locale: String,
}

impl Default for ProfileMembers {
    fn default() -> Self {
        let at = |name: &str| format!("/{name}");
        Self {
            sub: at("sub"),
            name: at("name"),
            given_name: at("given_name"),
            family_name: at("family_name"),
            preferred_username: at("preferred_username"),
            profile: at("profile"),
            picture: at("picture"),
            email: at("email"),
            email_verified: at("email_verified"),
            locale: at("locale"),
        }
    }
}
