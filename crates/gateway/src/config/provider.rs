//! `[providers.NAME]`: one provider under `/proxy/NAME`.

use std::{collections::BTreeMap, path::PathBuf};

use idp_adapters::{HostPattern, RefreshRule};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    adapter::AdapterKind,
    oauth2::{OAuth2Section, TokenAuth},
    quotas::CallerQuota,
    rule::Rule,
    secret::{ClientAuth, ClientCredentials, SecretSource},
    unit::{self, PathText, SecretText, UrlText},
};

/// A provider: which API, for which Auth0 connections, with which access.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// The entry's name, which is its segment in `/proxy/NAME`.
    #[serde(skip)]
    pub name: String,
    /// The adapter; default the entry's name.
    pub adapter: AdapterKind,
    /// Auth0 connections whose identities belong here; default the adapter's own names.
    pub connections: Vec<String>,
    /// Where tokens come from, in this order.
    #[serde(default = "default_source")]
    pub source: Vec<Source>,
    /// Origin with optional path, put before the caller's path; default the adapter's.
    #[serde(deserialize_with = "unit::url")]
    #[schemars(with = "UrlText")]
    pub base_url: Url,
    /// Where other hosts of the provider really are: `"provider host" = "origin"`.
    #[serde(default, deserialize_with = "unit::url_map")]
    #[schemars(with = "BTreeMap<String, UrlText>")]
    pub upstreams: BTreeMap<String, Url>,
    /// Virtual hosts: `"public host" = "provider host"`, without port, compared without case.
    #[serde(default)]
    pub hosts: BTreeMap<String, String>,
    /// The token endpoint; default the adapter's, unset where `base_url` was changed (GitHub Enterprise excepted).
    #[serde(default, deserialize_with = "unit::optional_url")]
    #[schemars(with = "Option<UrlText>")]
    pub token_url: Option<Url>,
    /// The revocation endpoint, which may hold `{client_id}`; default as for `token_url`.
    #[serde(default)]
    #[schemars(with = "Option<UrlText>")]
    pub revoke_url: Option<String>,
    /// The profile endpoint; default the adapter's usual path under `base_url`.
    #[serde(default, deserialize_with = "unit::optional_url")]
    #[schemars(with = "Option<UrlText>")]
    pub profile_url: Option<Url>,
    /// The OAuth client of the Auth0 connection: needed to refresh and to revoke.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its secret; better in a file.
    #[serde(default, deserialize_with = "unit::optional_secret")]
    #[schemars(with = "Option<SecretText>")]
    pub client_secret: Option<SecretString>,
    /// File with its secret, read at each use.
    #[serde(default)]
    #[schemars(with = "Option<PathText>")]
    pub client_secret_file: Option<PathBuf>,
    /// Refresh tokens at the provider; `false` leaves the credentials to revocation.
    #[serde(default = "yes")]
    pub refresh: bool,
    /// What callers may do where no rule matches.
    #[serde(default)]
    pub access: Access,
    /// The first rule that matches decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Whether `%2F` inside a path passes; default by adapter.
    pub encoded_slash: bool,
    /// What happens to redirects to other hosts.
    #[serde(default)]
    pub redirects: Redirects,
    /// More hosts from which redirected downloads are fetched, without any credential; `*` is a part of one label.
    #[serde(default, deserialize_with = "unit::host_patterns")]
    #[schemars(with = "Vec<String>")]
    pub download_hosts: Vec<HostPattern>,
    /// Whether `url` and `*_url` members of bodies point here too (GitHub), for clients that follow them.
    #[serde(default)]
    pub rewrite_urls: bool,
    /// Version of the API to ask for where the caller names none; empty for none; default the adapter's.
    #[serde(default)]
    pub api_version: Option<String>,
    /// What happens to short-lived download links inside bodies.
    #[serde(default)]
    pub capability_urls: CapabilityUrls,
    /// Scope that `DELETE /v1/me/NAME` wants; unset means none.
    #[serde(default)]
    pub disconnect_scope: Option<String>,
    /// Calls in flight to this provider; one user's hold a quarter of them at most, and eight at least.
    #[serde(default = "default_max_in_flight")]
    #[schemars(range(min = 1))]
    pub max_in_flight: usize,
    /// What each caller may ask of this provider, besides `quotas`; unset means no limit.
    #[serde(default)]
    pub quota: Option<CallerQuota>,
    /// What happens, before a call is sent, where the grant is known to lack the scopes that the provider wants for it.
    #[serde(default)]
    pub check_scopes: CheckScopes,
    /// Allow upstream addresses in private ranges.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Refresh single-use tokens although the store does not survive a restart.
    #[serde(default)]
    pub allow_rotation_in_memory: bool,
    /// How the API behaves, for `adapter = "oauth2"`.
    #[serde(default)]
    pub oauth2: OAuth2Section,
}

fn default_source() -> Vec<Source> {
    vec![Source::Identities]
}

const fn yes() -> bool {
    true
}

const fn default_max_in_flight() -> usize {
    256
}

impl ProviderSettings {
    /// The connection's client; `None` means that nothing is refreshed or revoked.
    #[must_use]
    pub fn credentials(&self) -> Option<ClientCredentials> {
        let secret =
            SecretSource::from_pair(self.client_secret.as_ref(), self.client_secret_file.as_deref())?;
        let basic = match self.adapter {
            AdapterKind::Bitbucket => true,
            AdapterKind::OAuth2 => self.oauth2.token_auth == TokenAuth::Basic,
            _ => false,
        };
        let auth = if basic { ClientAuth::SecretBasic(secret) } else { ClientAuth::SecretPost(secret) };
        Some(ClientCredentials { client_id: self.client_id.clone()?, auth })
    }

    /// Whether tokens of this entry are refreshed at the provider.
    #[must_use]
    pub fn refreshes(&self) -> bool {
        self.refresh
            && self.token_url.is_some()
            && self.source.contains(&Source::Identities)
            && self.has_credentials()
    }

    /// Whether the connection's client is configured.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.client_id.is_some() && (self.client_secret.is_some() || self.client_secret_file.is_some())
    }

    /// Whether refresh tokens of this entry are single use.
    #[must_use]
    pub fn rotates(&self) -> bool {
        match self.adapter {
            AdapterKind::OAuth2 => self.oauth2.rotates,
            other => other.adapter().refresh_rule() == RefreshRule::Rotating,
        }
    }

    /// The revocation endpoint with the client's id in its place.
    #[must_use]
    pub fn revoke_endpoint(&self) -> Option<Url> {
        let template = self.revoke_url.as_deref()?;
        Url::parse(&template.replace("{client_id}", self.client_id.as_deref().unwrap_or_default())).ok()
    }
}

/// One of `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The user record's `identities[]`.
    Identities,
    /// Token Vault.
    Vault,
}

/// `access`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// GET and HEAD.
    #[default]
    Read,
    /// Everything but the adapter's deny list.
    Full,
    /// Only what a rule allows.
    Rules,
}

/// `check_scopes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckScopes {
    /// Nothing.
    Off,
    /// The call is sent, its answer names the scopes in `Idp-Missing-Scopes`, and a metric counts it.
    #[default]
    Observe,
    /// The call is refused with `provider-scope-missing`.
    Enforce,
}

/// `redirects`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Redirects {
    /// Fetch downloads from the adapter's download hosts without any credential; refuse the rest.
    #[default]
    Follow,
    /// Refuse.
    Block,
    /// Hand `Location` to the caller.
    Pass,
}

/// `capability_urls`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CapabilityUrls {
    /// Leave them in.
    #[default]
    Pass,
    /// Take them out.
    Drop,
}
