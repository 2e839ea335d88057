//! The tenant's signing keys, as caller verification asks for them.

use mgmt_auth::Tenant;

use crate::caller::{Finding, KeySource, KeysUnavailable, VerifyingKey};

/// [`KeySource`] over the tenant.
pub(super) struct TenantKeys(pub(super) Tenant);

impl KeySource for TenantKeys {
    fn find<'a>(&'a self, kid: &'a str) -> Finding<'a> {
        Box::pin(async move {
            match self.0.keys().find(kid).await {
                Ok(key) => {
                    Ok(key.map(|key| VerifyingKey::new(key.algorithm(), key.modulus(), key.exponent())))
                }
                Err(error) => Err(KeysUnavailable {
                    retry_after: error.retry_after(),
                    rate_limited: error.is_rate_limited(),
                }),
            }
        })
    }

    fn generation(&self) -> u64 {
        self.0.keys().generation()
    }
}
