//! The cache on a paused clock, over a directory made of counters.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use zeroize::Zeroizing;

use super::*;
use crate::{BoxFuture, Fault, SharedUserStore};

const ID: &str = "github|1";
const LOOK_UP: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
struct Auth0 {
    lookups: AtomicUsize,
    background: AtomicUsize,
    fault: Mutex<Option<Error>>,
}

#[derive(Clone, Debug, Default)]
struct Face(Arc<Auth0>);

impl Directory for Face {
    fn user<'a>(&'a self, id: &'a str, priority: Priority) -> BoxFuture<'a, Result<User, Error>> {
        Box::pin(async move {
            let serial = self.0.lookups.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.background.fetch_add(usize::from(priority == Priority::Background), Ordering::SeqCst);
            let fetched_at = SystemTime::now();
            tokio::time::sleep(LOOK_UP).await;
            if let Some(error) = self.0.fault.lock().unwrap().clone() {
                return Err(error);
            }
            let identity =
                json!({ "connection": "github", "user_id": 1, "access_token": format!("t{serial}") });
            let body = json!({ "user_id": id, "identities": [identity] }).to_string();
            User::from_json(body.as_bytes(), id, fetched_at)
        })
    }

    fn connected_accounts<'a>(
        &'a self,
        _: &'a str,
        _: Priority,
    ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, Error>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

impl Face {
    fn lookups(&self) -> usize {
        self.0.lookups.load(Ordering::SeqCst)
    }

