//! The tenant's signing keys, kept fresh and never fetched more often than allowed (threats K01 to K03).

mod jwk;

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use token_keeper::{Keeper, Load, Loaded, Status, Window};
use tokio::{sync::Semaphore, time::Instant};

use crate::{Error, oauth::Endpoints};
use jwk::Keys;
pub use jwk::SigningKey;

const PATH: &str = "/.well-known/jwks.json";
/// From the request to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Pauses while the tenant serves no keys. Not shorter: every caller's token causes an attempt.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// So many calls wait for a key with an unknown id.
const WAITING: usize = 256;

/// How long keys are good, and how often they are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyPolicy {
    /// Age at which a key set has to be replaced. It is renewed in the background before that.
    pub max_age: Duration,
    /// Least time between two refreshes that an unknown key id forces, counted from the attempt, whatever its result.
    pub cooldown: Duration,
    /// Age up to which a set still serves while no newer one can be fetched.
    pub stale: Duration,
}

impl KeyPolicy {
    /// These times, in the order of the fields.
    #[must_use]
    pub const fn new(max_age: Duration, cooldown: Duration, stale: Duration) -> Self {
        Self { max_age, cooldown, stale }
    }
}

impl Default for KeyPolicy {
    /// Ten minutes, thirty seconds, twelve hours.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self::new(seconds(600), seconds(30), seconds(12 * 3600))
    }
}

/// The tenant's signing keys.
///
/// They come from `{base_url}/.well-known/jwks.json`, never from discovery or from a token. Only keys that may verify
/// signatures are kept: RSA of at least 2048 bits with an odd exponent above one, for signing, with an id that
/// occurs once. An answer without any such key counts as a failure.
///
/// ```no_run
/// # async fn f(tenant: mgmt_auth::Tenant, kid: &str) -> Result<(), mgmt_auth::Error> {
/// match tenant.keys().find(kid).await? {
///     Some(key) => println!("{} bytes, {:?}", key.modulus().len(), key.algorithm()),
///     None => println!("the tenant has no such key"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct SigningKeys {
    keeper: Keeper<KeyLoad>,
    policy: KeyPolicy,
    /// The last forced refresh.
    forced: Mutex<Option<Instant>>,
    /// Those who wait for keys with an unknown id.
    waiting: Semaphore,
}

#[derive(Debug)]
struct KeySet {
    keys: Keys,
    generation: u64,
    asked_at: Instant,
}

struct KeyLoad {
    endpoints: Arc<Endpoints>,
    policy: KeyPolicy,
    last: Mutex<Option<(u64, Keys)>>,
}

impl SigningKeys {
    pub(crate) fn new(endpoints: Arc<Endpoints>, policy: KeyPolicy) -> Self {
        let load = KeyLoad { endpoints, policy, last: Mutex::default() };
        let keeper = Keeper::builder(load).name("signing_keys").backoff(BACKOFF.0, BACKOFF.1).build();
        Self { keeper, policy, forced: Mutex::default(), waiting: Semaphore::new(WAITING) }
    }

    /// The key `kid`; `None` when the tenant has keys but not this one.
    ///
    /// Known keys cost no request. An unknown id forces one refresh each [`KeyPolicy::cooldown`]; calls during a
    /// refresh wait for it. At most 256 calls wait: an id is made up easily, and a slow tenant must not hold every request. The
    /// others get `None` at once.
    ///
    /// # Errors
    /// There are no keys at all, which is transient.
    pub async fn find(&self, kid: &str) -> Result<Option<Arc<SigningKey>>, Error> {
        let mut set = self.keeper.get().await?;
        // Past its age and not renewed ahead: wait once, so that a withdrawn key ends in time. While the tenant fails,
        // the old set serves and the renewal runs in the background.
        if set.asked_at.elapsed() >= self.policy.max_age && self.keeper.status().failures == 0 {
            set = self.keeper.renew().await.unwrap_or(set);
        }
        if let Some(key) = set.keys.get(kid) {
            return Ok(Some(key.clone()));
        }
        let Ok(_waiting) = self.waiting.try_acquire() else { return Ok(None) };
        let newer = if self.may_force() { Some(self.keeper.renew().await) } else { self.keeper.join().await };
        drop(newer);
        Ok(self.cached(kid))
    }

    /// Fetches the keys if there are none yet, so that the first caller need not wait. Forces no refresh.
    ///
    /// # Errors
    /// There are no keys at all, which is transient.
    pub async fn load(&self) -> Result<(), Error> {
        self.keeper.get().await.map(drop)
    }

    /// The key if it is cached; sends nothing.
    #[must_use]
    pub fn cached(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.keeper.current().and_then(|set| set.keys.get(kid).cloned())
    }

    /// A number that grows with each change of the set; zero before the first one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.keeper.current().map_or(0, |set| set.generation)
    }

    /// How many usable keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keeper.current().map_or(0, |set| set.keys.len())
    }

    /// Whether there are no usable keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A snapshot of the set's age and its failures.
    #[must_use]
    pub fn status(&self) -> Status {
        self.keeper.status()
    }

    pub(crate) async fn keep(&self) -> Infallible {
        self.keeper.keep().await
    }

    /// Takes the right to one forced refresh, if it is there.
    fn may_force(&self) -> bool {
        let mut forced = self.forced.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let may = forced.is_none_or(|last| now.saturating_duration_since(last) >= self.policy.cooldown);
        if may {
            *forced = Some(now);
        }
        may
    }
}

impl KeyLoad {
    /// Numbers the set: new content gets a new number.
    fn number(&self, keys: &Keys) -> u64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((generation, known)) if known == keys => *generation,
            known => {
                let generation = known.as_ref().map_or(1, |(generation, _)| generation + 1);
                *last = Some((generation, keys.clone()));
                generation
            }
        }
    }

    async fn fetch(&self) -> Result<Keys, Error> {
        let answer = self.endpoints.document(PATH, TIMEOUT).await?;
        jwk::parse(answer.body())
    }
}

impl Load for KeyLoad {
    type Value = KeySet;
    type Error = Error;

    async fn load(&self) -> Result<Loaded<KeySet>, Error> {
        let asked_at = Instant::now();
        let keys = match self.fetch().await {
            Ok(keys) => keys,
            Err(error) => {
                tracing::Span::current().record("outcome", error.fault().as_str());
                tracing::warn!(event = "signing_keys_failed", fault = ?error.fault(), %error);
                return Err(error);
            }
        };
        let generation = self.number(&keys);
        let fresh_for = self.policy.max_age.mul_f64(0.75 + fastrand::f64() * 0.15);
        let window = Window::since(asked_at, fresh_for, self.policy.stale.max(self.policy.max_age));
        Ok(Loaded::new(KeySet { keys, generation, asked_at }, window))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("keys", &self.len()).field("status", &self.status()).finish()
    }
}
