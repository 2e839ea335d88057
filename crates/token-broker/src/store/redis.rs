//! Grants, and user records, of a fleet in Redis or Valkey.

mod records;
mod shared;
mod vault;

use std::{fmt, time::Duration};

use redis::{
    Client, ConnectionAddr, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::Instant;

use super::{
    BoxFuture, Durability, GrantFilter, GrantStore, KeyRing, Lease, StoreError, Swap, Unsealable, Versioned,
    bound, hex, next_version, open_bound,
};
use crate::{
    GrantKey, GrantRecord, GrantSummary,
    crypto::{install_tls_provider, sha256},
};

/// The longest one command takes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest it takes to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const PREFIX: &str = "idp-gateway:";

/// Writes a grant (`v` version, `k` encoded key, `d` sealed record) if it is still at the version seen.
const SWAP: &str = "local now = redis.call('HGET', KEYS[1], 'v') or ''
if now ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'k', ARGV[3], 'd', ARGV[4])
return 1";

/// Gives a lease back, if it still is the holder's.
const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// Keeps grants in Redis or Valkey, sealed before they leave the process. Also a [`RecordStore`](crate::RecordStore), a
/// [`SharedUserStore`](user_store::SharedUserStore), a [`SharedVaultStore`](crate::SharedVaultStore) and a
/// [`SharedTokenStore`](mgmt_auth::SharedTokenStore): together a [`FleetStore`](crate::FleetStore).
///
/// Grants are hashes written by compare-and-set on their version, leases are keys that expire by themselves.
/// What the server promises about persistence is the server's: [`GrantStore::check`] says what is missing.
///
/// ```no_run
/// use token_broker::{GrantStore, KeyRing, RedisStore};
///
/// # async fn f(keys: KeyRing) -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::new("rediss://grants.acme.test", keys)?;
/// for missing in store.check().await? {
///     println!("{missing}"); // such as a server that may lose writes
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    client: Client,
    manager: ConnectionManager,
    keys: std::sync::Arc<KeyRing>,
    prefix: std::sync::Arc<str>,
    swap_script: Script,
    release: Script,
    /// Tells this process from the others.
    holder: std::sync::Arc<str>,
    /// Where messages about records arrive: the record, and the subscription.
    subscription: std::sync::Arc<tokio::sync::Mutex<Option<(String, redis::aio::PubSub)>>>,
}

impl RedisStore {
    /// A store at `url` (`redis://`, `rediss://`, with user and password where the server wants them). It
    /// connects at first use and again by itself. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The URL is not valid.
    pub fn new(url: &str, keys: KeyRing) -> Result<Self, StoreError> {
        // The library's own words could quote the URL, and with it the password.
        let wrong = |_| StoreError::unavailable("this is not a redis:// or rediss:// URL");
        Self::over(Client::open(url).map_err(wrong)?, PREFIX, keys)
    }

    /// The same over a client of your own (its TLS, its credentials), with names that begin with `prefix` (`idp-gateway:` in
    /// [`new`](Self::new)). Stores with different prefixes know nothing of each other.
    ///
    /// # Errors
    /// It was called outside of a Tokio runtime.
    pub fn over(client: Client, prefix: &str, keys: KeyRing) -> Result<Self, StoreError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(StoreError::unavailable("a RedisStore was made outside of a Tokio runtime"));
        }
        if matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { .. }) {
            install_tls_provider();
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT));
        let wrong = |_| StoreError::unavailable("the Redis client cannot be used");
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(wrong)?;
        let (swap_script, release) = (Script::new(SWAP), Script::new(RELEASE));
        let holder = Lease::new(Instant::now(), Duration::ZERO).id.into();
        let subscription = std::sync::Arc::default();
        let (keys, prefix) = (keys.into(), prefix.into());
        Ok(Self { client, manager, keys, prefix, swap_script, release, holder, subscription })
    }

    /// A fixed-length name for a place; the braces keep a grant and its lease in one slot of a cluster.
    fn name(&self, kind: &str, place: &str) -> String {
        format!("{}{kind}:{{{}}}", self.prefix, hex(&sha256(place.as_bytes())))
    }

    async fn ask<T>(
        &self,
        what: impl Future<Output = Result<T, RedisError>> + Send,
    ) -> Result<T, StoreError> {
        let answer = tokio::time::timeout(RESPONSE_TIMEOUT + CONNECT_TIMEOUT, what).await;
        answer
            .map_err(|_| StoreError::unavailable("Redis does not answer in time"))?
            .map_err(|error| StoreError::unavailable(format!("Redis: {}", words(&error))))
    }

    fn unseal(&self, place: &str, version: &str, sealed: &[u8]) -> Result<Versioned, StoreError> {
        let damaged = || {
            StoreError::damaged("a grant in Redis is damaged; delete it, and its user has to connect again")
        };
        let version = version.parse().map_err(|_| damaged())?;
        let plain = open_bound(&self.keys, place, version, sealed).map_err(|error| foreign(&error))?;
        Ok(Versioned::new(GrantRecord::decode(&plain).ok_or_else(damaged)?, version))
    }
}

