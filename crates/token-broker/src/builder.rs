//! What callers set.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api_transport::Transport;
use mgmt_auth::Tenant;
use token_keeper::Clock;
use tokio_util::task::TaskTracker;
use user_store::UserStore;

use crate::{
    Broker, Durability, GrantStore, MemoryStore, Provider, RevokedGrant, SharedVaultStore, Source,
    StoreError, VaultSettings,
    bounds::Bounds,
    broker::{Inner, OnRevoked},
    grants::Grants,
    knowledge::Knowledge,
    refresh::Refresher,
    revocations::Revocations,
    transport,
    vault::{Ages, Exchange, Shared, Vault},
};

/// Builds a [`Broker`].
///
/// ```no_run
/// use std::sync::Arc;
/// use idp_adapters::Kind;
/// use mgmt_auth::ClientCredentials;
/// use token_broker::{Broker, GrantStore, Provider, VaultSettings};
///
/// # fn f(tenant: mgmt_auth::Tenant, users: user_store::UserStore, store: Arc<dyn GrantStore>) -> Result<(), token_broker::BuildError> {
/// let vault = ClientCredentials::secret("CUSTOM_API_CLIENT", "its secret".to_owned());
/// let broker = Broker::builder(tenant, users)
///     .provider(Provider::new("google", idp_adapters::shared(Kind::Google)))
///     .vault(VaultSettings::new(vault, "https://api.acme.com"))
///     .store(store)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct BrokerBuilder {
    tenant: Arc<str>,
    exchange: Arc<dyn Exchange>,
    lacks_idp_tokens: Box<dyn Fn() -> bool + Send + Sync>,
    users: UserStore,
    providers: Vec<Provider>,
    store: Option<Arc<dyn GrantStore>>,
    transport: Option<Arc<dyn Transport>>,
    vault: Option<VaultSettings>,
    shared_vault: Option<Arc<dyn SharedVaultStore>>,
    cache_ttl: Duration,
    negative_ttl: Duration,
    capacity: u64,
    bytes: u64,
    tasks: TaskTracker,
    clock: Clock,
    on_revoked: OnRevoked,
}

