//! The tenant, as the operators' listener needs it.

use std::sync::atomic::AtomicBool;

use mgmt_auth::Tenant;
use user_store::UserStore;

use super::Fingerprint;

/// The tenant and its users: kept by a reload that changes nothing about them.
pub(crate) struct TenantState {
    pub(crate) tenant: Tenant,
    pub(crate) users: UserStore,
    /// What the two were made from.
    pub(crate) origin: Fingerprint,
    /// `tenant.allow_excess_scopes`.
    pub(crate) allow_excess_scopes: bool,
    /// Once ready, the gateway stays ready through outages.
    pub(crate) was_ready: AtomicBool,
}
