//! The configured store, opened once per process and kept over reloads: grants, the control state, ids that were used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mgmt_auth::{SecretReader, SecretSource};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use token_broker::{
    FileStore, FleetStore, GrantStore, KeyRing, MemoryStore, PostgresStore, RedisStore, StoreError,
};
use tokio_util::task::TaskTracker;

use crate::config::{Settings, StoreKind, StoreSettings, secret_source};
use crate::fleet::Fleet;
use crate::memory::Bounds;
use caller_auth::{FirstUse, MemoryReplays, OneUse, ReplayError, ReplayStore};

/// What the id of a proof or a logout token takes in memory.
const REPLAY: u64 = 128;
/// How often it is checked what the store guarantees.
const PERIOD: Duration = Duration::from_secs(60);

/// Why the configured store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be opened: {0}")]
pub struct OpenError(String);

/// What the application keeps beyond one configuration.
pub struct Stores {
    origin: Origin,
    file: Option<Arc<FileStore>>,
    pub(crate) grants: Arc<dyn GrantStore>,
    /// What all replicas share, if they share anything.
    pub(crate) shared: Option<Arc<dyn FleetStore>>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) replays: Arc<dyn ReplayStore>,
    /// Ids of links and states of hosted connect. In memory they have a room of their own: no caller's proofs can fill it.
    pub(crate) links: Arc<dyn ReplayStore>,
    /// Refreshes that an orderly end waits for, over reloads.
    pub(crate) tasks: TaskTracker,
    /// What every replica's DPoP nonces are made from.
    pub(crate) nonce_key: Zeroizing<[u8; 32]>,
    /// What the store did not guarantee at the last check.
    missing_guarantees: Mutex<Vec<String>>,
}

/// What a store was opened with: a reload that changes none of it keeps the store.
#[derive(Clone, Default)]
struct Origin {
    tenant: String,
    kind: StoreKind,
    /// A path, or a URL that may hold a password.
    place: SecretString,
    keys: Option<SecretString>,
    /// How many used ids there is room for. What is open keeps the number that it was opened with.
    replays: usize,
}

impl Origin {
    async fn of(settings: &Settings) -> Result<Self, OpenError> {
        let replays = usize::try_from(Bounds::of(settings).replays / REPLAY).unwrap_or(usize::MAX);
        let (tenant, settings) = (settings.tenant.domain.clone(), &settings.store);
        Ok(match settings.kind {
            StoreKind::Memory => Self { tenant, replays, ..Self::default() },
            StoreKind::File => {
                let path = settings.path.as_deref().ok_or_else(|| bad("store.path is not set"))?;
                Self {
                    tenant,
                    kind: StoreKind::File,
                    place: path.display().to_string().into(),
                    keys: Some(keys(settings).await?),
                    replays,
                }
            }
            kind @ (StoreKind::Redis | StoreKind::Postgres) => {
                Self { tenant, kind, place: url(settings).await?, keys: Some(keys(settings).await?), replays }
            }
        })
    }

    fn ring(&self) -> Result<KeyRing, OpenError> {
        let text = self.keys.clone().unwrap_or_default();
        KeyRing::parse(&text).map_err(|error| {
            bad(format!("store.encryption_keys_file: {error}; `gateway store keygen` makes a line"))
        })
    }

    fn has_place_of(&self, other: &Self) -> bool {
        self.kind == other.kind && self.place.expose_secret() == other.place.expose_secret()
    }

    fn has_tenant_and_keys_of(&self, other: &Self) -> bool {
        let same_keys = match (&self.keys, &other.keys) {
            (Some(ours), Some(theirs)) => ours.expose_secret() == theirs.expose_secret(),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        self.tenant == other.tenant && same_keys
    }
}

/// The store that a fleet shares, on a server of this kind at this URL.
pub(crate) fn fleet_store(
    kind: StoreKind,
    url: &SecretString,
    keys: KeyRing,
) -> Result<Arc<dyn FleetStore>, StoreError> {
    let url = url.expose_secret().trim();
    Ok(match kind {
        StoreKind::Postgres => Arc::new(PostgresStore::new(url, keys)?),
        _ => Arc::new(RedisStore::new(url, keys)?),
    })
}

/// What every replica that shares these keys makes DPoP nonces from.
fn nonce_key(keys: &KeyRing) -> Result<Zeroizing<[u8; 32]>, OpenError> {
    keys.derive("dpop-nonce").map_err(|error| bad(error.to_string()))
}

/// The library knows the ring, and not the setting that it comes from.
fn refused(error: &StoreError) -> OpenError {
    let setting = if error.is_damaged() { " (the ring is store.encryption_keys_file)" } else { "" };
    bad(format!("{error}{setting}"))
}

fn bad(detail: impl Into<String>) -> OpenError {
    OpenError(detail.into())
}

async fn keys(settings: &StoreSettings) -> Result<SecretString, OpenError> {
    let path = settings.encryption_keys_file.clone();
    let source = SecretSource::File(path.ok_or_else(|| bad("store.encryption_keys_file is not set"))?);
    SecretReader::new().read(&source).await.map_err(|error| bad(error.to_string()))
}

async fn url(settings: &StoreSettings) -> Result<SecretString, OpenError> {
    let source = secret_source(settings.url.as_ref(), settings.url_file.as_deref());
    let source = source.ok_or_else(|| bad("store.url is not set"))?;
    let url = SecretReader::new().read(&source).await.map_err(|error| bad(error.to_string()))?;
    Ok(url.expose_secret().trim().into())
}

impl Stores {
    /// Opens the configured store. A file is opened for good, and every record in it once; a server may be down, and then the
    /// gateway starts without being ready.
    ///
    /// # Errors
    /// The store cannot be used as it is configured: a file that is torn or in use, keys that do not open what is there.
    pub async fn open(settings: &Settings) -> Result<Arc<Self>, OpenError> {
        Self::open_with(settings, TaskTracker::new()).await
    }