/// Why a broker cannot be built. Names the provider and the remedy.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two providers of one name.
    #[error("provider `{0}` is there twice")]
    Twice(String),
    /// Single-use refresh tokens and a store that forgets them.
    #[error(
        "provider `{0}` has single-use refresh tokens, and the memory store loses them with the process: use a store \
         that outlives it, switch the provider's refresh off, or insist with `allow_rotation_in_memory`"
    )]
    RotationInMemory(String),
    /// Source `vault` without a client and an audience.
    #[error("provider `{0}` uses source \"vault\", but the vault's client and audience are not set")]
    NoVault(String),
    /// The store could not be set up.
    #[error("the grant store could not be set up: {0}")]
    Store(#[source] StoreError),
    /// The HTTP client could not be set up.
    #[cfg(feature = "reqwest")]
    #[error("the HTTP client could not be set up: {0}")]
    Http(#[source] api_transport::SetUpError),
    /// No transport was set, and without the feature `reqwest` there is no default.
    #[error("without the feature `reqwest` the broker needs a transport; set `transport`")]
    NoTransport,
}

impl BrokerBuilder {
    pub(crate) fn new(tenant: Tenant, users: UserStore) -> Self {
        let domain: Arc<str> = Arc::from(tenant.domain());
        let token = tenant.clone();
        let lacks = move || token.current_management_token().is_some_and(|token| token.lacks_idp_tokens());
        let clock = tenant.clock().clone();
        Self::over(domain, Arc::new(tenant), Box::new(lacks), users).clock(clock)
    }

    pub(crate) fn over(
        tenant: Arc<str>,
        exchange: Arc<dyn Exchange>,
        lacks_idp_tokens: Box<dyn Fn() -> bool + Send + Sync>,
        users: UserStore,
    ) -> Self {
        Self {
            tenant,
            exchange,
            lacks_idp_tokens,
            users,
            providers: Vec::new(),
            store: None,
            transport: None,
            vault: None,
            shared_vault: None,
            cache_ttl: Duration::from_secs(600),
            negative_ttl: Duration::from_secs(5),
            capacity: 100_000,
            bytes: 128 << 20,
            tasks: TaskTracker::new(),
            clock: Clock::default(),
            on_revoked: Box::new(|_| {}),
        }
    }

    /// Adds a provider.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Where grants are kept; in memory by default.
    pub fn store(mut self, store: Arc<dyn GrantStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// How token and revocation endpoints are called: your own HTTP client, or answers made up in a test. Through reqwest by default.
    /// Plain `http` is for loopback only, over every transport.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// How Token Vault is asked.
    pub fn vault(mut self, settings: VaultSettings) -> Self {
        self.vault = Some(settings);
        self
    }

    /// Shares vault results with other processes.
    pub fn shared_vault(mut self, store: Arc<dyn SharedVaultStore>) -> Self {
        self.shared_vault = Some(store);
        self
    }

    /// The longest a vault result is kept (`users.cache_ttl`, 10 min).
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = ttl;
        self
    }

    /// How long a vault that holds nothing for an account is not asked again, where another source serves it meanwhile
    /// (`users.negative_ttl`, 5 s). A newer caller token asks at once.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = ttl;
        self
    }

    /// How many vault results and how many grants are kept in memory (100,000).
    pub fn capacity(mut self, entries: u64) -> Self {
        self.capacity = entries;
        self
    }

    /// How many bytes all that the broker keeps in memory may take (128 MiB): grants, vault results, revocations, what was
    /// seen of tokens. Whichever of `capacity` and `capacity_bytes` is reached first counts.
    pub fn capacity_bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Tracks refreshes of single-use tokens and refreshed grants that are not stored yet. A process that ends before they
    /// are done loses a grant: close the tracker and wait for it before the runtime ends. Several brokers may share one.
    pub fn tasks(mut self, tasks: TaskTracker) -> Self {
        self.tasks = tasks;
        self
    }

    /// Called with each revocation as soon as it is stored, before the provider is asked: other replicas can be told even if the
    /// caller leaves while the provider answers. It must not block.
    pub fn on_revoked(mut self, told: impl Fn(RevokedGrant) + Send + Sync + 'static) -> Self {
        self.on_revoked = Box::new(told);
        self
    }

    /// Tells the wall-clock time, by which tokens expire; the tenant's clock by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The broker. Nothing is asked yet.
    ///
    /// # Errors
    /// A provider cannot be run like this; the text says which, and the remedy.
    pub fn build(self) -> Result<Broker, BuildError> {
        let store = match self.store {
            Some(store) => store,
            None => Arc::new(MemoryStore::new().map_err(BuildError::Store)?),
        };
        let providers = settled(self.providers, store.durability(), self.vault.is_some())?;
        let transport = match self.transport {
            Some(transport) => transport,
            #[cfg(feature = "reqwest")]
            None => transport::default().map_err(BuildError::Http)?,
            #[cfg(not(feature = "reqwest"))]
            None => return Err(BuildError::NoTransport),
        };
        let transport = transport::confidential(transport);
        let bounds = Bounds::new(self.bytes, self.capacity);
        let grants = Arc::new(Grants::new(store, bounds.grants, self.tasks));
        let knowledge = Arc::new(Knowledge::new(&bounds));
        let refresher = Refresher::new(
            grants.clone(),
            self.users.clone(),
            transport.clone(),
            knowledge.clone(),
            self.clock.clone(),
        );
        let (kept, absent) = (self.cache_ttl, self.negative_ttl);
        let shared = self.shared_vault.map(|store| Shared { store, tenant: self.tenant.clone() });
        let inner = Inner {
            tenant: self.tenant,
            users: self.users,
            providers,
            vault: Vault::new(
                self.exchange,
                self.vault,
                bounds.vault,
                Ages { kept, absent },
                shared,
                self.clock.clone(),
            ),
            grants,
            refresher,
            transport,
            knowledge,
            clock: self.clock,
            revocations: Revocations::new(bounds.revocations),
            on_revoked: self.on_revoked,
            lacks_idp_tokens: self.lacks_idp_tokens,
        };
        Ok(Broker { inner: Arc::new(inner) })
    }
}

/// The providers by name, each knowing the connections that the others name.
fn settled(
    all: Vec<Provider>,
    durability: Durability,
    has_vault: bool,
) -> Result<BTreeMap<String, Arc<Provider>>, BuildError> {
    let mut providers = BTreeMap::new();
    let named: Vec<_> = all.iter().map(|provider| provider.connections.clone()).collect();
    for (at, mut provider) in all.into_iter().enumerate() {
        let others = named.iter().enumerate().filter(|(other, _)| *other != at);
        provider.settle(Arc::new(others.flat_map(|(_, names)| names.iter().cloned()).collect()));
        let name = provider.name.clone();
        let forgetful = durability == Durability::Process && !provider.allow_rotation_in_memory;
        if provider.rotates() && provider.refresh_url().is_some() && forgetful {
            return Err(BuildError::RotationInMemory(name));
        }
        if provider.sources.contains(&Source::Vault) && !has_vault {
            return Err(BuildError::NoVault(name));
        }
        if providers.insert(name.clone(), Arc::new(provider)).is_some() {
            return Err(BuildError::Twice(name));
        }
    }
    Ok(providers)
}

impl std::fmt::Debug for BrokerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerBuilder")
            .field("tenant", &self.tenant)
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}
