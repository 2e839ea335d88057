//! Replicas that share one management token: simulated days in one process.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use mgmt_auth::{BoxFuture, Clock, SharedToken, SharedTokenStore, StoreUnavailable, Tenant, TokenName};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};

use crate::script::{Script, builder, reply, seconds, token};

#[derive(Debug)]
pub(crate) struct Shared {
    /// The wall clock of the whole fleet.
    pub(crate) clock: Clock,
    token: Mutex<Option<SharedToken>>,
    lease: Mutex<Option<Instant>>,
    down: AtomicBool,
    name: Mutex<Option<TokenName>>,
    refused_leases: AtomicUsize,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            clock: Clock::following_tokio(),
            token: Mutex::default(),
            lease: Mutex::default(),
            down: AtomicBool::default(),
            name: Mutex::default(),
            refused_leases: AtomicUsize::default(),
        }
    }
}

impl Shared {
    fn check(&self) -> Result<(), StoreUnavailable> {
        if self.down.load(Ordering::SeqCst) { Err(StoreUnavailable) } else { Ok(()) }
    }
}

impl SharedTokenStore for Shared {
    fn load<'a>(
        &'a self,
        name: &'a TokenName,
    ) -> BoxFuture<'a, Result<Option<SharedToken>, StoreUnavailable>> {
        Box::pin(async move {
            self.check()?;
            *self.name.lock().unwrap() = Some(name.clone());
            Ok(self.token.lock().unwrap().clone())
        })
    }

    fn store<'a>(
        &'a self,
        _: &'a TokenName,
        token: &'a SharedToken,
    ) -> BoxFuture<'a, Result<(), StoreUnavailable>> {
        Box::pin(async move {
            self.check()?;
            *self.token.lock().unwrap() = Some(token.clone());
            Ok(())
        })
    }

    fn lease<'a>(
        &'a self,
        _: &'a TokenName,
        lease_for: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreUnavailable>> {
        Box::pin(async move {
            self.check()?;
            let (mut lease, now) = (self.lease.lock().unwrap(), Instant::now());
            let free = lease.is_none_or(|until| now >= until);
            if free {
                *lease = Some(now + lease_for);
            } else {
                self.refused_leases.fetch_add(1, Ordering::SeqCst);
            }
            Ok(free)
        })
    }

    fn release<'a>(&'a self, _: &'a TokenName) -> BoxFuture<'a, ()> {
        Box::pin(async move { *self.lease.lock().unwrap() = None })
    }
}

fn fleet(script: &Arc<Script>, store: &Arc<Shared>, replicas: usize) -> Vec<Tenant> {
    let builder = || builder(script).clock(store.clock.clone());
    (0..replicas).map(|_| builder().token_store(store.clone()).build().unwrap()).collect()
}

fn keep(fleet: &[Tenant]) -> Vec<tokio::task::JoinHandle<()>> {
    let keeping = fleet.iter().cloned().map(|tenant| {
        tokio::spawn(async move {
            let _ = tenant.keep_management_token().await;
        })
    });
    keeping.collect()
}

#[tokio::test(start_paused = true)]
async fn ten_replicas_over_a_day_ask_once_a_lifetime() {
    let script = Script::new(|_, number| token(number, 7200));
    let store = Arc::new(Shared::default());
    let fleet = fleet(&script, &store, 10);
    let keeping = keep(&fleet);
    for _ in 0..24 * 60 {
        sleep(seconds(60)).await;
        assert!(fleet.iter().all(|tenant| tenant.current_management_token().is_some()), "a gap");
    }
    keeping.iter().for_each(tokio::task::JoinHandle::abort);
    // Of ten draws between 80 and 90 % the first renews: every 96 to 108 minutes.
    let asked = script.count("/oauth/token");
    assert!((14..=16).contains(&asked), "{asked} requests in 12 lifetimes");
    assert_eq!(script.most_at_once.load(Ordering::SeqCst), 1);
    let name = store.name.lock().unwrap().clone().unwrap();
    assert_eq!((name.domain(), name.client_id()), ("acme.eu.auth0.com", "client"));
    assert_eq!(name.audience(), "https://acme.eu.auth0.com/api/v2/");
}

#[tokio::test(start_paused = true)]
async fn replicas_that_start_together_wait_for_the_one_that_asks() {
    let script = Script::slow(seconds(3), |_, number| token(number, 86400));
    let store = Arc::new(Shared::default());
    let starting: Vec<_> = fleet(&script, &store, 10)
        .into_iter()
        .map(|tenant| {
            tokio::spawn(async move { tenant.management_token().await.map(|token| token.bearer().clone()) })
        })
        .collect();
    let mut tokens = Vec::new();
    for one in starting {
        tokens.push(one.await.unwrap().unwrap());
    }
    assert_eq!(script.count("/oauth/token"), 1);
    assert!(tokens.iter().all(|token| token.expose() == tokens[0].expose()));
    assert!(store.refused_leases.load(Ordering::SeqCst) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_asks_for_nothing_and_keeps_the_scopes() {
    let script = Script::new(|_, number| token(number, 86400));
    let store = Arc::new(Shared::default());
    fleet(&script, &store, 1)[0].management_token().await.unwrap();
    sleep(seconds(3600)).await;
    for tenant in fleet(&script, &store, 5) {
        let token = tenant.management_token().await.unwrap();
        assert!(
            token.scopes().is_some() && token.missing_scopes().is_empty() && token.excess_scopes().is_empty()
        );
        assert!(tenant.management_status().expires_in <= seconds(86400 - 3600));
    }
    assert_eq!(script.count("/oauth/token"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_or_a_holder_that_died_costs_a_request_and_nothing_else() {
    let script = Script::new(|_, number| token(number, 86400));
    let store = Arc::new(Shared::default());
    store.down.store(true, Ordering::SeqCst);
    for tenant in fleet(&script, &store, 3) {
        tenant.management_token().await.unwrap();
    }
    assert_eq!(script.count("/oauth/token"), 3);
    store.down.store(false, Ordering::SeqCst);
    *store.lease.lock().unwrap() = Some(Instant::now() + seconds(3600));
    fleet(&script, &store, 1)[0].management_token().await.unwrap();
    assert_eq!(script.count("/oauth/token"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_taken_from_the_store_again() {
    let script = Script::new(|request, number| {
        if request.uri().path() == "/oauth/token" {
            return token(number, 86400);
        }
        let bearer = request.headers()["authorization"].to_str().unwrap();
        if bearer.ends_with("sig0") {
            return reply(401, serde_json::json!({ "statusCode": 401, "message": "Invalid token" }));
        }
        reply(200, serde_json::json!({}))
    });
    let store = Arc::new(Shared::default());
    let fleet = fleet(&script, &store, 3);
    fleet[0].management_token().await.unwrap();
    // The others adopt the first token, find it refused, and one of them replaces it for all.
    for tenant in &fleet[1..] {
        tenant.management_token().await.unwrap();
        let read: Result<serde_json::Value, _> =
            tenant.get(&["users", "a|1"], &[], mgmt_auth::Priority::Caller).await;
        read.unwrap();
    }
    assert_eq!(script.count("/oauth/token"), 2);
    let stored = store.token.lock().unwrap().clone().unwrap();
    assert!(stored.access_token.expose_secret().ends_with("sig1"));
    assert!(stored.expires_at > SystemTime::now());
}
