//! Grants, and user records, of a fleet in PostgreSQL.

mod link;
mod records;
mod shared;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_postgres::{
    Config, Row,
    types::{ToSql, Type},
};

use self::link::{Link, Links, configuration};
use super::{
    BoxFuture, Durability, GrantFilter, GrantStore, KeyRing, Lease, StoreError, Swap, Unsealable, Versioned,
    bound, next_version, open_bound,
};
use crate::{GrantKey, GrantRecord, GrantSummary, crypto::sha256};

/// How many grants are read at a time.
const PAGE: i64 = 500;
/// How often what has expired is deleted.
const SWEEP: Duration = Duration::from_secs(5);

/// Keeps grants in PostgreSQL (12 or later), sealed before they leave the process. Also a [`RecordStore`](crate::RecordStore), a
/// [`SharedUserStore`](user_store::SharedUserStore), a [`SharedVaultStore`](crate::SharedVaultStore), a
/// [`SharedTokenStore`](mgmt_auth::SharedTokenStore) and a [`FleetStore`](crate::FleetStore).
///
/// Grants are rows written by compare-and-set on their version: a holder of a lease that has ended cannot overwrite what its
/// successor wrote. Leases are rows that end by the server's clock. Readers of records are told by `NOTIFY`. The tables are made at
/// first use ([`PostgresStore::SCHEMA`]), unless they are there.
///
/// ```no_run
/// use token_broker::{GrantStore, KeyRing, PostgresStore};
///
/// # async fn f(keys: KeyRing) -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::new("postgres://broker@db.acme.test/grants", keys)?;
/// for missing in store.check().await? {
///     println!("{missing}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    links: Arc<Links>,
    durable: [Link; 2],
    /// For what a crash of the server may take with it.
    relaxed: [Link; 2],
    next: AtomicUsize,
    keys: KeyRing,
    /// Tells this process from the others.
    holder: String,
    swept: Mutex<Option<Instant>>,
    /// Where messages about records arrive.
    listening: tokio::sync::Mutex<Option<link::Listening>>,
}

/// A parameter with its type: statements are not prepared ahead, which would cost a round trip.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl PostgresStore {
    /// The tables and indexes, as SQL for a user who may make them. Without rights to make tables the store needs `SELECT`, `INSERT`,
    /// `UPDATE` and `DELETE` on these.
    pub const SCHEMA: &'static str = include_str!("postgres/schema.sql");

    /// A store at `url` (`postgres://user:password@host:port/database`, also several hosts, `options`, `target_session_attrs`). It
    /// connects at first use and again by itself. Without `sslmode` TLS is required, except on loopback and Unix sockets; the
    /// server's certificate is always verified against the system's roots.
    ///
    /// # Errors
    /// The URL is not valid, or the system's root certificates cannot be used.
    pub fn new(url: &str, keys: KeyRing) -> Result<Self, StoreError> {
        let config: Config = configuration(url)?;
        let links = Arc::new(Links::new(config)?);
        let link = |durable| Link::new(Arc::clone(&links), durable);
        Ok(Self(Arc::new(Inner {
            durable: [link(true), link(true)],
            relaxed: [link(false), link(false)],
            links,
            next: AtomicUsize::new(0),
            keys,
            holder: Lease::new(Instant::now(), Duration::ZERO).id,
            swept: Mutex::default(),
            listening: tokio::sync::Mutex::default(),
        })))
    }

    async fn ask(
        &self,
        links: &[Link; 2],
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let [one, other] = links;
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed) % 2;
        if turn == 0 { one } else { other }.query(sql, parameters).await
    }

    /// A statement that counts once the server has it on its disk.
    async fn durably(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, StoreError> {
        self.ask(&self.0.durable, sql, parameters).await
    }

    /// A statement whose effect a crash of the server may undo.
    async fn relaxed(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, StoreError> {
        self.ask(&self.0.relaxed, sql, parameters).await
    }

    fn unseal(&self, place: &str, row: &Row) -> Result<Versioned, StoreError> {
        let damaged = || {
            StoreError::damaged(
                "a grant in PostgreSQL is damaged; delete it, and its user has to connect again",
            )
        };
        let (version, sealed) = versioned(row)?;
        let plain = open_bound(&self.0.keys, place, version, sealed).map_err(|error| foreign(&error))?;
        Ok(Versioned::new(GrantRecord::decode(&plain).ok_or_else(damaged)?, version))
    }

    /// Takes the lease with this name, unless another holder has it.
    async fn take(&self, id: &[u8], holder: &str, ttl: Duration) -> Result<bool, StoreError> {
        let sql = "INSERT INTO idp_gateway_lease AS held (id, holder, expires)
                   VALUES ($1, $2, now() + $3 * interval '1 millisecond')
                   ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, expires = excluded.expires
                   WHERE held.expires <= now() RETURNING 1";
        let ttl = millis(ttl);
        self.sweep();
        let parameters: [Parameter<'_>; 3] = [(&id, Type::BYTEA), (&holder, Type::TEXT), (&ttl, Type::INT8)];
        Ok(!self.relaxed(sql, &parameters).await?.is_empty())
    }

    /// Gives a lease back, if it still is the holder's.
    async fn give_back(&self, id: &[u8], holder: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM idp_gateway_lease WHERE id = $1 AND holder = $2";
        self.relaxed(sql, &[(&id, Type::BYTEA), (&holder, Type::TEXT)]).await.map(|_| ())
    }

    /// Deletes in the background what has expired, every few seconds at most.
    fn sweep(&self) {
        let now = Instant::now();
        {
            let mut swept = self.0.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.is_some_and(|at| now < at + SWEEP) {
                return;
            }
            *swept = Some(now);
        }
        let store = self.clone();
        tokio::spawn(async move {
            for table in ["idp_gateway_used", "idp_gateway_cache", "idp_gateway_lease"] {
                let sql = format!(
                    "DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table} WHERE expires <= now()
                     LIMIT 5000 FOR UPDATE SKIP LOCKED))"
                );
                if let Err(error) = store.relaxed(&sql, &[]).await {
                    tracing::debug!(%error, "what has expired was not deleted");
                }
            }
        });
    }
}

