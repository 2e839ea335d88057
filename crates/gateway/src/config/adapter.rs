//! `providers.NAME.adapter`.

use idp_adapters::Kind;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

/// Which provider's API an entry speaks.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", remote = "Kind")]
#[schemars(rename = "AdapterKind")]
pub(super) enum AdapterKind {
    /// Google APIs.
    Google,
    /// GitHub, GitHub Enterprise Server included.
    GitHub,
    /// Facebook's Graph API.
    Facebook,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Microsoft Graph.
    Microsoft,
    /// Any API behind OAuth 2.0, described in `oauth2`.
    OAuth2,
}

/// Whether `url` points at a host of the adapter's own.
pub(super) fn owns(kind: Kind, url: &Url) -> bool {
    url.host_str().is_some_and(|host| idp_adapters::adapter(kind).allows_host(host))
}
