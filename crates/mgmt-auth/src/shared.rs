//! One management token for a whole fleet.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use secrecy::SecretString;

use crate::BoxFuture;

/// What identifies a stored token. All three parts belong in the store's key.
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

    /// The client that the token was issued to.
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
#[non_exhaustive]
pub struct SharedToken {
    /// The token.
    pub access_token: SecretString,
    /// The granted scopes, separated by spaces, if known.
    pub scope: Option<String>,
    /// When it was requested.
    pub issued_at: SystemTime,
    /// Its end.
    pub expires_at: SystemTime,
}

impl SharedToken {
    /// A stored token: the token, its scopes, when it was requested, its end.
    #[must_use]
    pub fn new(
        access_token: SecretString,
        scope: Option<String>,
        issued_at: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        Self { access_token, scope, issued_at, expires_at }
    }
}

/// The store cannot be used now. The replica then requests its own token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreUnavailable;

impl fmt::Display for StoreUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shared store of management tokens cannot be used now")
    }
}

impl std::error::Error for StoreUnavailable {}

/// Shares the management token between replicas, so that a fleet requests one token per lifetime.
///
/// The store encrypts the token, and has timeouts of its own. When it fails, the replica continues alone.
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

    /// Takes the lease, the right to request a token, for `lease_for`; false while another replica has it. Without
    /// leases (the default) replicas that start together may each send a request.
    fn lease<'a>(
        &'a self,
        name: &'a TokenName,
        lease_for: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreUnavailable>> {
        let _ = (name, lease_for);
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Gives the lease back.
    fn release<'a>(&'a self, name: &'a TokenName) -> BoxFuture<'a, ()> {
        let _ = name;
        Box::pin(std::future::ready(()))
    }
}
