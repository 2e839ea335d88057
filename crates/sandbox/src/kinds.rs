//! The names of the servers and of the providers.

use std::fmt;

/// One of the sandbox's servers; each has a loopback port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Server {
    /// The Auth0-compatible tenant.
    Tenant,
    /// Google's APIs: one port for all of its hosts.
    Google,
    /// `api.github.com`, and `github.com`'s token endpoint.
    GitHub,
    /// `graph.facebook.com`.
    Facebook,
    /// `api.bitbucket.org`, and `bitbucket.org`'s token endpoint.
    Bitbucket,
    /// `graph.microsoft.com`, and Entra's token endpoint.
    Microsoft,
    /// A provider that speaks plain RFC 6749 and RFC 6750.
    OAuth2,
    /// The hosts that downloads are redirected to: they take capability links and need no credential.
    Downloads,
}

impl Server {
    /// All servers, in the order in which they are started.
    pub const ALL: [Self; 8] = [
        Self::Tenant,
        Self::Google,
        Self::GitHub,
        Self::Facebook,
        Self::Bitbucket,
        Self::Microsoft,
        Self::OAuth2,
        Self::Downloads,
    ];

    /// The provider this server belongs to; none for the tenant and the download hosts.
    #[must_use]
    pub const fn provider(self) -> Option<ProviderKind> {
        match self {
            Self::Google => Some(ProviderKind::Google),
            Self::GitHub => Some(ProviderKind::GitHub),
            Self::Facebook => Some(ProviderKind::Facebook),
            Self::Bitbucket => Some(ProviderKind::Bitbucket),
            Self::Microsoft => Some(ProviderKind::Microsoft),
            Self::OAuth2 => Some(ProviderKind::OAuth2),
            Self::Tenant | Self::Downloads => None,
        }
    }
}

/// A provider whose API the sandbox speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProviderKind {
    /// Google (`google-oauth2`).
    Google,
    /// GitHub (`github`).
    GitHub,
    /// Facebook (`facebook`).
    Facebook,
    /// Bitbucket Cloud (`bitbucket`).
    Bitbucket,
    /// Microsoft Graph (`windowslive`, `waad`).
    Microsoft,
    /// A custom OAuth 2.0 connection (`oauth2`).
    OAuth2,
}

impl ProviderKind {
    /// All providers.
    pub const ALL: [Self; 6] =
        [Self::Google, Self::GitHub, Self::Facebook, Self::Bitbucket, Self::Microsoft, Self::OAuth2];

    /// The server that speaks for this provider.
    #[must_use]
    pub const fn server(self) -> Server {
        match self {
            Self::Google => Server::Google,
            Self::GitHub => Server::GitHub,
            Self::Facebook => Server::Facebook,
            Self::Bitbucket => Server::Bitbucket,
            Self::Microsoft => Server::Microsoft,
            Self::OAuth2 => Server::OAuth2,
        }
    }

    /// The name used for the provider in configurations: `github`, `google`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::GitHub => "github",
            Self::Facebook => "facebook",
            Self::Bitbucket => "bitbucket",
            Self::Microsoft => "microsoft",
            Self::OAuth2 => "oauth2",
        }
    }

    /// The name that people know.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::GitHub => "GitHub",
            Self::Facebook => "Facebook",
            Self::Bitbucket => "Bitbucket",
            Self::Microsoft => "Microsoft",
            Self::OAuth2 => "Acme CRM",
        }
    }

    /// The id of the connection's own OAuth client at the provider.
    pub(crate) fn client_id(self) -> String {
        match self {
            Self::Facebook => "1234567890".to_owned(),
            _ => format!("sandbox-{}-client", self.name()),
        }
    }

    /// Auth0's strategy for the provider, which is also its default connection name.
    #[must_use]
    pub const fn strategy(self) -> &'static str {
        match self {
            Self::Google => "google-oauth2",
            Self::GitHub => "github",
            Self::Facebook => "facebook",
            Self::Bitbucket => "bitbucket",
            Self::Microsoft => "windowslive",
            Self::OAuth2 => "oauth2",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