impl RedisStore {
    /// Writes a record of an older format anew, bound to its version. The first writer wins.
    async fn rewrite(&self, key: &GrantKey, found: Versioned) -> Versioned {
        match self.swap(key, Some(found.version), &found.record).await {
            Ok(Swap::Done(version)) => Versioned { version, ..found },
            Ok(Swap::Conflict) => found,
            Err(error) => {
                report(&error);
                found
            }
        }
    }
}

/// The kind of an error and the server's error word; never its prose, which can quote arguments.
fn words(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("{:?} ({code})", error.kind()),
        None => format!("{:?}", error.kind()),
    }
}

fn foreign(error: &Unsealable) -> StoreError {
    StoreError::sealing(error, "put the missing key back on the ring")
}

impl GrantStore for RedisStore {
    fn durability(&self) -> Durability {
        Durability::Fleet
    }

    fn keys(&self) -> &KeyRing {
        &self.keys
    }

    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        Box::pin(async move {
            let place = key.encode();
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("HMGET");
            command.arg(self.name("grant", &place)).arg("v").arg("d");
            let found: (Option<String>, Option<Vec<u8>>) =
                self.ask(command.query_async(&mut manager)).await?;
            match found {
                (Some(version), Some(sealed)) => {
                    let found = self.unseal(&place, &version, &sealed)?;
                    Ok(Some(if KeyRing::is_old(&sealed) { self.rewrite(key, found).await } else { found }))
                }
                _ => Ok(None),
            }
        })
    }

    fn swap<'a>(
        &'a self,
        key: &'a GrantKey,
        seen: Option<u64>,
        record: &'a GrantRecord,
    ) -> BoxFuture<'a, Result<Swap, StoreError>> {
        Box::pin(async move {
            let place = key.encode();
            let version = next_version(seen);
            let sealed =
                self.keys.seal(&bound(&place, version), &record.encode()).map_err(|error| foreign(&error))?;
            let mut manager = self.manager.clone();
            let mut call = self.swap_script.key(self.name("grant", &place));
            call.arg(seen.map_or_else(String::new, |seen| seen.to_string()));
            call.arg(version.to_string()).arg(&place).arg(sealed);
            let done: i64 = self.ask(call.invoke_async(&mut manager)).await?;
            Ok(if done == 1 { Swap::Done(version) } else { Swap::Conflict })
        })
    }

    fn delete<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("DEL");
            command.arg(self.name("grant", &key.encode()));
            let deleted: i64 = self.ask(command.query_async(&mut manager)).await?;
            Ok(deleted > 0)
        })
    }

    fn list<'a>(&'a self, filter: &'a GrantFilter) -> BoxFuture<'a, Result<Vec<GrantSummary>, StoreError>> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let (mut list, mut cursor) = (std::collections::BTreeMap::new(), "0".to_owned());
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(&cursor).arg("MATCH").arg(format!("{}grant:*", self.prefix)).arg("COUNT").arg(500);
                let (next, names): (String, Vec<String>) = self.ask(scan.query_async(&mut manager)).await?;
                for name in names {
                    let mut get = redis::cmd("HMGET");
                    get.arg(&name).arg("v").arg("k").arg("d");
                    type Fields = (Option<String>, Option<String>, Option<Vec<u8>>);
                    let found: Fields = self.ask(get.query_async(&mut manager)).await?;
                    let (Some(version), Some(place), Some(sealed)) = found else { continue };
                    let Some(key) = GrantKey::decode(&place).filter(|key| filter.matches(key)) else {
                        continue;
                    };
                    // One that cannot be opened must not hide the others, nor keep itself from being deleted.
                    let summary = match self.unseal(&place, &version, &sealed) {
                        Ok(found) => found.record.summary(key.clone()),
                        Err(_) => GrantSummary::unreadable(key.clone()),
                    };
                    list.insert(key, summary);
                }
                if next == "0" {
                    return Ok(list.into_values().collect());
                }
                cursor = next;
            }
        })
    }

    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            // Counted from before the question: the server's clock starts later, so ours ends first.
            let lease = Lease::new(Instant::now(), ttl);
            let mut manager = self.manager.clone();
            let mut command = redis::cmd("SET");
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            command.arg(self.name("lease", &key.encode())).arg(&lease.id).arg("NX").arg("PX").arg(millis);
            let set: Option<String> = self.ask(command.query_async(&mut manager)).await?;
            Ok(set.map(|_| lease))
        })
    }

    fn release<'a>(&'a self, key: &'a GrantKey, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let mut call = self.release.key(self.name("lease", &key.encode()));
            call.arg(&lease.id);
            let _: i64 = self.ask(call.invoke_async(&mut manager)).await?;
            Ok(())
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let mut manager = self.manager.clone();
            let _: String = self.ask(redis::cmd("PING").query_async(&mut manager)).await?;
            // An ACL user may not be allowed to ask; then nothing can be said.
            let info = redis::cmd("INFO");
            let info: String = match self.ask(info.query_async(&mut manager)).await {
                Ok(info) => info,
                Err(_) => return Ok(vec![
                    "Redis does not let this user run INFO: persistence and eviction policy could not be checked"
                        .to_owned(),
                ]),
            };
            Ok(promises(&info))
        })
    }
}

