//! Starting and holding a sandbox.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::faults::{Fault, Faults, Hold};
use crate::inner::{Inner, Settings};
use crate::journal::log::Journal;
use crate::keys::{self, KeyError, RsaKey};
use crate::kinds::{ProviderKind, Server};
use crate::mint::TokenMint;
use crate::server;
use crate::text::{self, ALNUM};
use crate::world::client::{
    ASSERTION_CLIENT, Client, ClientMethod, MACHINE_CLIENT, SPA_CLIENT, VAULT_CLIENT,
};
use crate::world::live::LiveWorld;
use crate::world::start::World;
use crate::world::state::State;
use crate::world::tenant::TenantState;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A loopback port could not be had.
    #[error("cannot listen on {address} for the sandbox's {server:?} server; is the port taken?")]
    Listen {
        /// The server.
        server: Server,
        /// The address that was tried.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Test keys could not be made.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// Sets a sandbox up. The defaults are the demo world on free loopback ports.
#[derive(Clone, Debug)]
pub struct SandboxBuilder {
    world: World,
    faults: Vec<Fault>,
    domain: String,
    api_audience: String,
    addresses: HashMap<Server, SocketAddr>,
    journal_capacity: usize,
    loopback_downloads: bool,
    appsecret_proof: bool,
}

impl Default for SandboxBuilder {
    fn default() -> Self {
        Self {
            world: World::demo(),
            faults: Vec::new(),
            domain: "sandbox.eu.auth0.com".to_owned(),
            api_audience: "https://api.sandbox.example".to_owned(),
            addresses: HashMap::new(),
            journal_capacity: 100_000,
            loopback_downloads: false,
            appsecret_proof: false,
        }
    }
}

impl SandboxBuilder {
    /// The users and additional clients to start with.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Adds an application of the tenant, or replaces one of the sandbox's own.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.world.clients.push(client);
        self
    }

    /// Orders a fault from the first request on.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The canonical tenant domain; only a name, nothing is resolved.
    #[must_use]
    pub fn domain(mut self, domain: &str) -> Self {
        domain.clone_into(&mut self.domain);
        self
    }

    /// The identifier of the API that callers' tokens are for.
    #[must_use]
    pub fn api_audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.api_audience);
        self
    }

    /// A fixed address for one server, where a configuration outside has to know it.
    #[must_use]
    pub fn listen(mut self, server: Server, address: SocketAddr) -> Self {
        self.addresses.insert(server, address);
        self
    }

    /// How many requests the journal keeps; 100,000 by default.
    #[must_use]
    pub fn journal_capacity(mut self, entries: usize) -> Self {
        self.journal_capacity = entries.max(1);
        self
    }

    /// Whether redirects to downloads name the sandbox's own download server instead of the providers'
    /// real download hosts (`codeload.github.com`, ...), which is the default.
    #[must_use]
    pub fn loopback_downloads(mut self, loopback: bool) -> Self {
        self.loopback_downloads = loopback;
        self
    }

    /// Whether Facebook demands a right `appsecret_proof` on every call. A wrong one is always refused.
    #[must_use]
    pub fn require_appsecret_proof(mut self, required: bool) -> Self {
        self.appsecret_proof = required;
        self
    }

    /// Binds all servers and starts to answer.
    ///
    /// # Errors
    /// When a port cannot be had or the test keys cannot be made.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        let mut listeners = Vec::new();
        let mut urls = HashMap::new();
        for server in Server::ALL {
            let address = self
                .addresses
                .get(&server)
                .copied()
                .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
            let failed = |source| StartError::Listen { server, address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            if let Ok(url) = Url::parse(&format!("http://{bound}/")) {
                urls.insert(server, url);
            }
            listeners.push((server, listener));
        }
        let inner = Arc::new(self.inner(urls)?);
        let stop = CancellationToken::new();
        for (server, listener) in listeners {
            tokio::spawn(server::accept(Arc::clone(&inner), server, listener, stop.clone()));
        }
        Ok(Sandbox { inner, _stop: stop.drop_guard() })
    }

    fn inner(self, urls: HashMap<Server, Url>) -> Result<Inner, StartError> {
        let secret = || text::random(ALNUM, 64);
        let settings = Settings {
            domain: self.domain,
            api_audience: self.api_audience,
            client_secret: secret(),
            vault_secret: secret(),
            provider_secrets: ProviderKind::ALL
                .into_iter()
                .map(|kind| (kind, text::random(ALNUM, 40)))
                .collect(),
            loopback_downloads: self.loopback_downloads,
            appsecret_proof: self.appsecret_proof,
        };
        let mut world = self.world;
        let mut clients = own_clients(&settings);
        clients.append(&mut world.clients);
        world.clients = clients;
        let client_key = RsaKey::pooled(keys::CLIENT)?;
        let mut state = State::new(world, TenantState::default())?;
        state.secrets.extend(settings.provider_secrets.values().cloned());
        // One line of the key is enough to recognise it in any output.
        state.secrets.extend(client_key.private_pem().lines().nth(3).map(str::to_owned));
        let faults = Faults::default();
        for fault in self.faults {
            faults.add(fault);
        }
        Ok(Inner {
            settings,
            urls,
            journal: Journal::new(self.journal_capacity),
            faults,
            client_key,
            foreign_key: RsaKey::pooled(keys::FOREIGN)?,
            holds: Mutex::default(),
            state: Mutex::new(state),
        })
    }
}

fn own_clients(settings: &Settings) -> Vec<Client> {
    let management = settings.management_audience();
    let scopes = ["read:users", "read:user_idp_tokens"];
    vec![
        Client::machine(MACHINE_CLIENT, &settings.client_secret).grant(&management, &scopes),
        Client::machine(ASSERTION_CLIENT, "")
            .methods(&[ClientMethod::PrivateKeyJwt])
            .grant(&management, &scopes),
        Client::custom_api(VAULT_CLIENT, &settings.vault_secret, &settings.api_audience),
        Client::public(SPA_CLIENT),
    ]
}

/// A running tenant with its providers. The servers stop when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    inner: Arc<Inner>,
    _stop: DropGuard,
}

impl Sandbox {
    /// A builder with the demo world.
    #[must_use]
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
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

    /// The secret of the Custom API Client, [`VAULT_CLIENT`].
    #[must_use]
    pub fn vault_client_secret(&self) -> &str {
        &self.inner.settings.vault_secret
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
    /// refresh tokens of the providers. For scans by value. Callers' own tokens are not among them.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.inner.state().secrets.iter().cloned().collect()
    }
}

#[expect(clippy::expect_used, reason = "a constant that parses")]
fn unreachable_url() -> Url {
    Url::parse("http://127.0.0.1:9/").expect("a valid URL")
}
