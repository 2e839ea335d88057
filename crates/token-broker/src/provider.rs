//! Providers as the broker sees them.

use std::{collections::BTreeSet, fmt, sync::Arc};

use idp_adapters::{Adapter, Kind, RefreshRule};
use mgmt_auth::ClientCredentials;
use url::Url;
use user_store::Identity;

/// Where grants come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Source {
    /// The user's `identities` in the Management API.
    Identities,
    /// Token Vault, by exchange of the caller token.
    Vault,
}

impl Source {
    /// The name in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Identities => "identities",
            Source::Vault => "vault",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One configured provider.
///
/// ```
/// use idp_adapters::Kind;
/// use mgmt_auth::ClientCredentials;
/// use token_broker::{Provider, Source};
///
/// let google = Provider::new("google", idp_adapters::shared(Kind::Google))
///     .connections(["google-oauth2"])
///     .sources([Source::Vault, Source::Identities])
///     .credentials(ClientCredentials::secret("THE_CONNECTIONS_CLIENT", "its secret".to_owned()));
/// assert_eq!(google.connections, ["google-oauth2"]);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Its adapter.
    pub adapter: Arc<dyn Adapter>,
    /// Auth0 names of its connections; matched against an identity's connection or strategy, for the generic
    /// adapter against the connection alone. Token Vault is asked for them as connections.
    pub connections: Vec<String>,
    /// Sources, in the order in which they are tried.
    pub sources: Vec<Source>,
    /// The connection's own OAuth client; without it nothing is refreshed and nothing revoked.
    pub credentials: Option<ClientCredentials>,
    /// Whether tokens are refreshed; false leaves the credentials to revocation.
    pub refresh: bool,
    /// The API's base URL, where it is not the adapter's: the adapter's own endpoints are then not used.
    pub base_url: Option<Url>,
    /// The token endpoint, where it is not the adapter's.
    pub token_url: Option<Url>,
    /// The revocation endpoint, where it is not the adapter's; may hold `{client_id}`.
    pub revoke_url: Option<String>,
    /// Lets a provider with single-use refresh tokens refresh although the store is memory only.
    pub allow_rotation_in_memory: bool,
    /// Connections that other providers name: their identities belong to those alone.
    pub(crate) named_elsewhere: Arc<BTreeSet<String>>,
    /// `name`, for tokens.
    pub(crate) shared_name: Arc<str>,
    /// The part of a grant's key that names adapter, OAuth client and token endpoint.
    pub(crate) client_key: Option<Arc<str>>,
}

impl Provider {
    /// A provider with the adapter's connections, source `identities` and nothing to refresh with.
    pub fn new(name: impl Into<String>, adapter: Arc<dyn Adapter>) -> Self {
        let name = name.into();
        let connections = adapter.connections().iter().map(|name| (*name).to_owned()).collect();
        Self {
            shared_name: Arc::from(name.as_str()),
            name,
            adapter,
            connections,
            sources: vec![Source::Identities],
            credentials: None,
            refresh: true,
            base_url: None,
            token_url: None,
            revoke_url: None,
            allow_rotation_in_memory: false,
            named_elsewhere: Arc::default(),
            client_key: None,
        }
    }

    /// Sets [`connections`](Self::connections).
    #[must_use]
    pub fn connections<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.connections = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets [`sources`](Self::sources).
    #[must_use]
    pub fn sources(mut self, sources: impl Into<Vec<Source>>) -> Self {
        self.sources = sources.into();
        self
    }

    /// Sets [`credentials`](Self::credentials).
    #[must_use]
    pub fn credentials(mut self, credentials: ClientCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets [`refresh`](Self::refresh).
    #[must_use]
    pub fn refresh(mut self, refresh: bool) -> Self {
        self.refresh = refresh;
        self
    }

    /// Sets [`base_url`](Self::base_url). Without [`token_url`](Self::token_url) nothing is then refreshed.
    #[must_use]
    pub fn base_url(mut self, url: Url) -> Self {
        self.base_url = Some(url);
        self
    }

    /// Sets [`token_url`](Self::token_url).
    #[must_use]
    pub fn token_url(mut self, url: Url) -> Self {
        self.token_url = Some(url);
        self
    }

    /// Sets [`revoke_url`](Self::revoke_url).
    #[must_use]
    pub fn revoke_url(mut self, url: impl Into<String>) -> Self {
        self.revoke_url = Some(url.into());
        self
    }

    /// Sets [`allow_rotation_in_memory`](Self::allow_rotation_in_memory).
    #[must_use]
    pub fn allow_rotation_in_memory(mut self, allow: bool) -> Self {
        self.allow_rotation_in_memory = allow;
        self
    }

    /// Whether this identity is an account of this provider: by its connection, or by its strategy where no other provider
    /// names the connection.
    #[must_use]
    pub fn owns(&self, identity: &Identity) -> bool {
        let named = |name: &str| self.connections.iter().any(|connection| connection == name);
        named(identity.connection())
            || (self.adapter.kind() != Kind::OAuth2
                && named(identity.provider())
                && !self.named_elsewhere.contains(identity.connection()))
    }

    /// What tokens of this provider's grants depend on besides the account.
    fn client(&self) -> Option<String> {
        let (url, client) = (self.refresh_url()?, self.credentials.as_ref()?);
        Some(serde_json::json!([self.adapter.kind().as_str(), client.client_id, url.as_str()]).to_string())
    }

    /// Takes note of the other providers and of what does not change any more.
    pub(crate) fn settle(&mut self, named_elsewhere: Arc<BTreeSet<String>>) {
        self.named_elsewhere = named_elsewhere;
        self.client_key = self.client().map(Arc::from);
        self.shared_name = Arc::from(self.name.as_str());
    }

    /// The endpoint to refresh at, if everything needed for a refresh is there.
    pub(crate) fn refresh_url(&self) -> Option<Url> {
        let able = self.refresh && self.credentials.is_some() && self.rule() != RefreshRule::Impossible;
        if !able {
            return None;
        }
        let own = || self.adapter.endpoints(self.base_url.as_ref()).token_url?.parse().ok();
        self.token_url.clone().or_else(own)
    }

    /// The endpoint to revoke at.
    pub(crate) fn revocation_url(&self) -> Option<Url> {
        let client = self.credentials.as_ref()?;
        let own = || self.adapter.endpoints(self.base_url.as_ref()).revoke_url;
        let template = self.revoke_url.clone().or_else(own)?;
        idp_adapters::fill_client_id(&template, &client.client_id).parse().ok()
    }

    pub(crate) fn rule(&self) -> RefreshRule {
        self.adapter.refresh_rule()
    }

    /// Whether a refresh spends the refresh token.
    pub(crate) fn rotates(&self) -> bool {
        self.rule() == RefreshRule::Rotating
    }
}