/// What the server does not promise, from its `INFO`.
fn promises(info: &str) -> Vec<String> {
    let value = |name: &str| {
        info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':')).unwrap_or_default()
    };
    let mut missing = Vec::new();
    if value("aof_enabled") == "0" {
        missing.push(
            "Redis keeps no append-only file: after its restart refreshed grants can be lost and users have to connect \
             again; set appendonly yes"
                .to_owned(),
        );
    }
    let policy = value("maxmemory_policy");
    if !matches!(policy, "" | "noeviction") && value("maxmemory") != "0" {
        missing.push(format!(
            "Redis evicts under memory pressure ({policy}): refreshed grants can be lost and users have to connect \
             again; set maxmemory-policy noeviction"
        ));
    }
    if value("cluster_enabled") == "1" {
        missing.push(
            "Redis runs as a cluster, and keys of other nodes are out of reach; point the URL at a server without \
             cluster mode"
                .to_owned(),
        );
    }
    if value("role") == "slave" {
        missing.push("Redis is a replica and takes no writes; point the URL at the primary".to_owned());
    }
    missing
}

fn report(error: &StoreError) {
    tracing::warn!(event = "shared_store_unavailable", %error, "each process goes on by itself");
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("keys", &self.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_may_lose_grants_are_named() {
        assert!(
            promises("role:master\r\naof_enabled:1\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n")
                .is_empty()
        );
        let bad = promises(
            "role:slave\r\naof_enabled:0\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\ncluster_enabled:1\r\n",
        );
        assert_eq!(bad.len(), 4);
        assert!(bad.iter().all(|what| what.contains("; ")), "each with its remedy: {bad:?}");
    }

    #[test]
    fn s01_a_wrong_url_is_not_repeated() {
        let error =
            RedisStore::new("redis//:hunter2@host", KeyRing::ephemeral().unwrap()).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
