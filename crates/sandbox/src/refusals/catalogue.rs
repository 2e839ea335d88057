//! All refusals by provider and name: to order as faults, to ask for at `/sandbox/trouble/{name}`, to run a
//! classifier over.

use crate::kinds::{ProviderKind, Server};

use super::trouble::Trouble;
use super::{bitbucket, downloads, entra, facebook, github, google, microsoft, oauth2};

impl Trouble {
    /// All refusals the sandbox knows of a provider.
    #[must_use]
    pub fn all(kind: ProviderKind) -> Vec<Self> {
        match kind {
            ProviderKind::Google => google::troubles(),
            ProviderKind::GitHub => github::troubles(),
            ProviderKind::Facebook => facebook::troubles(),
            ProviderKind::Bitbucket => bitbucket::troubles(),
            ProviderKind::Microsoft => {
                let mut all = microsoft::troubles();
                all.extend(entra::troubles());
                all
            }
            ProviderKind::OAuth2 => oauth2::troubles(),
        }
    }

    /// All refusals of a server: those of its provider, or those of the download hosts.
    pub(crate) fn of_server(server: Server) -> Vec<Self> {
        match server {
            Server::Downloads => downloads::troubles(),
            _ => server.provider().map(Self::all).unwrap_or_default(),
        }
    }

    /// The refusal of that name.
    #[must_use]
    pub fn named(kind: ProviderKind, name: &str) -> Option<Self> {
        Self::all(kind).into_iter().find(|trouble| trouble.name() == name)
    }
}
