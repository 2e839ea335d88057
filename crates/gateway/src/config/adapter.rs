//! `providers.NAME.adapter`, and what the settings need to know of each adapter before anything runs.

use std::{fmt, str::FromStr};

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

/// What the configuration knows of an adapter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) name: &'static str,
    pub(super) connections: &'static [&'static str],
    pub(super) origin: Option<&'static str>,
    pub(super) token_url: Option<&'static str>,
    pub(super) revoke_url: Option<&'static str>,
    /// Domains whose hosts are the adapter's own.
    domains: &'static [&'static str],
    pub(super) encoded_slash: bool,
    /// Refresh tokens are single use, so refreshing needs a store that survives a restart.
    pub(super) rotates: bool,
}

const FACTS: [Facts; 6] = [
    Facts {
        name: "google",
        connections: &["google-oauth2"],
        origin: Some("https://www.googleapis.com"),
        token_url: Some("https://oauth2.googleapis.com/token"),
        revoke_url: Some("https://oauth2.googleapis.com/revoke"),
        domains: &["googleapis.com"],
        encoded_slash: true,
        rotates: false,
    },
    Facts {
        name: "github",
        connections: &["github"],
        origin: Some("https://api.github.com"),
        token_url: Some("https://github.com/login/oauth/access_token"),
        revoke_url: Some("https://api.github.com/applications/{client_id}/grant"),
        domains: &["api.github.com", "uploads.github.com"],
        encoded_slash: true,
        rotates: true,
    },
    Facts {
        name: "facebook",
        connections: &["facebook"],
        origin: Some("https://graph.facebook.com"),
        token_url: Some("https://graph.facebook.com/oauth/access_token"),
        revoke_url: Some("https://graph.facebook.com/me/permissions"),
        domains: &["graph.facebook.com", "graph-video.facebook.com"],
        encoded_slash: false,
        rotates: false,
    },
    Facts {
        name: "bitbucket",
        connections: &["bitbucket"],
        origin: Some("https://api.bitbucket.org"),
        token_url: Some("https://bitbucket.org/site/oauth2/access_token"),
        revoke_url: None,
        domains: &["api.bitbucket.org"],
        encoded_slash: true,
        rotates: true,
    },
    Facts {
        name: "microsoft",
        connections: &["windowslive", "waad"],
        origin: Some("https://graph.microsoft.com"),
        token_url: Some("https://login.microsoftonline.com/common/oauth2/v2.0/token"),
        revoke_url: None,
        domains: &["graph.microsoft.com"],
        encoded_slash: true,
        rotates: false,
    },
    Facts {
        name: "oauth2",
        connections: &[],
        origin: None,
        token_url: None,
        revoke_url: None,
        domains: &[],
        encoded_slash: false,
        rotates: true,
    },
];

impl AdapterKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Google, Self::GitHub, Self::Facebook, Self::Bitbucket, Self::Microsoft, Self::OAuth2];

    pub(super) fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.facts().name
    }
}

impl Facts {
    /// Whether `url` points at a host of the adapter's own.
    pub(super) fn owns(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| {
            self.domains.iter().any(|domain| {
                host == *domain || host.strip_suffix(domain).is_some_and(|label| label.ends_with('.'))
            })
        })
    }

    /// Whether `url` is the adapter's own origin.
    pub(super) fn is_default(&self, url: &Url) -> bool {
        self.origin.and_then(|origin| Url::parse(origin).ok()).is_some_and(|own| own.origin() == url.origin())
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