    async fn open_with(settings: &Settings, tasks: TaskTracker) -> Result<Arc<Self>, OpenError> {
        let origin = Origin::of(settings).await?;
        let stores = match origin.kind {
            StoreKind::Memory => Self::memory(origin)?,
            StoreKind::File => {
                let path = settings.store.path.clone().unwrap_or_default();
                let file = FileStore::open(path, origin.ring()?).await;
                Self::file(origin, Arc::new(file.map_err(|error| refused(&error))?))?
            }
            StoreKind::Redis | StoreKind::Postgres => Self::shared(origin)?,
        };
        stores.read_first().await?;
        Ok(Arc::new(Self { tasks, ..stores }))
    }

    /// Waits until no refreshed grant is on its way into a store: an end before that loses it.
    pub(crate) async fn settled(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The store under new settings: the same one where they say the same, with its control state carried over where not.
    ///
    /// # Errors
    /// As [`Stores::open`].
    pub async fn reopened(self: &Arc<Self>, settings: &Settings) -> Result<Arc<Self>, OpenError> {
        let origin = Origin::of(settings).await?;
        if origin.has_place_of(&self.origin) && origin.has_tenant_and_keys_of(&self.origin) {
            return Ok(Arc::clone(self));
        }
        let stores = match (&self.file, origin.kind) {
            // The file is locked by ourselves: only its keys can be others.
            (Some(file), StoreKind::File) if origin.has_place_of(&self.origin) => {
                let file = file.with_keys(origin.ring()?).await;
                Self::file(origin, Arc::new(file.map_err(|error| refused(&error))?))?
            }
            (_, StoreKind::Redis | StoreKind::Postgres) => Self::shared(origin)?,
            _ => {
                let stores = Self::open_with(settings, self.tasks.clone()).await;
                return stores.inspect(|stores| stores.fleet.inherit(&self.fleet));
            }
        };
        stores.fleet.inherit(&self.fleet);
        stores.read_first().await?;
        Ok(Arc::new(Self { tasks: self.tasks.clone(), ..stores }))
    }

    fn memory(origin: Origin) -> Result<Self, OpenError> {
        let grants = Arc::new(MemoryStore::new().map_err(|error| bad(error.to_string()))?);
        let nonce_key = nonce_key(grants.keys())?;
        Ok(Self {
            replays: Arc::new(MemoryReplays::new(origin.replays - origin.replays / 8)),
            links: Arc::new(MemoryReplays::new(origin.replays / 8)),
            origin,
            file: None,
            grants,
            shared: None,
            fleet: Arc::new(Fleet::alone()),
            tasks: TaskTracker::new(),
            nonce_key,
            missing_guarantees: Mutex::default(),
        })
    }

    fn file(origin: Origin, file: Arc<FileStore>) -> Result<Self, OpenError> {
        Ok(Self {
            fleet: Arc::new(Fleet::kept(file.clone(), &origin.tenant)),
            grants: file.clone(),
            nonce_key: nonce_key(file.keys())?,
            file: Some(file),
            ..Self::memory(origin)?
        })
    }

    fn shared(origin: Origin) -> Result<Self, OpenError> {
        let shared = fleet_store(origin.kind, &origin.place, origin.ring()?);
        let shared = shared.map_err(|error| bad(format!("store.url: {error}")))?;
        Ok(Self {
            fleet: Arc::new(Fleet::kept(shared.clone(), &origin.tenant)),
            grants: shared.clone(),
            replays: Arc::new(SharedReplays(shared.clone())),
            links: Arc::new(SharedReplays(shared.clone())),
            nonce_key: nonce_key(shared.keys())?,
            shared: Some(shared),
            ..Self::memory(origin)?
        })
    }

    /// The control state also tells whether our keys are the fleet's.
    async fn read_first(&self) -> Result<(), OpenError> {
        match self.fleet.read().await {
            Err(error) if error.is_damaged() => Err(refused(&error)),
            Err(error) => {
                tracing::error!(event = "store_unavailable", %error, "the gateway is not ready before it answers");
                Ok(())
            }
            Ok(()) => {
                self.check_guarantees().await;
                Ok(())
            }
        }
    }

    /// Checks what the store guarantees, and logs what is newly missing.
    async fn check_guarantees(&self) {
        let Ok(missing) = self.grants.check().await else { return };
        let mut known = self.missing_guarantees.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != missing {
            for what in &missing {
                tracing::warn!(event = "store_guarantees_missing", "{what}");
            }
            *known = missing;
        }
    }

    /// Keeps checking what the store guarantees. Never returns.
    pub(crate) async fn keep_checking(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(PERIOD).await;
            // A file is walked through once, when it is opened.
            if self.shared.is_some() {
                self.check_guarantees().await;
            }
        }
    }

    /// What the store did not guarantee at the last check.
    pub(crate) fn missing_guarantees(&self) -> Vec<String> {
        self.missing_guarantees.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").field("kind", &self.origin.kind).finish_non_exhaustive()
    }
}

/// Ids that the whole fleet remembers.
struct SharedReplays(Arc<dyn FleetStore>);

impl ReplayStore for SharedReplays {
    fn first_use(&self, used: OneUse) -> FirstUse<'_> {
        Box::pin(async move {
            let first = self.0.first_use(&used.id, used.keep).await;
            first.map_err(|error| ReplayError::unavailable().caused_by(error))
        })
    }
}
