//! A running sandbox.

use std::sync::Arc;

use tokio_util::sync::DropGuard;
use url::Url;

use crate::faults::hold::Hold;
use crate::faults::list::Faults;
use crate::inner::Inner;
use crate::journal::log::Journal;
use crate::kinds::{ProviderKind, Server};
use crate::mint::TokenMint;
use crate::quirks::Quirks;
use crate::server::tls::Authority;
use crate::world::client::MACHINE_CLIENT;
use crate::world::live::LiveWorld;

/// A running tenant with its providers. The servers stop when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    inner: Arc<Inner>,
    authority: Option<Authority>,
    _stop: DropGuard,
}

impl Sandbox {
    pub(crate) fn new(inner: Arc<Inner>, authority: Option<Authority>, stop: DropGuard) -> Self {
        Self { inner, authority, _stop: stop }
    }

    /// The certificate (PEM) of the authority behind the providers' certificates; none without
    /// [`tls`](crate::SandboxBuilder::tls).
    #[must_use]
    pub fn authority_pem(&self) -> Option<String> {
        self.authority.as_ref().map(Authority::pem)
    }

    /// The tenant's address under its custom domain; none without
    /// [`custom_domain`](crate::SandboxBuilder::custom_domain).
    #[must_use]
    pub fn custom_domain_url(&self) -> Option<Url> {
        self.inner.custom_issuer().and_then(|issuer| Url::parse(&issuer).ok())
    }

    /// The secret that signs access tokens while the API's algorithm is HS256.
    #[must_use]
    pub fn api_secret(&self) -> &str {
        &self.inner.settings.api_secret
    }

    /// The audience of Auth0's My Account API.
    #[must_use]
    pub fn my_account_audience(&self) -> String {
        self.inner.settings.my_account_audience()
    }

    /// Lasting behaviours of the real services, to turn on.
    #[must_use]
    pub fn quirks(&self) -> Quirks {
        self.inner.quirks.clone()
    }

    /// The address of the tenant; `tenant.base_url` of a configuration.
    #[must_use]
    pub fn tenant_url(&self) -> Url {
        self.url(Server::Tenant)
    }

    /// The address of any server.
    #[must_use]
    pub fn url(&self, server: Server) -> Url {
        // All servers are bound at the start; the fallback is never seen.
        self.inner.urls.get(&server).cloned().unwrap_or_else(unreachable_url)
    }

    /// The address that stands for a provider's API hosts.
    #[must_use]
    pub fn provider_url(&self, kind: ProviderKind) -> Url {
        self.url(kind.server())
    }

    /// Where a provider's tokens are refreshed.
    #[must_use]
    pub fn provider_token_url(&self, kind: ProviderKind) -> Url {
        let path = match kind {
            ProviderKind::Google => "token",
            ProviderKind::GitHub => "login/oauth/access_token",
            ProviderKind::Facebook => "v22.0/oauth/access_token",
            ProviderKind::Bitbucket => "site/oauth2/access_token",
            ProviderKind::Microsoft => "common/oauth2/v2.0/token",
            ProviderKind::OAuth2 => "oauth/token",
        };
        let base = self.provider_url(kind);
        base.join(path).unwrap_or(base)
    }

    /// Where a provider's grants are revoked; none where the provider cannot. GitHub's and Facebook's
    /// are methods on the API.
    #[must_use]
    pub fn provider_revoke_url(&self, kind: ProviderKind) -> Option<Url> {
        let path = match kind {
            ProviderKind::Google => "revoke".to_owned(),
            ProviderKind::GitHub => format!("applications/{}/grant", self.provider_client(kind).0),
            ProviderKind::Facebook => "v22.0/me/permissions".to_owned(),
            ProviderKind::OAuth2 => "oauth/revoke".to_owned(),
            ProviderKind::Bitbucket | ProviderKind::Microsoft => return None,
        };
        self.provider_url(kind).join(&path).ok()
    }

    /// Client id and secret of the connection's own OAuth client at a provider.
    #[must_use]
    pub fn provider_client(&self, kind: ProviderKind) -> (String, String) {
        (kind.client_id(), self.inner.settings.provider_secrets.get(&kind).cloned().unwrap_or_default())
    }

    /// The canonical tenant domain, which the Management API's audience is made of.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.inner.settings.domain
    }

    /// The id of the machine-to-machine application, [`MACHINE_CLIENT`].
    #[must_use]
    pub fn client_id(&self) -> &str {
        MACHINE_CLIENT
    }

    /// The secret of the machine-to-machine application.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.inner.settings.client_secret
    }

    /// The private key (PKCS#8 PEM) of the applications that authenticate by assertion.
    #[must_use]
    pub fn client_key_pem(&self) -> String {
        self.inner.client_key.private_pem()
    }

    /// The secret of the Custom API Client, [`VAULT_CLIENT`](crate::VAULT_CLIENT).
    #[must_use]
    pub fn vault_client_secret(&self) -> &str {
        &self.inner.settings.vault_secret
    }

    /// The secret of the web application, [`CONNECT_CLIENT`](crate::CONNECT_CLIENT).
    #[must_use]
    pub fn connect_client_secret(&self) -> &str {
        &self.inner.settings.connect_secret
    }

    /// The audience of callers' tokens.
    #[must_use]
    pub fn api_audience(&self) -> &str {
        &self.inner.settings.api_audience
    }

    /// A good caller token of this user.
    #[must_use]
    pub fn caller_token(&self, user_id: &str) -> String {
        self.mint().user(user_id).sign()
    }

    /// Tokens of every kind, good and forged.
    #[must_use]
    pub fn mint(&self) -> TokenMint {
        TokenMint::new(Arc::clone(&self.inner))
    }

    /// Everything the servers saw.
    #[must_use]
    pub fn journal(&self) -> Journal {
        self.inner.journal.clone()
    }

    /// Faults on demand.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.inner.faults.clone()
    }

    /// Users, grants, clients and keys, to change while the servers run.
    #[must_use]
    pub fn world(&self) -> LiveWorld {
        LiveWorld::new(Arc::clone(&self.inner))
    }

    /// The barrier that `/sandbox/held/{name}` of every provider waits at between its two chunks.
    #[must_use]
    pub fn hold(&self, name: &str) -> Hold {
        self.inner.hold(name)
    }

    /// Every secret that must never be seen outside: client secrets, management tokens, all access and
    /// refresh tokens of the providers, the tokens of web applications. For scans by value. The tokens of single-page and
    /// native apps, which are the callers' own, are not among them.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.inner.state().secrets.iter().cloned().collect()
    }
}

#[expect(clippy::expect_used, reason = "a constant that parses")]
fn unreachable_url() -> Url {
    Url::parse("http://127.0.0.1:9/").expect("a valid URL")
}
