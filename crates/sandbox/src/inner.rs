//! What all servers of one sandbox share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::faults::hold::Hold;
use crate::faults::list::Faults;
use crate::journal::entry::Entry;
use crate::journal::log::Journal;
use crate::keys::RsaKey;
use crate::kinds::{ProviderKind, Server};
use crate::quirks::Quirks;
use crate::world::state::State;

/// What is fixed from the start.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) domain: String,
    pub(crate) api_audience: String,
    /// Identifiers of further APIs of the tenant.
    pub(crate) apis: Vec<String>,
    pub(crate) client_secret: String,
    pub(crate) vault_secret: String,
    pub(crate) connect_secret: String,
    pub(crate) provider_secrets: HashMap<ProviderKind, String>,
    pub(crate) loopback_downloads: bool,
    pub(crate) appsecret_proof: bool,
    /// Streams that one HTTP/2 connection may have at once.
    pub(crate) max_streams: u32,
    /// Signs access tokens of an API whose algorithm is HS256.
    pub(crate) api_secret: String,
    /// Whether the tenant also answers under its custom domain.
    pub(crate) custom_domain: bool,
}

impl Settings {
    pub(crate) fn management_audience(&self) -> String {
        format!("https://{}/api/v2/", self.domain)
    }

    pub(crate) fn my_account_audience(&self) -> String {
        format!("https://{}/me/", self.domain)
    }
}

/// Shared by the servers, the handles and the mint.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) urls: HashMap<Server, Url>,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) quirks: Quirks,
    pub(crate) client_key: Arc<RsaKey>,
    pub(crate) foreign_key: Arc<RsaKey>,
    pub(crate) holds: Mutex<HashMap<String, Hold>>,
    pub(crate) state: Mutex<State>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The origin of a server, without a slash at its end.
    pub(crate) fn origin(&self, server: Server) -> String {
        self.urls.get(&server).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// `iss` of the tenant's tokens, with the slash that Auth0 puts at its end.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/", self.origin(Server::Tenant))
    }

    /// The custom domain's issuer: the same port by the name `localhost`. None where it is off.
    pub(crate) fn custom_issuer(&self) -> Option<String> {
        let url = self.urls.get(&Server::Tenant).filter(|_| self.settings.custom_domain)?;
        Some(format!("{}://localhost:{}/", url.scheme(), url.port()?))
    }

    /// The issuer that a request to the tenant names by its host.
    pub(crate) fn issuer_of(&self, entry: &Entry) -> String {
        let custom = self.custom_issuer().filter(|issuer| *issuer == format!("{}/", entry.origin()));
        custom.unwrap_or_else(|| self.issuer())
    }

    /// Whether this is an issuer of the tenant.
    pub(crate) fn is_issuer(&self, issuer: &str) -> bool {
        issuer == self.issuer() || self.custom_issuer().is_some_and(|custom| custom == issuer)
    }

    /// The named barrier of `/sandbox/held/{name}`.
    pub(crate) fn hold(&self, name: &str) -> Hold {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.entry(name.to_owned()).or_default().clone()
    }
}