    fn fail(&self, fault: Option<Fault>) {
        *self.0.fault.lock().unwrap() = fault.map(|fault| Error::new(fault, "seeded"));
    }
}

fn store() -> (UserStore, Face) {
    let face = Face::default();
    (UserStore::over(face.clone(), "acme.test").build(), face)
}

fn token(lookup: &Lookup) -> &str {
    lookup.user.identities()[0].bearer().unwrap().expose()
}

async fn after(seconds: f64) {
    tokio::time::advance(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn tm_c04_a_thousand_misses_are_one_look_up_also_without_the_first_caller() {
    let (store, face) = store();
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.get(ID).await.map(|lookup| lookup.found) }
    });
    tokio::time::sleep(LOOK_UP / 2).await;
    let others: Vec<_> = (0..999)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.get(ID).await.map(|lookup| lookup.found) })
        })
        .collect();
    tokio::task::yield_now().await;
    first.abort();
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), Found::Joined);
    }
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(face.lookups(), 1);
    for _ in 0..10_000 {
        assert_eq!(store.get(ID).await.unwrap().found, Found::Hit);
    }
    assert_eq!(face.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn renewed_behind_from_80_percent_waited_for_past_the_ttl() {
    let (store, face) = store();
    store.get(ID).await.unwrap();
    after(479.0).await;
    store.get(ID).await.unwrap();
    tokio::time::sleep(LOOK_UP * 2).await;
    assert_eq!(face.lookups(), 1, "fresh");
    after(14.0).await;
    let lookup = store.get(ID).await.unwrap();
    assert_eq!((lookup.found, token(&lookup)), (Found::Hit, "t1"), "the old one at once");
    tokio::time::sleep(LOOK_UP * 2).await;
    assert_eq!((face.lookups(), face.0.background.load(Ordering::SeqCst)), (2, 1));
    assert_eq!(token(&store.get(ID).await.unwrap()), "t2");
    after(601.0).await;
    let lookup = store.get(ID).await.unwrap();
    assert_eq!((lookup.found, token(&lookup)), (Found::Loaded, "t3"), "not in use: waited for");
}

#[tokio::test(start_paused = true)]
async fn stale_records_serve_only_when_the_tenant_is_to_blame() {
    for (fault, serves) in [
        (Fault::Tenant, true),
        (Fault::RateLimited, true),
        (Fault::Operator, false),
        (Fault::Request, false),
        (Fault::NotFound, false),
    ] {
        let (store, face) = store();
        store.get(ID).await.unwrap();
        face.fail(Some(fault));
        after(700.0).await;
        let found = store.get(ID).await.map(|lookup| lookup.found);
        assert_eq!(found.as_ref().ok(), serves.then_some(&Found::Stale), "{fault:?}");
        // While the tenant is down nobody waits for it again and again.
        let before = face.lookups();
        let again = store.get(ID).await;
        assert_eq!(again.is_ok(), serves);
        assert!(face.lookups() - before <= usize::from(!serves && fault != Fault::NotFound), "{fault:?}");
        after(3000.0).await;
        assert!(store.get(ID).await.is_err(), "{fault:?}: stale_ttl is the total age");
        face.fail(None);
        after(6.0).await;
        assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tm_c03_another_users_record_excuses_nothing() {
    let (store, face) = store();
    store.get(ID).await.unwrap();
    *face.0.fault.lock().unwrap() = Some(Error::mismatch());
    after(700.0).await;
    assert!(store.get(ID).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn tm_c05_an_unknown_user_is_asked_for_every_five_seconds() {
    let (store, face) = store();
    face.fail(Some(Fault::NotFound));
    for _ in 0..100 {
        assert!(store.get(ID).await.unwrap_err().is_not_found());
    }
    assert_eq!(face.lookups(), 1);
    face.fail(None);
    after(5.1).await;
    assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded);
}

#[tokio::test(start_paused = true)]
async fn failures_are_never_kept() {
    let (store, face) = store();
    face.fail(Some(Fault::Tenant));
    assert!(store.get(ID).await.unwrap_err().is_transient());
    face.fail(None);
    assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded);
    assert_eq!(face.lookups(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_newer_caller_token_causes_one_re_read_per_user_and_minute() {
    let (store, face) = store();
    let newer = SystemTime::now() + Duration::from_secs(3600);
    // The token that asked first was there before the look-up, whatever the clocks say.
    store.get_newer(ID, newer).await.unwrap();
    assert_eq!(store.get_newer(ID, newer).await.unwrap().found, Found::Hit);
    let newest = newer + Duration::from_secs(1);
    assert_eq!(token(&store.get_newer(ID, newest).await.unwrap()), "t2");
    for n in 2..100 {
        store.get_newer(ID, newer + Duration::from_secs(n)).await.unwrap();
    }
    assert_eq!(face.lookups(), 2);
    after(61.0).await;
    // A tenant that is down leaves the record at hand, and the minute's chance is used.
    face.fail(Some(Fault::Tenant));
    let last = newer + Duration::from_secs(200);
    assert_eq!(store.get_newer(ID, last).await.unwrap().found, Found::Hit);
    assert_eq!(store.get_newer(ID, last).await.unwrap().found, Found::Hit);
    assert_eq!(face.lookups(), 3);
    assert_eq!(store.get_newer(ID, SystemTime::UNIX_EPOCH).await.unwrap().found, Found::Hit);
}

#[tokio::test(start_paused = true)]
async fn re_reads_are_shared_and_needless_when_a_newer_record_is_here() {
    let (store, face) = store();
    let seen = store.get(ID).await.unwrap().user;
    let all = (0..50).map(|_| store.reread(ID, &seen));
    let all: Vec<_> = futures_join(all).await;
    assert!(all.iter().all(|lookup| token(lookup.as_ref().unwrap()) == "t2"));
    assert_eq!(token(&store.reread(ID, &seen).await.unwrap()), "t2");
    assert_eq!(face.lookups(), 2);
    let seen = all.into_iter().next().unwrap().unwrap().user;
    face.fail(Some(Fault::Tenant));
    assert!(store.reread(ID, &seen).await.is_err(), "an old record is no answer");
    assert_eq!(store.get(ID).await.unwrap().found, Found::Hit);
}

async fn futures_join<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, slot) in all.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn a_look_up_under_way_does_not_undo_forgetting() {
    let (store, face) = store();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.get(ID).await }
    });
    tokio::time::sleep(LOOK_UP / 2).await;
    assert!(!store.invalidate(ID));
    waiting.await.unwrap().unwrap();
    assert!(store.peek(ID).is_none());
    assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded);
    assert_eq!(face.lookups(), 2);
    store.get("github|2").await.unwrap();
    assert_eq!(store.invalidate_matching(|user| user.user_id() == "github|2"), 1);
    store.get("github|2").await.unwrap();
    assert_eq!(store.invalidate_all(), 2);
    assert!(store.peek(ID).is_none());
}

#[tokio::test(start_paused = true)]
async fn tm_c07_unknown_users_cannot_push_out_known_ones() {
    let face = Face::default();
    let store = UserStore::over(face.clone(), "acme.test").capacity(100).build();
    for n in 0..50 {
        store.get(&format!("github|{n}")).await.unwrap();
    }
    face.fail(Some(Fault::NotFound));
    for n in 0..2_000 {
        let _ = store.get(&format!("github|unknown-{n}")).await;
    }
    face.fail(None);
    let before = face.lookups();
    for n in 0..50 {
        assert_eq!(store.get(&format!("github|{n}")).await.unwrap().found, Found::Hit);
    }
    assert_eq!(face.lookups(), before);
    store.inner.missing.run_pending_tasks();
    assert!(store.inner.missing.entry_count() <= 100);
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_no_path_segment_are_not_asked_for() {
    let (store, face) = store();
    for id in ["", ".", ".."] {
        assert_eq!(store.get(id).await.unwrap_err().fault(), Fault::Request);
    }
    assert_eq!(face.lookups(), 0);
}

#[tokio::test(start_paused = true)]
async fn tm_c01_ids_that_look_alike_stay_apart() {
    let (store, face) = store();
    let ids = ["github|1", "GitHub|1", "github|1 ", "github", "github|01", "github|1|", "\u{ff47}ithub|1"];
    for id in ids {
        assert_eq!(store.get(id).await.unwrap().user.user_id(), id);
    }
    assert_eq!(face.lookups(), ids.len());
}

type Kept = HashMap<(String, String), Zeroizing<Vec<u8>>>;

#[derive(Debug, Default)]
struct Redis(Mutex<Kept>);

impl SharedUserStore for Redis {
    fn load<'a>(&'a self, tenant: &'a str, user: &'a str) -> BoxFuture<'a, Option<Zeroizing<Vec<u8>>>> {
        let found = self.0.lock().unwrap().get(&(tenant.to_owned(), user.to_owned())).cloned();
        Box::pin(std::future::ready(found))
    }

    fn store<'a>(
        &'a self,
        tenant: &'a str,
        user: &'a str,
        bytes: Zeroizing<Vec<u8>>,
        _: Duration,
    ) -> BoxFuture<'a, ()> {
        self.0.lock().unwrap().insert((tenant.to_owned(), user.to_owned()), bytes);
        Box::pin(std::future::ready(()))
    }

    fn remove<'a>(&'a self, tenant: &'a str, user: &'a str) -> BoxFuture<'a, ()> {
        self.0.lock().unwrap().remove(&(tenant.to_owned(), user.to_owned()));
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_costs_no_look_up_for_a_warm_user() {
    let (face, redis) = (Face::default(), Arc::new(Redis::default()));
    let replica = |tenant: &str| UserStore::over(face.clone(), tenant).shared(redis.clone()).build();
    let old = replica("acme.test");
    let seen = old.get(ID).await.unwrap().user;
    for _ in 0..3 {
        assert_eq!(token(&replica("acme.test").get(ID).await.unwrap()), "t1");
    }
    assert_eq!(face.lookups(), 1);
    assert_eq!(token(&replica("other.test").get(ID).await.unwrap()), "t2", "another tenant's user");
    // A dead token is re-read at Auth0 by one replica; the next one finds its copy.
    assert_eq!(token(&replica("acme.test").reread(ID, &seen).await.unwrap()), "t3");
    assert_eq!(token(&old.reread(ID, &seen).await.unwrap()), "t3");
    assert_eq!(face.lookups(), 3);
    // What was forgotten does not come back from the store.
    let stale = redis.0.lock().unwrap().clone();
    old.invalidate(ID);
    *redis.0.lock().unwrap() = stale;
    assert_eq!(token(&old.get(ID).await.unwrap()), "t4");
}

#[tokio::test(start_paused = true)]
async fn a_shared_copy_near_its_end_serves_once_and_is_renewed_behind_at_once() {
    let (face, redis) = (Face::default(), Arc::new(Redis::default()));
    let replica = || UserStore::over(face.clone(), "acme.test").shared(redis.clone()).build();
    replica().get(ID).await.unwrap();
    for bytes in redis.0.lock().unwrap().values_mut() {
        let mut record: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        record["fetched_at"] = json!(record["fetched_at"].as_u64().unwrap() - 9 * 60 * 1000);
        *bytes = Zeroizing::new(record.to_string().into_bytes());
    }
    let store = replica();
    assert_eq!(token(&store.get(ID).await.unwrap()), "t1", "nobody waits for what will do");
    tokio::time::sleep(LOOK_UP * 2).await;
    assert_eq!((face.lookups(), face.0.background.load(Ordering::SeqCst)), (2, 1));
    assert_eq!(token(&store.get(ID).await.unwrap()), "t2");
}
