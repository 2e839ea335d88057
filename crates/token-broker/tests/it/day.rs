//! Ten replicas over a simulated day: one process, in-memory transports, a paused clock.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use mgmt_auth::{
    BoxFuture, ClientCredentials, Limits, SharedToken, SharedTokenStore, StoreUnavailable, Tenant, TokenName,
    Transport, TransportError, TransportErrorKind,
};
use serde_json::{Value, json};
use token_broker::{Broker, MemoryStore, Provider, TokenRequest};
use tokio::time::{Instant, sleep};
use user_store::{SharedUserStore, UserStore};
use zeroize::Zeroizing;

const USERS: usize = 50;
const REPLICAS: usize = 10;
/// Seconds a management token lives.
const LIFETIME: u64 = 7200;
const MINUTE: Duration = Duration::from_secs(60);

/// A tenant of a small plan: a burst of fifty, sixteen more each second.
struct SmallTenant {
    started: Instant,
    down: AtomicBool,
    tokens: AtomicUsize,
    lookups: AtomicUsize,
    refused: AtomicUsize,
    bucket: Mutex<(u64, u64)>,
}

impl SmallTenant {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            down: AtomicBool::new(false),
            tokens: AtomicUsize::new(0),
            lookups: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            bucket: Mutex::new((0, 50)),
        })
    }

    fn count(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::SeqCst)
    }

    fn token(&self) -> Response<Bytes> {
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        let scope = "read:users read:user_idp_tokens";
        let token =
            json!({ "access_token": format!("a.b.{number}"), "scope": scope, "expires_in": LIFETIME });
        Response::new(token.to_string().into())
    }

    fn user(&self, path: &str) -> Response<Bytes> {
        let left = {
            let mut bucket = self.bucket.lock().unwrap();
            let now = self.started.elapsed().as_secs();
            let filled = (bucket.1 + 16 * (now - bucket.0)).min(50);
            *bucket = (now, filled.saturating_sub(1));
            filled.checked_sub(1)
        };
        let limited = |status: u16| {
            Response::builder()
                .status(status)
                .header("x-ratelimit-limit", "50")
                .header("x-ratelimit-remaining", left.unwrap_or_default().to_string())
                .header("x-ratelimit-reset", "1")
        };
        if left.is_none() {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return limited(429).body(Bytes::from_static(b"{}")).unwrap();
        }
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let id = path.rsplit('/').next().unwrap().replace("%7C", "|");
        let number = id.split_once('|').unwrap().1.to_owned();
        let identity = json!({ "connection": "github", "provider": "github", "user_id": number,
            "isSocial": true, "access_token": format!("gho_{number}") });
        let user = json!({ "user_id": id, "identities": [identity] });
        limited(200).body(user.to_string().into()).unwrap()
    }
}

impl Transport for SmallTenant {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            sleep(Duration::from_millis(40)).await;
            if self.down.load(Ordering::SeqCst) {
                return Err(TransportErrorKind::Connect.into());
            }
            match request.uri().path() {
                "/oauth/token" => Ok(self.token()),
                path => Ok(self.user(path)),
            }
        })
    }
}

impl fmt::Debug for SmallTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmallTenant")
    }
}

/// What the replicas share. A paused clock leaves the wall's alone, so times are moved back by what has passed on it.
#[derive(Debug, Default)]
struct Shared {
    token: Mutex<Option<(SharedToken, Instant)>>,
    lease: Mutex<Option<Instant>>,
    users: Mutex<HashMap<String, (Value, Instant, Duration)>>,
}

impl SharedTokenStore for Shared {
    fn load<'a>(&'a self, _: &'a TokenName) -> BoxFuture<'a, Result<Option<SharedToken>, StoreUnavailable>> {
        let stored = self.token.lock().unwrap().clone();
        let aged = stored.map(|(mut token, at)| {
            token.issued_at -= at.elapsed();
            token.expires_at -= at.elapsed();
            token
        });
        Box::pin(std::future::ready(Ok(aged)))
    }

    fn store<'a>(
        &'a self,
        _: &'a TokenName,
        token: &'a SharedToken,
    ) -> BoxFuture<'a, Result<(), StoreUnavailable>> {
        *self.token.lock().unwrap() = Some((token.clone(), Instant::now()));
        Box::pin(std::future::ready(Ok(())))
    }

    fn lease<'a>(
        &'a self,
        _: &'a TokenName,
        lease_for: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreUnavailable>> {
        let (mut lease, now) = (self.lease.lock().unwrap(), Instant::now());
        let free = lease.is_none_or(|until| now >= until);
        if free {
            *lease = Some(now + lease_for);
        }
        Box::pin(std::future::ready(Ok(free)))
    }

    fn release<'a>(&'a self, _: &'a TokenName) -> BoxFuture<'a, ()> {
        *self.lease.lock().unwrap() = None;
        Box::pin(std::future::ready(()))
    }
}

