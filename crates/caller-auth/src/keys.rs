//! Where the tenant's public keys come from.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mgmt_auth::{BoxFuture, ClientCredentials, KeyPolicy, Tenant};
use url::Url;

/// A public RSA key of the tenant. Only keys that may verify signatures get this far.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    algorithm: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl VerifyingKey {
    /// A key by its big-endian modulus and exponent, and the algorithm it is bound to, if any.
    #[must_use]
    pub fn new(algorithm: Option<&str>, modulus: &[u8], exponent: &[u8]) -> Self {
        Self { algorithm: algorithm.map(Into::into), modulus: modulus.to_vec(), exponent: exponent.to_vec() }
    }

    pub(crate) fn algorithm(&self) -> Option<&str> {
        self.algorithm.as_deref()
    }

    pub(crate) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    pub(crate) fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl KeySource for Tenant {
    fn find<'a>(&'a self, kid: &'a str) -> Finding<'a> {
        Box::pin(async move {
            match self.keys().find(kid).await {
                Ok(key) => {
                    Ok(key.map(|key| VerifyingKey::new(key.algorithm(), key.modulus(), key.exponent())))
                }
                Err(error) => {
                    let (retry_after, limited) = (error.retry_after(), error.is_rate_limited());
                    Err(KeysUnavailable::new(retry_after, limited).caused_by(error))
                }
            }
        })
    }

    fn generation(&self) -> u64 {
        self.keys().generation()
    }
}

/// A tenant of which only the public keys are read.
pub(crate) fn of_issuer(issuer: &Url, policy: KeyPolicy) -> Result<Tenant, mgmt_auth::Error> {
    let host = issuer.host_str().unwrap_or_default();
    let domain = issuer.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    Tenant::builder(&domain)
        .base_url(issuer.clone())
        .keys(policy)
        // A tenant needs a client for its management token, which is not requested here.
        .credentials(ClientCredentials::secret("none", "none"))
        .build()
}

/// No key set could be had, so that nothing can be said about any token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeysUnavailable {
    /// When it may be worth asking again.
    pub retry_after: Option<Duration>,
    /// Whether the tenant answered that too much was asked of it.
    pub rate_limited: bool,
    pub(crate) source: Option<Arc<dyn Error + Send + Sync>>,
}

impl KeysUnavailable {
    /// What a [`KeySource`] says while it has no keys.
    #[must_use]
    pub const fn new(retry_after: Option<Duration>, rate_limited: bool) -> Self {
        Self { retry_after, rate_limited, source: None }
    }

    /// The same with what lies behind it, for the log: [`Refusal`](crate::Refusal) has it as its `source()`.
    #[must_use]
    pub fn caused_by(mut self, error: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(error));
        self
    }
}

/// The answer of [`KeySource::find`].
pub type Finding<'a> = BoxFuture<'a, Result<Option<VerifyingKey>, KeysUnavailable>>;

/// A set of keys by their ids; the boundary to the tenant's key endpoint.
///
/// ```
/// use caller_auth::{Finding, KeySource, KeysUnavailable, VerifyingKey};
///
/// /// One key that is known at build time.
/// struct Fixed(String, VerifyingKey);
///
/// impl KeySource for Fixed {
///     fn find<'a>(&'a self, kid: &'a str) -> Finding<'a> {
///         Box::pin(std::future::ready(Ok((kid == self.0).then(|| self.1.clone()))))
///     }
///
///     fn generation(&self) -> u64 {
///         0
///     }
/// }
/// ```
pub trait KeySource: Send + Sync {
    /// The key `kid`; `None` when there are keys but not this one.
    ///
    /// # Errors
    /// When there is no key set at all.
    fn find<'a>(&'a self, kid: &'a str) -> Finding<'a>;

    /// A number that is another one after every change of the set.
    fn generation(&self) -> u64;
}
