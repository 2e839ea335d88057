//! Signing keys over an in-memory transport (threats K01 to K03).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use mgmt_auth::{Fault, KeyPolicy, Tenant, TransportErrorKind};
use serde_json::{Value, json};
use tokio::time::{advance, sleep};

use crate::script::{Reply, Script, builder, reply, seconds, settle, tenant, with_headers};

const PATH: &str = "/.well-known/jwks.json";

fn key(kid: &str) -> Value {
    let modulus = URL_SAFE_NO_PAD.encode([0xff; 256]);
    json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": modulus, "e": "AQAB" })
}

type Answerer = Box<dyn Fn() -> Reply + Send>;

fn set(kids: &[&str]) -> Reply {
    reply(200, json!({ "keys": kids.iter().map(|kid| key(kid)).collect::<Vec<_>>() }))
}

/// An endpoint whose answer can be changed.
#[derive(Clone)]
struct Endpoint {
    script: Arc<Script>,
    answer: Arc<Mutex<Answerer>>,
}

impl Endpoint {
    fn new(answer: impl Fn() -> Reply + Send + 'static) -> Self {
        let answer: Arc<Mutex<Answerer>> = Arc::new(Mutex::new(Box::new(answer)));
        let script = Script::new({
            let answer = answer.clone();
            move |_, _| answer.lock().unwrap()()
        });
        Self { script, answer }
    }

