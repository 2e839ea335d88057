//! One provider at run time: its plan, its connections, and what its entry says about answers.

pub(crate) mod path;
pub(crate) mod plan;
pub(crate) mod policy;

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::plan::ProviderPlan;
use crate::config::SecretSource;
use crate::telemetry::ProviderLabel;
use crate::upstream::UpstreamClient;

/// `redirects`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Redirects {
    /// Downloads from declared hosts are fetched without any credential; the rest is refused.
    #[default]
    Follow,
    /// Everything foreign is refused.
    Block,
    /// `Location` goes to the caller.
    Pass,
}

/// A configured provider, ready for calls.
#[derive(Debug)]
pub(crate) struct ProviderRuntime {
    /// Its name in URLs.
    pub(crate) name: Arc<str>,
    /// Its label in metrics.
    pub(crate) label: ProviderLabel,
    /// How requests to it are planned.
    pub(crate) plan: Arc<ProviderPlan>,
    /// Its connections.
    pub(crate) client: UpstreamClient,
    /// `redirects`.
    pub(crate) redirects: Redirects,
    /// `capability_urls = "drop"`.
    pub(crate) drop_capabilities: bool,
    /// Public name and provider host of its virtual hosts.
    pub(crate) virtual_hosts: Arc<[(String, String)]>,
    /// `disconnect_scope`.
    pub(crate) disconnect_scope: Option<String>,
    /// Where the profile is asked.
    pub(crate) profile_url: Option<Url>,
    /// Auth0's connections for it.
    pub(crate) connections: Vec<String>,
    /// Whether `source` names the vault.
    pub(crate) uses_vault: bool,
    /// The OAuth client's secret, for providers that want a proof of it on every call.
    pub(crate) secret: Option<SecretFile>,
}

impl ProviderRuntime {
    /// The app secret, read anew where it is a file.
    pub(crate) fn app_secret(&self) -> Option<SecretString> {
        self.secret.as_ref().and_then(SecretFile::read)
    }
}

/// A secret that is read at each use; while its file is unreadable or empty, the last good value serves.
#[derive(Debug)]
pub(crate) struct SecretFile {
    source: SecretSource,
    last_good: Mutex<Option<SecretString>>,
}

impl SecretFile {
    pub(crate) fn new(source: SecretSource) -> Self {
        Self { source, last_good: Mutex::new(None) }
    }

    fn read(&self) -> Option<SecretString> {
        let path = match &self.source {
            SecretSource::Inline(secret) => return Some(secret.clone()),
            SecretSource::File(path) => path,
        };
        let read = std::fs::read_to_string(path).map(SecretString::from);
        let mut last_good = self.last_good.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(text) if !text.expose_secret().trim_end().is_empty() => {
                *last_good = Some(SecretString::from(text.expose_secret().trim_end_matches(['\r', '\n'])));
            }
            _ => tracing::warn!(event = "secret-file-unreadable", path = %path.display()),
        }
        last_good.clone()
    }
}
