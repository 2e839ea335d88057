//! `[providers.NAME]`: one provider under `/proxy/NAME`.

use std::{collections::BTreeMap, path::PathBuf};

use idp_adapters::{HostPattern, Kind, RefreshRule};
use mgmt_auth::{ClientAuth, ClientCredentials, SecretSource};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    adapter::AdapterKind,
    oauth2::{OAuth2Section, TokenAuth},
    quotas::CallerQuota,
    rule::Rule,
    secret::secret_source,
    unit::{self, PathText, SecretText, UrlText},
};

/// A provider: which API, for which Auth0 connections, with which access.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// The entry's name, which is its segment in `/proxy/NAME`.
    #[serde(skip)]
    pub name: String,
    /// The adapter. Default: the name of the entry.
    #[serde(with = "AdapterKind")]
    pub adapter: Kind,
    /// Auth0 connections whose identities belong to this provider. Default: the adapter's usual connection names.
    pub connections: Vec<String>,
    /// Where tokens come from. The sources are tried in this order.
    #[serde(default = "default_source")]
    pub source: Vec<Source>,
    /// Base URL of the API: an origin and, if needed, a path. The caller's path is appended to it. Default: the adapter's.
    #[serde(deserialize_with = "unit::url")]
    #[schemars(with = "UrlText")]
    pub base_url: Url,
    /// Replacements for other hosts of the provider: `"provider host" = "origin to call instead"`.
    #[serde(default, deserialize_with = "unit::url_map")]
    #[schemars(with = "BTreeMap<String, UrlText>")]
    pub upstreams: BTreeMap<String, Url>,
    /// Virtual hosts of the gateway: `"public host" = "provider host"`. Without ports; case does not matter.
    #[serde(default)]
    pub hosts: BTreeMap<String, String>,
    /// The token endpoint. Default: the adapter's. With a `base_url` of your own there is no default, except for GitHub
    /// Enterprise.
    #[serde(default, deserialize_with = "unit::optional_url")]
    #[schemars(with = "Option<UrlText>")]
    pub token_url: Option<Url>,
    /// The revocation endpoint. It may contain `{client_id}`. Default: as for `token_url`.
    #[serde(default)]
    #[schemars(with = "Option<UrlText>")]
    pub revoke_url: Option<String>,
    /// The profile endpoint. Default: the adapter's usual path under `base_url`.
    #[serde(default, deserialize_with = "unit::optional_url")]
    #[schemars(with = "Option<UrlText>")]
    pub profile_url: Option<Url>,
    /// Client id of the OAuth client that the Auth0 connection uses. Needed to refresh and to revoke.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The client secret. A file is safer.
    #[serde(default, deserialize_with = "unit::optional_secret")]
    #[schemars(with = "Option<SecretText>")]
    pub client_secret: Option<SecretString>,
    /// File with the client secret. It is read at each use.
    #[serde(default)]
    #[schemars(with = "Option<PathText>")]
    pub client_secret_file: Option<PathBuf>,
    /// Whether the gateway refreshes tokens at the provider. With `false` the OAuth client is used to revoke only.
    #[serde(default = "yes")]
    pub refresh: bool,
    /// What is allowed when no rule matches.
    #[serde(default)]
    pub access: Access,
    /// The first rule that matches decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Whether `%2F` is allowed inside a path. The default depends on the adapter.
    pub encoded_slash: bool,
    /// What to do with a redirect to another host.
    #[serde(default)]
    pub redirects: Redirects,
    /// More hosts from which redirected downloads are fetched. They receive no credential. `*` stands for a part of one label.
    #[serde(default, deserialize_with = "unit::host_patterns")]
    #[schemars(with = "Vec<unit::HostPatternText>")]
    pub download_hosts: Vec<HostPattern>,
    /// Whether `url` and `*_url` members of bodies (GitHub) are rewritten to the gateway, for clients that follow them.
    #[serde(default)]
    pub rewrite_urls: bool,
    /// API version that is requested when the caller names none. Empty: none is requested. Default: the adapter's.
    #[serde(default)]
    pub api_version: Option<String>,
    /// What to do with short-lived download links in bodies.
    #[serde(default)]
    pub capability_urls: CapabilityUrls,
    /// Scope of the caller token that `DELETE /v1/me/NAME` requires. Unset: none.
    #[serde(default)]
    pub disconnect_scope: Option<String>,
    /// Most calls in flight to this provider. One user can hold at most a quarter of them, but at least eight.
    #[serde(default = "default_max_in_flight")]
    #[schemars(range(min = 1))]
    pub max_in_flight: usize,
    /// Quota of each caller at this provider, in addition to `quotas`. Unset: no limit.
    #[serde(default)]
    pub quota: Option<CallerQuota>,
    /// What to do with a call when the grant is known to lack a scope that the call needs. Checked before the call is sent.
    #[serde(default)]
    pub check_scopes: CheckScopes,
    /// Whether the provider may have a private network address.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Whether single-use refresh tokens are refreshed although the store does not survive a restart.
    #[serde(default)]
    pub allow_rotation_in_memory: bool,
    /// Description of the API, for `adapter = "oauth2"`.
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
        let secret = self.secret()?;
        let basic = match self.adapter {
            Kind::Bitbucket => true,
            Kind::OAuth2 => self.oauth2.token_auth == TokenAuth::Basic,
            _ => false,
        };
        let auth = if basic { ClientAuth::SecretBasic(secret) } else { ClientAuth::SecretPost(secret) };
        Some(ClientCredentials::new(self.client_id.clone()?, auth))
    }

    /// Where the client's secret comes from.
    #[must_use]
    pub fn secret(&self) -> Option<SecretSource> {
        secret_source(self.client_secret.as_ref(), self.client_secret_file.as_deref())
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
        self.client_id.is_some() && self.secret().is_some()
    }

    /// Whether refresh tokens of this entry are single use.
    #[must_use]
    pub fn rotates(&self) -> bool {
        match self.adapter {
            Kind::OAuth2 => self.oauth2.rotates,
            other => idp_adapters::adapter(other).refresh_rule() == RefreshRule::Rotating,
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
