//! `[providers.NAME.oauth2]`: how an API behaves that no other adapter speaks.
//!
//! Everything has a default that fits an API which follows RFC 6749 and RFC 6750. Members are JSON pointers (RFC 6901).

use std::{collections::BTreeMap, sync::Arc};

use idp_adapters::{Adapter, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::ProviderSettings;

/// Settings of the generic adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OAuth2Section {
    /// Hosts that may receive the token, in addition to the host of `base_url`.
    pub hosts: Vec<String>,
    /// Hosts from which redirected downloads may be fetched. They receive no credential.
    pub download_hosts: Vec<String>,
    /// The scheme in front of the token in `Authorization`. Empty: no scheme.
    pub scheme: String,
    /// Headers that are added when the caller does not send them.
    pub headers: BTreeMap<String, String>,
    /// How the OAuth client authenticates at `token_url`.
    pub token_auth: TokenAuth,
    /// Whether each refresh token works only once.
    pub rotates: bool,
    /// What separates scopes in requests. In answers, both are understood.
    pub scope_delimiter: ScopeDelimiter,
    /// Path of the profile endpoint, relative to `base_url`.
    pub profile_path: Option<String>,
    /// Where each OpenID Connect claim is found in the profile answer: claim = JSON pointer.
    pub profile: BTreeMap<ProfileClaim, String>,
    /// How the API pages lists.
    pub pagination: Pagination,
    /// How the API reports errors.
    pub errors: ErrorSection,
    /// Headers that say when a rate limit ends. `Retry-After` is read first, then these in order.
    pub limits: Vec<LimitHeader>,
    /// Whether the API is known to repeat the token in answers. Answers that cannot be searched are then refused.
    pub echo_prone: bool,
    /// Whether members named `access_token` are removed from JSON answers.
    pub strip_token_members: bool,
    /// Paths that are always refused, whatever `access` and the rules say.
    pub deny: Vec<DenyRule>,
}

impl Default for OAuth2Section {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            download_hosts: Vec::new(),
            scheme: "Bearer".to_owned(),
            headers: BTreeMap::new(),
            token_auth: TokenAuth::Post,
            rotates: true,
            scope_delimiter: ScopeDelimiter::Space,
            profile_path: None,
            profile: BTreeMap::new(),
            pagination: Pagination::default(),
            errors: ErrorSection::default(),
            limits: Vec::new(),
            echo_prone: false,
            strip_token_members: false,
            deny: Vec::new(),
        }
    }
}

impl ProviderSettings {
    /// The adapter of this entry, the generic one with its settings.
    ///
    /// # Errors
    ///
    /// When the settings do not describe an adapter, which validation excludes.
    pub fn make_adapter(&self) -> Result<Arc<dyn Adapter>, serde_json::Error> {
        if self.adapter != Kind::OAuth2 {
            return Ok(idp_adapters::shared(self.adapter));
        }
        let mut settings = serde_json::to_value(&self.oauth2)?;
        if let Some(members) = settings.as_object_mut() {
            // Deny rules are compared by the policy, beside those of the adapters.
            members.remove("deny");
            members.insert("token_url".to_owned(), self.token_url.as_ref().map(Url::as_str).into());
            members.insert("revoke_url".to_owned(), self.revoke_url.clone().into());
            members.insert("profile_url".to_owned(), self.profile_url.as_ref().map(Url::as_str).into());
            members.insert("encoded_slash".to_owned(), self.encoded_slash.into());
        }
        Ok(idp_adapters::OAuth2Adapter::new(serde_json::from_value(settings)?))
    }
}

/// `token_auth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenAuth {
    /// `client_id` and `client_secret` in the form.
    #[default]
    Post,
    /// `Authorization: Basic`.
    Basic,
}

/// `scope_delimiter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeDelimiter {
    /// A space, as RFC 6749 says.
    #[default]
    Space,
    /// A comma.
    Comma,
}

/// A claim of the one profile shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ProfileClaim {
    /// The id.
    Sub,
    /// The full name.
    Name,
    /// The first name.
    GivenName,
    /// The last name.
    FamilyName,
    /// The user name.
    PreferredUsername,
    /// The profile page.
    Profile,
    /// The picture.
    Picture,
    /// The e-mail address.
    Email,
    /// Whether it is verified.
    EmailVerified,
    /// The language.
    Locale,
}

/// `pagination`: which style, and the members and parameters that it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pagination {
    /// How an answer refers to the next page.
    pub style: PaginationStyle,
    /// For `next_url` and `cursor`: JSON pointer to the URL or the cursor of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// For `cursor` and `page`: name of the query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
}

/// `pagination.style`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaginationStyle {
    /// `Link` headers (RFC 8288).
    #[default]
    Link,
    /// The next page's URL stands in `member`; it is rewritten to the gateway.
    NextUrl,
    /// A cursor stands in `member` and goes into `parameter`.
    Cursor,
    /// `parameter` counts pages.
    Page,
}

/// `errors`: where error answers say what. Codes are compared as text, numbers included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorSection {
    /// JSON pointers to the error code. The first one that exists is used.
    pub code: Vec<String>,
    /// JSON pointers to the error message. The first one that exists is used.
    pub message: Vec<String>,
    /// Error codes that mean: the token is no longer accepted.
    pub token_dead: Vec<String>,
    /// Error codes that mean: the token lacks a scope.
    pub scope_missing: Vec<String>,
    /// JSON pointer to the list of missing scopes.
    pub required_scopes: Option<String>,
    /// Error codes that mean: a rate limit was reached.
    pub rate_limited: Vec<String>,
    /// Error codes that mean: the OAuth client is set up wrongly.
    pub misconfigured: Vec<String>,
}

impl Default for ErrorSection {
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitHeader {
    /// Name of the header.
    pub name: String,
    /// Unit of its value.
    #[serde(default)]
    pub unit: LimitUnit,
}

/// The unit of a limit header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitUnit {
    /// Seconds to wait.
    #[default]
    Seconds,
    /// Minutes to wait.
    Minutes,
    /// A point in time: seconds since 1970.
    EpochSeconds,
    /// A point in time: milliseconds since 1970.
    EpochMillis,
    /// A point in time: `2026-01-02T03:04:05Z`.
    #[serde(rename = "iso8601")]
    Iso8601,
}

/// A path that is always refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyRule {
    /// Methods that are refused. Empty: all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Path pattern, as in `rules`.
    pub path: String,
}