impl SharedUserStore for Shared {
    fn load<'a>(
        &'a self,
        _: &'a str,
        user_id: &'a str,
    ) -> user_store::BoxFuture<'a, Option<Zeroizing<Vec<u8>>>> {
        let found = self.users.lock().unwrap().get(user_id).cloned();
        let aged = found.filter(|(_, at, ttl)| at.elapsed() < *ttl).map(|(mut record, at, _)| {
            let passed = u64::try_from(at.elapsed().as_millis()).unwrap();
            record["fetched_at"] = json!(record["fetched_at"].as_u64().unwrap() - passed);
            Zeroizing::new(record.to_string().into_bytes())
        });
        Box::pin(std::future::ready(aged))
    }

    fn store<'a>(
        &'a self,
        _: &'a str,
        user_id: &'a str,
        bytes: Zeroizing<Vec<u8>>,
        ttl: Duration,
    ) -> user_store::BoxFuture<'a, ()> {
        let record = serde_json::from_slice(&bytes).unwrap();
        self.users.lock().unwrap().insert(user_id.to_owned(), (record, Instant::now(), ttl));
        Box::pin(std::future::ready(()))
    }

    fn remove<'a>(&'a self, _: &'a str, user_id: &'a str) -> user_store::BoxFuture<'a, ()> {
        self.users.lock().unwrap().remove(user_id);
        Box::pin(std::future::ready(()))
    }
}

/// One replica, keeping its management token ahead of time as the gateway does.
struct Replica {
    broker: Broker,
    keeping: tokio::task::JoinHandle<()>,
}

impl Replica {
    fn new(world: &Arc<SmallTenant>, shared: &Arc<Shared>) -> Self {
        let tenant = Tenant::builder("acme.eu.auth0.com")
            .base_url("http://127.0.0.1:1".parse().unwrap())
            .credentials(ClientCredentials::secret("client", "a-secret"))
            .transport(world.clone())
            .token_store(shared.clone())
            .build()
            .unwrap();
        // An hour without the tenant, and up to a renewal before it.
        let stale = Duration::from_secs(75 * 60);
        let users = UserStore::builder(tenant.clone()).stale_ttl(stale).shared(shared.clone()).build();
        let github = Provider::new("github", idp_adapters::shared(idp_adapters::Kind::GitHub));
        let broker = Broker::builder(tenant.clone(), users)
            .provider(github)
            .store(Arc::new(MemoryStore::new().unwrap()))
            .build()
            .unwrap();
        let keeping = tokio::spawn(async move {
            let _ = tenant.keep_management_token().await;
        });
        Self { broker, keeping }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

/// A call of one user at some replica; how long it took.
async fn call(replicas: &[Replica], number: usize) -> Duration {
    let user_id = format!("github|{number}");
    let ask = TokenRequest::new(&user_id, "github");
    let asked = Instant::now();
    let token = replicas[fastrand::usize(..replicas.len())].broker.token(&ask).await.unwrap();
    assert_eq!(token.bearer().expose(), format!("gho_{number}"));
    asked.elapsed()
}

#[tokio::test(start_paused = true)]
async fn ten_replicas_over_a_day_with_an_outage_and_a_rollout() {
    let (world, shared) = (SmallTenant::new(), Arc::new(Shared::default()));
    let mut replicas: Vec<_> = (0..REPLICAS).map(|_| Replica::new(&world, &shared)).collect();
    let started = Instant::now();
    let mut outage_ended_at = 0;
    for minute in 0..24 * 60 {
        match minute {
            600 => world.down.store(true, Ordering::SeqCst),
            660 => {
                world.down.store(false, Ordering::SeqCst);
                outage_ended_at = SmallTenant::count(&world.lookups);
            }
            // Back for ten minutes: everybody has a new record, and nobody came twice.
            670 => {
                let burst = SmallTenant::count(&world.lookups) - outage_ended_at;
                assert!((1..=USERS * 3).contains(&burst), "{burst} look-ups after the outage");
            }
            1200 => {
                // Records near their end are renewed behind, rollout or not: after a quiet while everybody's is young.
                sleep(MINUTE * 9).await;
                for number in 0..USERS {
                    call(&replicas, number).await;
                    sleep(Duration::from_secs(1)).await;
                }
                // Renewals give way to callers, so the last ones take a while.
                sleep(MINUTE).await;
                let before = (SmallTenant::count(&world.lookups), SmallTenant::count(&world.tokens));
                replicas = (0..REPLICAS).map(|_| Replica::new(&world, &shared)).collect();
                join_all((0..USERS).map(|number| call(&replicas, number))).await;
                let after = (SmallTenant::count(&world.lookups), SmallTenant::count(&world.tokens));
                assert_eq!(before, after, "a rollout costs a warm user nothing");
            }
            _ => {}
        }
        for number in 0..USERS {
            let took = call(&replicas, number).await;
            assert!(took < Duration::from_secs(1), "minute {minute}: somebody waited {took:?}");
            sleep(MINUTE / u32::try_from(USERS).unwrap()).await;
        }
    }
    let lifetimes = usize::try_from(started.elapsed().as_secs() / LIFETIME).unwrap();
    let tokens = SmallTenant::count(&world.tokens);
    // Renewed at 80 to 90 % of its life, by the first of ten draws.
    assert!((lifetimes..=lifetimes * 5 / 4 + 2).contains(&tokens), "{tokens} in {lifetimes} lifetimes");
    // Each replica minds the limit by itself.
    let refused = SmallTenant::count(&world.refused);
    assert!(refused <= REPLICAS, "{refused} refusals");
    // One look-up per user and eight minutes for the whole fleet, not for each of ten replicas.
    let lookups = SmallTenant::count(&world.lookups);
    assert!(lookups < USERS * 24 * 60 / 8 * 2, "{lookups} look-ups");
}
