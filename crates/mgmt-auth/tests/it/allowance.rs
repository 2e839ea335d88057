//! The Management API allowance against tenants that count (threat A02).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mgmt_auth::{Priority, Tenant};
use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep};

use crate::script::{Reply, Script, builder, reply, seconds, settle, tenant, token, with_headers};

/// A token bucket as Auth0 describes its own: a burst, refilled at the top of each second.
struct Bucket {
    burst: u32,
    per_second: u32,
    started: Instant,
    seconds: u64,
    left: u32,
    refused: usize,
}

impl Bucket {
    fn new(burst: u32, per_second: u32) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            burst,
            per_second,
            started: Instant::now(),
            seconds: 0,
            left: burst,
            refused: 0,
        }))
    }

    fn take(&mut self) -> Reply {
        let now = self.started.elapsed().as_secs();
        let refill = u32::try_from(now - self.seconds).unwrap().saturating_mul(self.per_second);
        (self.seconds, self.left) = (now, self.left.saturating_add(refill).min(self.burst));
        let (status, body) = match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                (200, json!({}))
            }
            None => {
                self.refused += 1;
                (
                    429,
                    json!({ "statusCode": 429, "message": "Global limit has been reached", "errorCode": "too_many_requests" }),
                )
            }
        };
        let headers = [
            ("x-ratelimit-limit", self.burst.to_string()),
            ("x-ratelimit-remaining", self.left.to_string()),
            ("x-ratelimit-reset", "1".to_owned()),
        ];
        with_headers(status, &headers, &body.to_string())
    }
}

fn limited(bucket: &Arc<Mutex<Bucket>>) -> Arc<Script> {
    let bucket = bucket.clone();
    Script::new(move |request, number| match request.uri().path() {
        "/oauth/token" => token(number, 86400),
        _ => bucket.lock().unwrap().take(),
    })
}

async fn read(tenant: &Tenant, user: usize, priority: Priority) -> Result<Value, mgmt_auth::Error> {
    tenant.get(&["users", &format!("github|{user}")], &[], priority).await
}