    fn now(&self, answer: impl Fn() -> Reply + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    fn fetches(&self) -> usize {
        self.script.count(PATH)
    }
}

async fn has(tenant: &Tenant, kid: &str) -> bool {
    tenant.keys().find(kid).await.unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn tm_k01_ten_thousand_random_kids_cost_two_fetches_whatever_the_endpoint_answers() {
    type Answer = fn() -> Reply;
    let answers: [(&str, Answer); 6] = [
        ("good", || set(&["a"])),
        ("empty", || reply(200, json!({ "keys": [] }))),
        ("500", || with_headers(500, &[], "oops")),
        ("html", || with_headers(200, &[], "<html>")),
        ("large", || Err(TransportErrorKind::TooLarge.into())),
        ("hanging", || Err(TransportErrorKind::Timeout.into())),
    ];
    for (name, answer) in answers {
        let endpoint = Endpoint::new(|| set(&["a"]));
        let tenant = tenant(&endpoint.script);
        assert!(has(&tenant, "a").await);
        endpoint.now(answer);
        for number in 0..10_000 {
            assert!(!has(&tenant, &format!("random-{number}")).await);
            if number % 100 == 0 {
                assert!(has(&tenant, "a").await, "{name}: known keys keep working");
            }
        }
        assert_eq!(endpoint.fetches(), 2, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn tm_k01_a_flood_without_any_keys_costs_as_little() {
    let endpoint = Endpoint::new(|| with_headers(500, &[], ""));
    let tenant = tenant(&endpoint.script);
    for number in 0..10_000 {
        let error = tenant.keys().find(&number.to_string()).await.unwrap_err();
        assert!(error.is_transient() && error.fault() == Fault::Tenant);
    }
    assert_eq!(endpoint.fetches(), 1);
    endpoint.now(|| set(&["a"]));
    advance(seconds(8)).await;
    assert!(has(&tenant, "a").await, "and recovers soon");
}

#[tokio::test(start_paused = true)]
async fn tm_k01_the_cooldown_counts_from_the_attempt_and_not_from_the_first_load() {
    let endpoint = Endpoint::new(|| set(&["a"]));
    let tenant = tenant(&endpoint.script);
    assert!(has(&tenant, "a").await);
    endpoint.now(|| with_headers(503, &[], ""));
    assert!(!has(&tenant, "b").await);
    assert_eq!(endpoint.fetches(), 2, "right after the first load");
    endpoint.now(|| set(&["a", "b"]));
    advance(seconds(29)).await;
    assert!(!has(&tenant, "b").await);
    assert_eq!(endpoint.fetches(), 2);
    advance(seconds(1)).await;
    assert!(has(&tenant, "b").await);
    assert_eq!(endpoint.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn tm_k03_everybody_with_the_new_key_waits_for_the_one_refresh() {
    let endpoint = Endpoint::new(|| set(&["a"]));
    let tenant = tenant(&endpoint.script);
    assert!(has(&tenant, "a").await);
    endpoint.now(|| set(&["a", "b"]));
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move { has(&tenant, "b").await })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(endpoint.fetches(), 2);
}

/// Anybody can make up key ids: while the tenant is slow, they must not hold every request.
#[tokio::test(start_paused = true)]
async fn tm_k02_few_wait_for_a_key_that_may_not_exist() {
    let endpoint = Endpoint::new(|| set(&["a"]));
    let tenant = tenant(&endpoint.script);
    assert!(has(&tenant, "a").await);
    endpoint.now(|| set(&["a", "b"]));
    // All of them ask before the refresh that the first one begins has an answer.
    let callers: Vec<_> = (0..300)
        .map(|_| {
            let tenant = tenant.clone();
            tokio::spawn(async move { has(&tenant, "b").await })
        })
        .collect();
    let mut found = 0;
    for caller in callers {
        found += usize::from(caller.await.unwrap());
    }
    assert_eq!((found, endpoint.fetches()), (256, 2));
    assert!(has(&tenant, "b").await);
}

#[tokio::test(start_paused = true)]
async fn tm_k03_a_withdrawn_key_stops_within_max_age_also_after_idleness() {
    let endpoint = Endpoint::new(|| set(&["a", "b"]));
    let tenant = tenant(&endpoint.script);
    assert!(has(&tenant, "a").await);
    let generation = tenant.keys().generation();
    endpoint.now(|| set(&["b"]));
    advance(seconds(600)).await;
    assert!(!has(&tenant, "a").await, "nobody asked for ten minutes");
    assert!(has(&tenant, "b").await);
    assert!(tenant.keys().generation() > generation);
}

#[tokio::test(start_paused = true)]
async fn tm_k03_the_set_is_renewed_behind_ahead_of_its_age() {
    let endpoint = Endpoint::new(|| set(&["a"]));
    let tenant = tenant(&endpoint.script);
    let keeping = tokio::spawn({
        let tenant = tenant.clone();
        async move { tenant.keep_keys().await }
    });
    sleep(seconds(3600)).await;
    // 450 to 540 seconds each.
    assert!((7..=9).contains(&endpoint.fetches()), "{}", endpoint.fetches());
    assert_eq!((tenant.keys().generation(), tenant.keys().len()), (1, 1), "the same set is no change");
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn tm_k02_known_keys_survive_an_outage_of_twelve_hours_without_a_wait_and_no_longer() {
    let endpoint = Endpoint::new(|| set(&["a"]));
    let tenant = tenant(&endpoint.script);
    assert!(has(&tenant, "a").await);
    endpoint.now(|| Err(TransportErrorKind::Timeout.into()));
    for _ in 0..143 {
        advance(seconds(300)).await;
        // The first look after a while starts an attempt; once it has failed nobody waits.
        assert!(has(&tenant, "a").await);
        settle().await;
        sleep(Duration::from_millis(60)).await;
        let before = tokio::time::Instant::now();
        assert!(has(&tenant, "a").await);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
    advance(seconds(600)).await;
    let error = tenant.keys().find("a").await.unwrap_err();
    assert!(error.is_transient() && error.fault() == Fault::Tenant);
    endpoint.now(|| set(&["a"]));
    advance(seconds(30)).await;
    assert!(has(&tenant, "a").await);
}

#[tokio::test(start_paused = true)]
async fn the_policy_is_the_applications() {
    let endpoint = Endpoint::new(|| set(&["a"]));
    let policy = KeyPolicy::new(seconds(10), seconds(1), seconds(20));
    let tenant = builder(&endpoint.script).keys(policy).build().unwrap();
    assert!(has(&tenant, "a").await);
    for _ in 0..3 {
        assert!(!has(&tenant, "b").await);
        advance(seconds(1)).await;
    }
    assert_eq!(endpoint.fetches(), 4);
}

#[tokio::test(start_paused = true)]
async fn five_hundred_first_callers_cause_one_fetch() {
    let looks = Arc::new(AtomicUsize::new(0));
    let endpoint = Endpoint::new(|| set(&["a"]));
    let tenant = tenant(&endpoint.script);
    assert!(
        tenant.keys().is_empty() && tenant.keys().cached("a").is_none() && tenant.keys().generation() == 0
    );
    let callers: Vec<_> = (0..500)
        .map(|_| {
            let (tenant, looks) = (tenant.clone(), looks.clone());
            tokio::spawn(async move {
                assert!(has(&tenant, "a").await);
                looks.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    settle().await;
    callers[0].abort();
    for caller in callers.into_iter().skip(1) {
        caller.await.unwrap();
    }
    assert_eq!((looks.load(Ordering::SeqCst), endpoint.fetches()), (499, 1));
    assert!(tenant.keys().cached("a").is_some());
}
