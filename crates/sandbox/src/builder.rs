//! Setting a sandbox up.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::faults::fault::Fault;
use crate::faults::list::Faults;
use crate::inner::{Inner, Settings};
use crate::journal::log::Journal;
use crate::keys::{self, KeyError, RsaKey};
use crate::kinds::{ProviderKind, Server};
use crate::quirks::{Quirk, Quirks};
use crate::sandbox::Sandbox;
use crate::server::accept::accept;
use crate::server::tls::{Alpn, Authority};
use crate::text::{self, ALNUM};
use crate::world::client::{
    ASSERTION_CLIENT, CONNECT_CLIENT, Client, ClientMethod, MACHINE_CLIENT, SPA_CLIENT, VAULT_CLIENT,
};
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
    apis: Vec<String>,
    addresses: HashMap<Server, SocketAddr>,
    journal_capacity: usize,
    loopback_downloads: bool,
    appsecret_proof: bool,
    quirks: Vec<Quirk>,
    tls: Option<Alpn>,
    max_streams: u32,
    custom_domain: bool,
}

impl Default for SandboxBuilder {
    fn default() -> Self {
        Self {
            world: World::demo(),
            faults: Vec::new(),
            domain: "sandbox.eu.auth0.com".to_owned(),
            api_audience: "https://api.sandbox.example".to_owned(),
            apis: Vec::new(),
            addresses: HashMap::new(),
            journal_capacity: 100_000,
            loopback_downloads: false,
            appsecret_proof: false,
            quirks: Vec::new(),
            tls: None,
            max_streams: 10_000,
            custom_domain: false,
        }
    }
}

impl Sandbox {
    /// A builder with the demo world.
    #[must_use]
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
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

    /// Adds an API that an application may ask a user's token for.
    #[must_use]
    pub fn api(mut self, identifier: &str) -> Self {
        self.apis.push(identifier.to_owned());
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

    /// Turns a behaviour on from the first request on.
    #[must_use]
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// The providers and the download hosts speak TLS, with certificates by [`Sandbox::authority_pem`]. The
    /// tenant stays without.
    #[must_use]
    pub fn tls(mut self, alpn: Alpn) -> Self {
        self.tls = Some(alpn);
        self
    }

    /// How many streams one HTTP/2 connection may have at once; 10,000 by default.
    #[must_use]
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = streams;
        self
    }

    /// The tenant also answers under a custom domain, [`Sandbox::custom_domain_url`]: tokens that are
    /// issued there have it as their issuer.
    #[must_use]
    pub fn custom_domain(mut self) -> Self {
        self.custom_domain = true;
        self
    }

    /// Binds all servers and starts to answer.
    ///
    /// # Errors
    /// When a port cannot be had or the test keys cannot be made.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        let authority = self.tls.map(|_| Authority::new()).transpose()?;
        let tls = match (&authority, self.tls) {
            (Some(authority), Some(alpn)) => Some(authority.acceptor(alpn)?),
            _ => None,
        };
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
            let tls = tls.clone().filter(|_| server != Server::Tenant);
            let scheme = if tls.is_some() { "https" } else { "http" };
            if let Ok(url) = Url::parse(&format!("{scheme}://{bound}/")) {
                urls.insert(server, url);
            }
            listeners.push((server, listener, tls));
        }
        let inner = Arc::new(self.inner(urls)?);
        let stop = CancellationToken::new();
        for (server, listener, tls) in listeners {
            tokio::spawn(accept(Arc::clone(&inner), server, listener, tls, stop.clone()));
        }
        Ok(Sandbox::new(inner, authority, stop.drop_guard()))
    }

    fn inner(self, urls: HashMap<Server, Url>) -> Result<Inner, StartError> {
        let secret = || text::random(ALNUM, 64);
        let settings = Settings {
            domain: self.domain,
            api_audience: self.api_audience,
            apis: self.apis,
            client_secret: secret(),
            vault_secret: secret(),
            connect_secret: secret(),
            provider_secrets: ProviderKind::ALL
                .into_iter()
                .map(|kind| (kind, text::random(ALNUM, 40)))
                .collect(),
            loopback_downloads: self.loopback_downloads,
            appsecret_proof: self.appsecret_proof,
            max_streams: self.max_streams,
            api_secret: secret(),
            custom_domain: self.custom_domain,
        };
        let mut world = self.world;
        let mut clients = own_clients(&settings);
        clients.append(&mut world.clients);
        world.clients = clients;
        let client_key = RsaKey::pooled(keys::CLIENT)?;
        let mut state = State::new(world, TenantState::default())?;
        state.secrets.insert(settings.api_secret.clone());
        state.secrets.extend(settings.provider_secrets.values().cloned());
        // One line of the key is enough to recognise it in any output.
        state.secrets.extend(client_key.private_pem().lines().nth(3).map(str::to_owned));
        let faults = Faults::default();
        for fault in self.faults {
            faults.add(fault);
        }
        let quirks = Quirks::default();
        for quirk in self.quirks {
            quirks.turn_on(quirk);
        }
        Ok(Inner {
            settings,
            urls,
            journal: Journal::new(self.journal_capacity),
            faults,
            quirks,
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
        Client::web(CONNECT_CLIENT, &settings.connect_secret).name("The gateway"),
        Client::public(SPA_CLIENT).name("The sandbox's single-page application"),
    ]
}
