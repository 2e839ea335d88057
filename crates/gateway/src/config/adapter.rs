//! `providers.NAME.adapter`.

use std::{fmt, str::FromStr};

use idp_adapters::Adapter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Which provider's API an entry speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
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

impl AdapterKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Google, Self::GitHub, Self::Facebook, Self::Bitbucket, Self::Microsoft, Self::OAuth2];

    /// The adapter as it is without settings.
    #[must_use]
    pub fn adapter(self) -> &'static dyn Adapter {
        idp_adapters::adapter(self.into())
    }

    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        idp_adapters::Kind::from(self).as_str()
    }

    /// Whether `url` points at a host of the adapter's own.
    pub(super) fn owns(self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.adapter().allows_host(host))
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AdapterKind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(())
    }
}

impl From<AdapterKind> for idp_adapters::Kind {
    fn from(kind: AdapterKind) -> Self {
        match kind {
            AdapterKind::Google => Self::Google,
            AdapterKind::GitHub => Self::GitHub,
            AdapterKind::Facebook => Self::Facebook,
            AdapterKind::Bitbucket => Self::Bitbucket,
            AdapterKind::Microsoft => Self::Microsoft,
            AdapterKind::OAuth2 => Self::OAuth2,
        }
    }
}
