//! What callers set.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mgmt_auth::Priority;
use moka::sync::Cache;
use token_keeper::Flights;

use crate::{Directory, SharedUserStore, UserStore, record::Ages, shared::Shared, store::Inner};

/// The most unknown ids remembered at a time.
const MISSING: u64 = 10_000;

/// Builds a [`UserStore`]. The defaults are those of the gateway's `users` settings.
#[derive(Debug)]
#[must_use]
pub struct UserStoreBuilder {
    directory: Arc<dyn Directory>,
    tenant: String,
    ages: Ages,
    capacity: u64,
    shared: Option<Arc<dyn SharedUserStore>>,
    priority: Priority,
}

impl UserStoreBuilder {
    pub(crate) fn new(directory: Arc<dyn Directory>, tenant: String) -> Self {
        let ages = Ages {
            cache: Duration::from_secs(600),
            stale: Duration::from_secs(3600),
            negative: Duration::from_secs(5),
        };
        Self { directory, tenant, ages, capacity: 100_000, shared: None, priority: Priority::Caller }
    }

    /// How long a record serves (10 min); renewed behind from 80 % of it while in use.
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

    /// How many records are kept (100,000); those above 8 KiB count as several.
    pub fn capacity(mut self, records: u64) -> Self {
        self.capacity = records;
        self
    }

    /// A store shared with other processes.
    pub fn shared(mut self, store: Arc<dyn SharedUserStore>) -> Self {
        self.shared = Some(store);
        self
    }

    /// How urgent look-ups are: for callers, unless this store belongs to a job that nobody waits for. Renewals behind are
    /// always background work.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The store. Nothing is looked up yet.
    pub fn build(self) -> UserStore {
        let ages = Ages { stale: self.ages.stale.max(self.ages.cache), ..self.ages };
        let tenant: Arc<str> = self.tenant.into();
        // moka's clock is not Tokio's: its expiry only bounds memory, and lets every record outlive its use.
        let records = Cache::builder()
            .max_capacity(self.capacity)
            .weigher(|_, record: &Arc<crate::record::Record>| record.user.weight())
            .time_to_live(ages.stale.saturating_add(Duration::from_secs(60)))
            .build();
        let missing = self.capacity.clamp(1, MISSING);
        let inner = Inner {
            directory: self.directory,
            shared: self.shared.map(|store| Shared { store, tenant }),
            ages,
            priority: self.priority,
            records,
            missing: Cache::builder()
                .max_capacity(missing)
                .time_to_live(ages.negative.saturating_add(Duration::from_secs(60)))
                .build(),
            forgotten: Cache::builder().max_capacity(self.capacity.max(1)).time_to_live(ages.stale).build(),
            all_forgotten: Mutex::new(None),
            flights: Flights::new(),
        };
        UserStore { inner: Arc::new(inner) }
    }
}