fn reads(tenant: &Tenant, count: usize) -> Vec<tokio::task::JoinHandle<Result<Value, mgmt_auth::Error>>> {
    (0..count)
        .map(|user| {
            let tenant = tenant.clone();
            tokio::spawn(async move { read(&tenant, user, Priority::Caller).await })
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn tm_a02_a_cold_start_of_500_users_stays_within_any_plan() {
    for (burst, per_second, least_served) in [(2, 2, 10), (10, 2, 20), (50, 16, 120)] {
        let bucket = Bucket::new(burst, per_second);
        let script = limited(&bucket);
        let tenant = tenant(&script);
        let started = Instant::now();
        let (mut served, mut told) = (0, 0);
        for read in reads(&tenant, 500) {
            match read.await.unwrap() {
                Ok(_) => served += 1,
                Err(error) => {
                    assert!(error.is_rate_limited() && error.is_transient(), "{error:?}");
                    assert!(error.retry_after().unwrap() >= seconds(1));
                    told += 1;
                }
            }
        }
        assert!(started.elapsed() <= seconds(12), "waits are bounded: {:?}", started.elapsed());
        assert_eq!(served + told, 500);
        let refused = bucket.lock().unwrap().refused;
        assert!(refused <= 1, "{refused} refusals at {per_second}/s");
        assert!(served >= least_served, "{served} served at {per_second}/s");
        assert_eq!(script.count("/oauth/token"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_is_served_who_has_the_time() {
    let bucket = Bucket::new(2, 2);
    let tenant = builder(&limited(&bucket)).longest_waits(seconds(120), seconds(120)).build().unwrap();
    for read in reads(&tenant, 60) {
        read.await.unwrap().unwrap();
    }
    assert!(bucket.lock().unwrap().refused <= 1);
    assert_eq!((tenant.allowance().waiting(), tenant.allowance().in_flight()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_limits_has_none() {
    let script = Script::new(|request, number| match request.uri().path() {
        "/oauth/token" => token(number, 60),
        _ => reply(200, json!({})),
    });
    let tenant = tenant(&script);
    let started = Instant::now();
    for read in reads(&tenant, 500) {
        read.await.unwrap().unwrap();
    }
    assert!(started.elapsed() < seconds(1));
    assert!(script.most_at_once.load(Ordering::SeqCst) > 400);
    assert_eq!(tenant.allowance().limit(), None);
}

#[tokio::test(start_paused = true)]
async fn tm_a02_a_refusal_stops_everybody_until_the_reset_in_any_dress() {
    for status in [429, 403, 500] {
        let script = Script::new(move |request, number| match (request.uri().path(), number) {
            ("/oauth/token", _) => token(number, 60),
            ("/api/v2/users/first", 0) => {
                let headers = [("retry-after", "30".to_owned())];
                with_headers(
                    status,
                    &headers,
                    r#"{"statusCode":1,"message":"Global limit has been reached"}"#,
                )
            }
            _ => reply(200, json!({})),
        });
        let tenant = tenant(&script);
        let first = tenant.get::<Value>(&["users", "first"], &[], Priority::Caller).await.unwrap_err();
        assert!(first.is_rate_limited(), "{first:?}");
        let sent = script.count("/api/v2/");
        for user in 0..100 {
            let error = read(&tenant, user, Priority::Caller).await.unwrap_err();
            assert!(
                error.is_rate_limited() && error.retry_after().unwrap() > seconds(20),
                "told at once: {error:?}"
            );
        }
        assert_eq!(script.count("/api/v2/"), sent, "nothing was sent");
        assert!(tenant.allowance().blocked_for().unwrap() > seconds(29));
        advance(seconds(31)).await;
        read(&tenant, 1, Priority::Caller).await.unwrap();
        assert_eq!(tenant.allowance().blocked_for(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_refusal_is_waited_out_once() {
    let script = Script::new(|request, number| match (request.uri().path(), number) {
        ("/oauth/token", _) => token(number, 60),
        (_, 0) => with_headers(429, &[("retry-after", "2".into())], "{}"),
        _ => reply(200, json!({})),
    });
    let started = Instant::now();
    read(&tenant(&script), 1, Priority::Caller).await.unwrap();
    assert!(started.elapsed() >= seconds(2));
    assert_eq!(script.count("/api/v2/"), 2);

    let stubborn = Script::new(|request, number| match request.uri().path() {
        "/oauth/token" => token(number, 60),
        _ => with_headers(429, &[("retry-after", "2".into())], "{}"),
    });
    assert!(read(&tenant(&stubborn), 1, Priority::Caller).await.unwrap_err().is_rate_limited());
    assert_eq!(stubborn.count("/api/v2/"), 2, "twice and not more");
}

#[tokio::test(start_paused = true)]
async fn callers_go_before_background_work() {
    let bucket = Bucket::new(2, 2);
    let tenant = builder(&limited(&bucket)).longest_waits(seconds(60), seconds(60)).build().unwrap();
    read(&tenant, 0, Priority::Caller).await.unwrap();
    let order: Arc<Mutex<Vec<Priority>>> = Arc::default();
    let start = |priority| {
        let (tenant, order) = (tenant.clone(), order.clone());
        tokio::spawn(async move {
            read(&tenant, 1, priority).await.unwrap();
            order.lock().unwrap().push(priority);
        })
    };
    let mut all: Vec<_> = (0..10).map(|_| start(Priority::Background)).collect();
    settle().await;
    all.extend((0..10).map(|_| start(Priority::Caller)));
    for one in all {
        one.await.unwrap();
    }
    let order = order.lock().unwrap();
    let last_caller = order.iter().rposition(|priority| *priority == Priority::Caller).unwrap();
    // One or two of the background were on their way before the callers came.
    assert!(last_caller <= 12, "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn one_look_at_a_dead_tenant_is_enough_for_all_who_wait() {
    let looks = Arc::new(AtomicUsize::new(0));
    let quick = Script::slow(Duration::from_secs(1), {
        let looks = looks.clone();
        move |request, number| match request.uri().path() {
            "/oauth/token" => token(number, 60),
            _ => {
                looks.fetch_add(1, Ordering::SeqCst);
                Err(mgmt_auth::TransportErrorKind::Timeout.into())
            }
        }
    });
    let tenant = tenant(&quick);
    for read in reads(&tenant, 200) {
        let error = read.await.unwrap().unwrap_err();
        assert_eq!(error.fault(), mgmt_auth::Fault::Tenant, "not taken for a limit");
    }
    assert_eq!(looks.load(Ordering::SeqCst), 1);
    assert_eq!((tenant.allowance().waiting(), tenant.allowance().in_flight()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn callers_that_hang_up_leave_no_hole() {
    let bucket = Bucket::new(2, 2);
    let tenant = builder(&limited(&bucket)).longest_waits(seconds(60), seconds(60)).build().unwrap();
    for round in 0..20 {
        let started = reads(&tenant, 20);
        sleep(Duration::from_millis(37 * round)).await;
        started.iter().for_each(tokio::task::JoinHandle::abort);
        settle().await;
    }
    sleep(seconds(2)).await;
    read(&tenant, 1, Priority::Caller).await.unwrap();
    assert_eq!((tenant.allowance().waiting(), tenant.allowance().in_flight()), (0, 0));
}