/// The first two columns of a row: its version, and what is sealed.
fn versioned(row: &Row) -> Result<(u64, &[u8]), StoreError> {
    let read = || {
        let version = u64::try_from(row.try_get::<_, i64>(0).ok()?).ok()?;
        Some((version, row.try_get::<_, &[u8]>(1).ok()?))
    };
    read()
        .ok_or_else(|| StoreError::damaged("a row in PostgreSQL is damaged: its columns are of other types"))
}

/// A fixed-length name for a place.
fn id(place: &str) -> Vec<u8> {
    sha256(place.as_bytes()).to_vec()
}

/// A version as PostgreSQL counts. Ours are times in microseconds, so all of them fit.
fn column(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    const YEAR: i64 = 365 * 24 * 3600 * 1000;
    i64::try_from(duration.as_millis()).unwrap_or(YEAR).clamp(1, YEAR)
}

fn foreign(error: &Unsealable) -> StoreError {
    StoreError::sealing(error, "put the missing key back on the ring")
}

impl GrantStore for PostgresStore {
    fn durability(&self) -> Durability {
        Durability::Fleet
    }

    fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Versioned>, StoreError>> {
        Box::pin(async move {
            let place = key.encode();
            let sql = "SELECT version, sealed FROM idp_gateway_grant WHERE id = $1";
            let rows = self.durably(sql, &[(&id(&place), Type::BYTEA)]).await?;
            rows.first().map(|row| self.unseal(&place, row)).transpose()
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
            let sealed = self.0.keys.seal(&bound(&place, version), &record.encode());
            let (id, sealed) = (id(&place), sealed.map_err(|error| foreign(&error))?);
            let (new, old) = (column(version), seen.map(column));
            let insert = "INSERT INTO idp_gateway_grant (id, version, sealed, place) VALUES ($1, $2, $3, $4)
                          ON CONFLICT (id) DO NOTHING RETURNING 1";
            let update =
                "UPDATE idp_gateway_grant SET version = $2, sealed = $3 WHERE id = $1 AND version = $4
                          RETURNING 1";
            let (sql, last): (_, Parameter<'_>) = match &old {
                None => (insert, (&place, Type::TEXT)),
                Some(old) => (update, (old, Type::INT8)),
            };
            let parameters: [Parameter<'_>; 4] =
                [(&id, Type::BYTEA), (&new, Type::INT8), (&sealed, Type::BYTEA), last];
            let written = self.durably(sql, &parameters).await?;
            Ok(if written.is_empty() { Swap::Conflict } else { Swap::Done(version) })
        })
    }

    fn delete<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let sql = "DELETE FROM idp_gateway_grant WHERE id = $1 RETURNING 1";
            Ok(!self.durably(sql, &[(&id(&key.encode()), Type::BYTEA)]).await?.is_empty())
        })
    }

    fn list<'a>(&'a self, filter: &'a GrantFilter) -> BoxFuture<'a, Result<Vec<GrantSummary>, StoreError>> {
        Box::pin(async move {
            let (mut list, mut last) = (std::collections::BTreeMap::new(), Vec::<u8>::new());
            loop {
                let sql = "SELECT version, sealed, place, id FROM idp_gateway_grant WHERE id > $1 ORDER BY id LIMIT $2";
                let page = self.durably(sql, &[(&last, Type::BYTEA), (&PAGE, Type::INT8)]).await?;
                let Some(end) = page.last().and_then(|row| row.try_get(3).ok()) else {
                    return Ok(list.into_values().collect());
                };
                last = end;
                for row in &page {
                    let place: &str = row.try_get(2).unwrap_or_default();
                    let Some(key) = GrantKey::decode(place).filter(|key| filter.matches(key)) else {
                        continue;
                    };
                    // One that cannot be opened must not hide the others, nor keep itself from being deleted.
                    let summary = match self.unseal(place, row) {
                        Ok(found) => found.record.summary(key.clone()),
                        Err(_) => GrantSummary::unreadable(key.clone()),
                    };
                    list.insert(key, summary);
                }
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
            let taken = self.take(&id(&key.encode()), &lease.id, ttl).await?;
            Ok(taken.then_some(lease))
        })
    }

    fn release<'a>(&'a self, key: &'a GrantKey, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.give_back(&id(&key.encode()), &lease.id).await })
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let sql =
                "SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()";
            let rows = self.durably(sql, &[]).await?;
            let setting = |column| rows.first().and_then(|row| row.try_get(column).ok()).unwrap_or("on");
            let standby = rows.first().and_then(|row| row.try_get(2).ok()).unwrap_or(false);
            Ok(promises(setting(0), setting(1), standby))
        })
    }
}

