//! What callers set.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mgmt_auth::Priority;
use quick_cache::sync::Cache;
use token_keeper::{Clock, SingleFlight};
use tokio::time::Instant;

use crate::{
    Directory, SharedUserStore, UserStore,
    names::Names,
    record::{Ages, Record},
    shared::SharedRecords,
    store::{BySize, Connected, Inner},
};

/// The most users without a record, and the most forgotten ones, that are remembered.
const MISSING: usize = 10_000;

/// What an entry without a record takes: an id of usual length, a time, a place in the cache.
const SMALL: u64 = 256;

/// The settings of a [`UserStore`].
///
/// ```no_run
/// use std::time::Duration;
/// use user_store::{Priority, UserStore};
///
/// # fn f(tenant: mgmt_auth::Tenant) {
/// let users = UserStore::builder(tenant)
///     .cache_ttl(Duration::from_secs(600))
///     .stale_ttl(Duration::from_secs(3600))
///     .capacity(10_000)
///     .priority(Priority::Background) // of a job: calls for users come first
///     .build();
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct UserStoreBuilder {
    directory: Arc<dyn Directory>,
    tenant: String,
    ages: Ages,
    capacity: u64,
    capacity_bytes: u64,
    shared: Option<Arc<dyn SharedUserStore>>,
    priority: Priority,
    clock: Clock,
}

impl UserStoreBuilder {
    pub(crate) fn new(directory: Arc<dyn Directory>, tenant: String) -> Self {
        let ages = Ages {
            cache: Duration::from_secs(600),
            stale: Duration::from_secs(3600),
            negative: Duration::from_secs(5),
        };
        Self {
            directory,
            tenant,
            ages,
            capacity: 100_000,
            capacity_bytes: 128 << 20,
            shared: None,
            priority: Priority::Caller,
            clock: Clock::default(),
        }
    }

    /// How long a record serves (10 min); renewed in the background from 80 % of it while in use.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.ages.cache = ttl;
        self
    }

    /// The total age (1 h) up to which a record serves while Auth0 answers 429, 5xx or not at all. Less than
    /// `cache_ttl` counts as `cache_ttl`.
    pub fn stale_ttl(mut self, ttl: Duration) -> Self {
        self.ages.stale = ttl;
        self
    }

    /// How long an unknown user stays unknown (5 s).
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.ages.negative = ttl;
        self
    }

    /// How many records are kept at most (100,000).
    pub fn capacity(mut self, records: u64) -> Self {
        self.capacity = records;
        self
    }

    /// How many bytes the records take at most (128 MiB). Connected Accounts, why they could not be read, unknown users and what
    /// was forgotten take up to an eighth of that each besides.
    /// Whichever of `capacity` and `capacity_bytes` is reached first counts.
    pub fn capacity_bytes(mut self, bytes: u64) -> Self {
        self.capacity_bytes = bytes;
        self
    }

    /// A store shared with other processes.
    pub fn shared(mut self, store: Arc<dyn SharedUserStore>) -> Self {
        self.shared = Some(store);
        self
    }

    /// The priority of look-ups: callers', unless this store belongs to a job. Renewals in the background
    /// always have the lower priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The wall clock; the tenant's, or the system's for another [`Directory`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the store. Nothing is looked up yet.
    pub fn build(self) -> UserStore {
        let ages = Ages { stale: self.ages.stale.max(self.ages.cache), ..self.ages };
        let tenant: Arc<str> = self.tenant.into();
        let capacity = usize::try_from(self.capacity.max(1)).unwrap_or(usize::MAX);
        let bytes = self.capacity_bytes.max(1);
        let least = bytes.div_ceil(self.capacity.max(1));
        // An eighth of the bytes for each of the small ones.
        let few = usize::try_from(self.capacity_bytes / 8 / SMALL).unwrap_or(usize::MAX);
        let few = few.min(capacity).clamp(1, MISSING);
        // The cache also keeps the places of half as many former records: not of more than there is memory for.
        let most = usize::try_from(bytes).unwrap_or(usize::MAX) / Record::SMALLEST;
        let inner = Inner {
            directory: self.directory,
            shared: self.shared.map(|store| SharedRecords { store, tenant }),
            ages,
            priority: self.priority,
            records: Cache::with_weighter(capacity.min(most.max(1)), bytes, BySize { least }),
            negatives: Cache::new(few),
            connected: Connected::new(few, (bytes / 8).max(1)),
            forgotten: Cache::new(few),
            all_forgotten: Mutex::new(None),
            names: Names::default(),
            clock: self.clock,
            swept: Mutex::new(Instant::now()),
            loads: SingleFlight::new(),
        };
        UserStore { inner: Arc::new(inner) }
    }
}
