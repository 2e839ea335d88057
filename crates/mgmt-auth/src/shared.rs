//! One management token for a whole fleet.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use secrecy::SecretString;

use crate::BoxFuture;

/// Whose token a stored one is. All three belong into the store's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenName {
    pub(crate) domain: String,
    pub(crate) client_id: String,
    pub(crate) audience: String,
}

impl TokenName {
    /// The tenant.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The client the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The API it is for.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }
}

/// A management token as replicas share it.
#[derive(Clone, Debug)]
pub struct SharedToken {
    /// The token.
    pub access_token: SecretString,
    /// The granted scopes, separated by spaces, if known.
    pub scope: Option<String>,
    /// When it was asked for.
    pub issued_at: SystemTime,
    /// Its end.
    pub expires_at: SystemTime,
}

/// The store cannot be used now. The replica then asks the tenant by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreUnavailable;

impl fmt::Display for StoreUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shared store of management tokens cannot be used now")
    }
}

impl std::error::Error for StoreUnavailable {}

/// Shares the management token between replicas, so that a fleet asks for one token a lifetime.
///
/// The store encrypts what it is given, and has timeouts of its own. A store that fails is never the tenant's
/// fault: the replica goes on by itself.
pub trait SharedTokenStore: fmt::Debug + Send + Sync + 'static {
    /// The stored token, if there is one.
    fn load<'a>(
        &'a self,
        name: &'a TokenName,
    ) -> BoxFuture<'a, Result<Option<SharedToken>, StoreUnavailable>>;

    /// Replaces the stored token; it may vanish at its end.
    fn store<'a>(
        &'a self,
        name: &'a TokenName,
        token: &'a SharedToken,
    ) -> BoxFuture<'a, Result<(), StoreUnavailable>>;

    /// Takes the sole right to ask the tenant, for `lease_for`; false while another replica has it. Without leases
    /// (the default) replicas that start together may each ask once.
    fn lease<'a>(
        &'a self,
        name: &'a TokenName,
        lease_for: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreUnavailable>> {
        let _ = (name, lease_for);
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Gives that right back.
    fn release<'a>(&'a self, name: &'a TokenName) -> BoxFuture<'a, ()> {
        let _ = name;
        Box::pin(std::future::ready(()))
    }
}