/// What the server does not promise.
fn promises(fsync: &str, synchronous_commit: &str, standby: bool) -> Vec<String> {
    let lost = "refreshed grants can be lost and users have to connect again";
    let mut missing = Vec::new();
    if fsync == "off" {
        missing.push(format!("PostgreSQL does not wait for its disk: after a crash {lost}; set fsync on"));
    }
    if synchronous_commit == "off" {
        missing.push(format!(
            "PostgreSQL answers before a write is on its disk: after a crash {lost}; set synchronous_commit on for this \
             user or database"
        ));
    }
    if standby {
        missing.push("PostgreSQL is a standby and takes no writes; point the URL at the primary".to_owned());
    }
    missing
}

fn report(error: &StoreError) {
    tracing::warn!(event = "shared_store_unavailable", %error, "each process goes on by itself");
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("keys", &self.0.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_may_lose_grants_are_named() {
        assert!(promises("on", "on", false).is_empty());
        assert!(promises("on", "remote_apply", false).is_empty());
        let bad = promises("off", "off", true);
        assert_eq!(bad.len(), 3);
        assert!(bad.iter().all(|what| what.contains("; ")), "each with its remedy: {bad:?}");
    }

    #[test]
    fn s01_a_wrong_url_is_not_repeated() {
        for url in
            ["postgres//u:hunter2@host", "postgres://u:hunter2@host/db?sslcert=x", "redis://u:hunter2@host"]
        {
            let error = PostgresStore::new(url, KeyRing::ephemeral().unwrap()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let store =
            PostgresStore::new("postgres://u:hunter2@host/db", KeyRing::ephemeral().unwrap()).unwrap();
        assert!(!format!("{store:?}").contains("hunter2"));
    }
}
