//! What the application's knowledge of the tenant was made from. A reload that leaves this alone keeps the management token, the
//! keys and the user records (threats L03, L05).

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use secrecy::ExposeSecret as _;
use token_broker::FleetStore;

use crate::config::Settings;
use crate::stores::Stores;

/// The settings behind the tenant's client and the user records, without their secrets, and the store that shares both.
#[derive(Debug)]
pub(crate) struct Fingerprint {
    tenant: [u8; 32],
    users: String,
    shared: Option<Arc<dyn FleetStore>>,
}

impl Fingerprint {
    pub(crate) fn of(settings: &Settings, stores: &Stores) -> Self {
        let mut digest = Context::new(&SHA256);
        let (own, keys) = (&settings.tenant, &settings.callers.keys);
        // Secrets are masked in this text, so the one that may stand in the configuration is added. Those in files are read at
        // each use: another content changes nothing here.
        digest.update(format!("{own:?} {keys:?} {:?} ", settings.server.timeouts.connect).as_bytes());
        digest.update(format!("{:?} ", settings.required_scopes()).as_bytes());
        digest
            .update(own.proof.client_secret.as_ref().map_or("", |secret| secret.expose_secret()).as_bytes());
        let mut tenant = [0; 32];
        tenant.copy_from_slice(digest.finish().as_ref());
        Self { tenant, users: format!("{:?}", settings.users), shared: stores.shared.clone() }
    }

    /// Whether one tenant's client would be made like the other.
    pub(crate) fn is_same_tenant(&self, other: &Self) -> bool {
        let shared = match (&self.shared, &other.shared) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        shared && self.tenant == other.tenant
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_tenant(other) && self.users == other.users
    }
}
