//! Leases within one process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Lease;
use crate::GrantKey;

/// Who may refresh what, in a process that does not share its store.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<GrantKey, Lease>>);

impl Leases {
    pub(super) fn acquire(&self, key: &GrantKey, ttl: Duration) -> Option<Lease> {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if leases.get(key).is_some_and(|lease| !lease.left().is_zero()) {
            return None;
        }
        let lease = Lease::new(Instant::now(), ttl);
        leases.insert(key.clone(), lease.clone());
        Some(lease)
    }

    pub(super) fn release(&self, key: &GrantKey, lease: &Lease) {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if leases.get(key).is_some_and(|held| held.id == lease.id) {
            leases.remove(key);
        }
    }
}
