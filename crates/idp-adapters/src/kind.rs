//! The closed list of adapters and their names in configuration.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Which provider's API an adapter speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Google APIs under `googleapis.com`.
    Google,
    /// GitHub's REST API, GitHub Enterprise Server included.
    GitHub,
    /// Facebook's Graph API.
    Facebook,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Microsoft Graph, SharePoint hosts as configured upstreams.
    Microsoft,
    /// Any API behind OAuth 2.0 bearer tokens, described by settings.
    OAuth2,
}

impl Kind {
    /// All kinds, in the order in which documentation lists them.
    pub const ALL: [Kind; 6] =
        [Kind::Google, Kind::GitHub, Kind::Facebook, Kind::Bitbucket, Kind::Microsoft, Kind::OAuth2];

    /// The name in configuration: `google`, `github`, `facebook`, `bitbucket`, `microsoft`, `oauth2`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Google => "google",
            Kind::GitHub => "github",
            Kind::Facebook => "facebook",
            Kind::Bitbucket => "bitbucket",
            Kind::Microsoft => "microsoft",
            Kind::OAuth2 => "oauth2",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that belongs to no adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown adapter; use one of google, github, facebook, bitbucket, microsoft, oauth2")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(UnknownKind)
    }
}
