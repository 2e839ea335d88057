//! The cache on a paused clock, over a directory made of counters.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::json;
use zeroize::Zeroizing;

use super::*;
use crate::{BoxFuture, ConnectedAccount, Fault, SharedUserStore};
use std::time::Duration;
use token_keeper::Clock;

const ID: &str = "github|1";
const LOOK_UP: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
struct Auth0 {
    lookups: AtomicUsize,
    background: AtomicUsize,
    fault: Mutex<Option<Error>>,
    lists: AtomicUsize,
    /// Each record has the same content.
    same: AtomicBool,
    withheld: AtomicBool,
    short: AtomicBool,
    clock: Clock,
}

#[derive(Clone, Debug, Default)]
struct FakeTenant(Arc<Auth0>);

impl Directory for FakeTenant {
    fn user<'a>(&'a self, id: &'a str, priority: Priority) -> BoxFuture<'a, Result<User, Error>> {
        Box::pin(async move {
            let serial = self.0.lookups.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.background.fetch_add(usize::from(priority == Priority::Background), Ordering::SeqCst);
            let fetched_at = self.0.clock.now();
            tokio::time::sleep(LOOK_UP).await;
            if let Some(error) = self.0.fault.lock().unwrap().clone() {
                return Err(error);
            }
            let identity =
                json!({ "connection": "github", "user_id": 1, "access_token": format!("t{serial}") });
            let same = json!({ "connection": "github", "user_id": 1, "access_token": "the same" });
            let identity = if self.0.same.load(Ordering::SeqCst) { same } else { identity };
            let body = json!({ "user_id": id, "identities": [identity] }).to_string();
            let user = User::from_json(body.as_bytes(), id, fetched_at)?;
            let withheld = self.0.withheld.load(Ordering::SeqCst);
            Ok(if withheld { user.with_tokens_withheld() } else { user })
        })
    }

    fn connected_accounts<'a>(
        &'a self,
        _: &'a str,
        _: Priority,
    ) -> BoxFuture<'a, Result<Vec<ConnectedAccount>, Error>> {
        Box::pin(async move {
            self.0.lists.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(LOOK_UP).await;
            match self.0.fault.lock().unwrap().clone() {
                Some(error) => Err(error),
                None => Ok(vec![ConnectedAccount::new("cac_1", "github")]),
            }
        })
    }

    fn sees_idp_tokens(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(!self.0.withheld.load(Ordering::SeqCst)))
    }

    fn is_allowance_short(&self) -> bool {
        self.0.short.load(Ordering::SeqCst)
    }
}

impl FakeTenant {
    fn lookups(&self) -> usize {
        self.0.lookups.load(Ordering::SeqCst)
    }

    fn fail(&self, fault: Option<Fault>) {
        *self.0.fault.lock().unwrap() = fault.map(|fault| Error::new(fault, "seeded"));
    }
}

fn store() -> (UserStore, FakeTenant) {
    let tenant = FakeTenant::default();
    (UserStore::over(tenant.clone(), "acme.test").build(), tenant)
}

fn token(lookup: &Lookup) -> &str {
    lookup.user.identities()[0].bearer().unwrap().expose()
}

async fn after(seconds: f64) {
    tokio::time::advance(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn tm_c04_a_thousand_misses_are_one_look_up_also_without_the_first_caller() {
    let (store, tenant) = store();
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
    assert_eq!(tenant.lookups(), 1);
    for _ in 0..10_000 {
        assert_eq!(store.get(ID).await.unwrap().found, Found::Hit);
    }
    assert_eq!(tenant.lookups(), 1);
}

#[tokio::test(start_paused = true)]
async fn renewed_in_the_background_from_80_percent_waited_for_past_the_ttl() {
    let (store, tenant) = store();
    store.get(ID).await.unwrap();
    after(479.0).await;
    store.get(ID).await.unwrap();
    tokio::time::sleep(LOOK_UP * 2).await;
    assert_eq!(tenant.lookups(), 1, "fresh");
    after(14.0).await;
    let lookup = store.get(ID).await.unwrap();
    assert_eq!((lookup.found, token(&lookup)), (Found::Hit, "t1"), "the old one at once");
    tokio::time::sleep(LOOK_UP * 2).await;
    assert_eq!((tenant.lookups(), tenant.0.background.load(Ordering::SeqCst)), (2, 1));
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
        let (store, tenant) = store();
        store.get(ID).await.unwrap();
        tenant.fail(Some(fault));
        after(700.0).await;
        let found = store.get(ID).await.map(|lookup| lookup.found);
        assert_eq!(found.as_ref().ok(), serves.then_some(&Found::Stale), "{fault:?}");
        // While the tenant is down nobody waits for it again and again.
        let before = tenant.lookups();
        let again = store.get(ID).await;
        assert_eq!(again.is_ok(), serves);
        assert!(tenant.lookups() - before <= usize::from(!serves && fault != Fault::NotFound), "{fault:?}");
        after(3000.0).await;
        assert!(store.get(ID).await.is_err(), "{fault:?}: stale_ttl is the total age");
        tenant.fail(None);
        after(6.0).await;
        assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tm_c03_another_users_record_excuses_nothing() {
    let (store, tenant) = store();
    store.get(ID).await.unwrap();
    *tenant.0.fault.lock().unwrap() = Some(Error::mismatch());
    after(700.0).await;
    assert!(store.get(ID).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn tm_c05_an_unknown_user_is_asked_for_every_five_seconds() {
    let (store, tenant) = store();
    tenant.fail(Some(Fault::NotFound));
    for _ in 0..100 {
        assert!(store.get(ID).await.unwrap_err().is_not_found());
    }
    assert_eq!(tenant.lookups(), 1);
    tenant.fail(None);
    after(5.1).await;
    assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded);
}

#[tokio::test(start_paused = true)]
async fn failures_are_never_kept() {
    let (store, tenant) = store();
    tenant.fail(Some(Fault::Tenant));
    assert!(store.get(ID).await.unwrap_err().is_transient());
    tenant.fail(None);
    assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded);
    assert_eq!(tenant.lookups(), 2);
}

/// Also where each re-read brings something new: only something absent has the shorter pause.
#[tokio::test(start_paused = true)]
async fn a_newer_caller_token_causes_one_re_read_per_user_and_minute() {
    for same in [true, false] {
        let (store, tenant) = store();
        let mut newest = SystemTime::now() + Duration::from_secs(3600);
        store.get(ID).await.unwrap();
        tenant.0.same.store(same, Ordering::SeqCst);
        for (pause, lookups) in [(0.0, 2), (5.1, 2), (54.8, 2), (0.2, 3), (59.9, 3), (0.2, 4)] {
            after(pause).await;
            newest += Duration::from_secs(1);
            store.get_newer(ID, newest).await.unwrap();
            assert_eq!(tenant.lookups(), lookups, "after {pause} s more, same: {same}");
        }
    }
}

/// A user who links an account within the minute of a newer caller token does not wait for its end.
#[tokio::test(start_paused = true)]
async fn an_absent_account_causes_a_re_read_also_in_the_minute_of_a_newer_caller_token() {
    let (store, tenant) = store();
    let newer = SystemTime::now() + Duration::from_secs(3600);
    store.get(ID).await.unwrap();
    store.get_newer(ID, newer).await.unwrap();
    let seen = store.get_newer(ID, newer + Duration::from_secs(1)).await.unwrap();
    assert_eq!((seen.found, tenant.lookups()), (Found::Hit, 2));
    store.reread_for_absent(ID, &seen).await.unwrap();
    assert_eq!(tenant.lookups(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_newer_caller_tokens_is_one_re_read() {
    let (store, tenant) = store();
    let newer = SystemTime::now() + Duration::from_secs(3600);
    // The token that asked first was there before the look-up, whatever the clocks say.
    store.get_newer(ID, newer).await.unwrap();
    assert_eq!(store.get_newer(ID, newer).await.unwrap().found, Found::Hit);
    let newest = newer + Duration::from_secs(1);
    assert_eq!(token(&store.get_newer(ID, newest).await.unwrap()), "t2");
    for n in 2..100 {
        store.get_newer(ID, newer + Duration::from_secs(n)).await.unwrap();
    }
    assert_eq!(tenant.lookups(), 2);
    after(61.0).await;
    // A tenant that is down leaves the record at hand, and the chance is used.
    tenant.fail(Some(Fault::Tenant));
    let last = newer + Duration::from_secs(200);
    assert_eq!(store.get_newer(ID, last).await.unwrap().found, Found::Hit);
    assert_eq!(store.get_newer(ID, last).await.unwrap().found, Found::Hit);
    assert_eq!(tenant.lookups(), 3);
    assert_eq!(store.get_newer(ID, SystemTime::UNIX_EPOCH).await.unwrap().found, Found::Hit);
}

#[tokio::test(start_paused = true)]
async fn re_reads_are_shared_and_needless_when_a_newer_record_is_here() {
    let (store, tenant) = store();
    let seen = store.get(ID).await.unwrap().user;
    let all = (0..50).map(|_| store.reread(ID, &seen));
    let all: Vec<_> = futures_join(all).await;
    assert!(all.iter().all(|lookup| token(lookup.as_ref().unwrap()) == "t2"));
    assert_eq!(token(&store.reread(ID, &seen).await.unwrap()), "t2");
    assert_eq!(tenant.lookups(), 2);
    let seen = all.into_iter().next().unwrap().unwrap().user;
    tenant.fail(Some(Fault::Tenant));
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
    let (store, tenant) = store();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.get(ID).await }
    });
    tokio::time::sleep(LOOK_UP / 2).await;
    assert!(!store.invalidate(ID));
    waiting.await.unwrap().unwrap();
    assert!(store.peek(ID).is_none());
    assert_eq!(store.get(ID).await.unwrap().found, Found::Loaded);
    assert_eq!(tenant.lookups(), 2);
    store.get("github|2").await.unwrap();
    assert_eq!(store.invalidate_matching(|user| user.user_id() == "github|2"), 1);
    store.get("github|2").await.unwrap();
    assert_eq!(store.invalidate_all(), 2);
    assert!(store.peek(ID).is_none());
}

#[tokio::test(start_paused = true)]
async fn tm_c07_unknown_users_cannot_push_out_known_ones() {
    let tenant = FakeTenant::default();
    let store = UserStore::over(tenant.clone(), "acme.test").capacity(100).build();
    for n in 0..50 {
        store.get(&format!("github|{n}")).await.unwrap();
    }
    tenant.fail(Some(Fault::NotFound));
    for n in 0..2_000 {
        let _ = store.get(&format!("github|unknown-{n}")).await;
    }
    tenant.fail(None);
    let before = tenant.lookups();
    for n in 0..50 {
        assert_eq!(store.get(&format!("github|{n}")).await.unwrap().found, Found::Hit);
    }
    assert_eq!(tenant.lookups(), before);
    assert!(store.inner.negatives.len() <= 100);
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_no_path_segment_are_not_asked_for() {
    let (store, tenant) = store();
    for id in ["", ".", ".."] {
        assert_eq!(store.get(id).await.unwrap_err().fault(), Fault::Request);
    }
    assert_eq!(tenant.lookups(), 0);
}

#[tokio::test(start_paused = true)]
async fn tm_c01_ids_that_look_alike_stay_apart() {
    let (store, tenant) = store();
    let ids = ["github|1", "GitHub|1", "github|1 ", "github", "github|01", "github|1|", "\u{ff47}ithub|1"];
    for id in ids {
        assert_eq!(store.get(id).await.unwrap().user.user_id(), id);
    }
    assert_eq!(tenant.lookups(), ids.len());
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
    let (clock, redis) = (Clock::following_tokio(), Arc::new(Redis::default()));
    let tenant = FakeTenant(Arc::new(Auth0 { clock: clock.clone(), ..Auth0::default() }));
    let replica = |domain: &str| {
        UserStore::over(tenant.clone(), domain).clock(clock.clone()).shared(redis.clone()).build()
    };
    let old = replica("acme.test");
    let seen = old.get(ID).await.unwrap().user;
    for _ in 0..3 {
        assert_eq!(token(&replica("acme.test").get(ID).await.unwrap()), "t1");
    }
    assert_eq!(tenant.lookups(), 1);
    assert_eq!(token(&replica("other.test").get(ID).await.unwrap()), "t2", "another tenant's user");
    // A dead token is re-read at Auth0 by one replica; the next one finds its copy.
    assert_eq!(token(&replica("acme.test").reread(ID, &seen).await.unwrap()), "t3");
    assert_eq!(token(&old.reread(ID, &seen).await.unwrap()), "t3");
    assert_eq!(tenant.lookups(), 3);
    // What was forgotten does not come back from the store.
    let stale = redis.0.lock().unwrap().clone();
    old.invalidate(ID);
    *redis.0.lock().unwrap() = stale;
    assert_eq!(token(&old.get(ID).await.unwrap()), "t4");
}

#[tokio::test(start_paused = true)]
async fn a_shared_copy_near_its_end_serves_once_and_is_renewed_in_the_background_at_once() {
    let (clock, redis) = (Clock::following_tokio(), Arc::new(Redis::default()));
    let tenant = FakeTenant(Arc::new(Auth0 { clock: clock.clone(), ..Auth0::default() }));
    let builder = || UserStore::over(tenant.clone(), "acme.test").clock(clock.clone());
    let replica = || builder().shared(redis.clone()).build();
    replica().get(ID).await.unwrap();
    after(540.0).await;
    let store = replica();
    assert_eq!(token(&store.get(ID).await.unwrap()), "t1", "nobody waits for what will do");
    tokio::time::sleep(LOOK_UP * 2).await;
    assert_eq!((tenant.lookups(), tenant.0.background.load(Ordering::SeqCst)), (2, 1));
    assert_eq!(token(&store.get(ID).await.unwrap()), "t2");
}

#[tokio::test(start_paused = true)]
async fn an_absent_account_causes_re_reads_5_seconds_apart_doubling_to_60() {
    let (store, tenant) = store();
    tenant.0.same.store(true, Ordering::SeqCst);
    let loaded = store.get(ID).await.unwrap();
    assert_eq!(store.reread_for_absent(ID, &loaded).await.unwrap().found, Found::Loaded);
    assert_eq!(tenant.lookups(), 1, "a record just read needs no re-read");
    let mut read_at = Vec::new();
    let start = Instant::now();
    // Within `cache_ttl`; a caller every half second.
    while start.elapsed() < Duration::from_secs(400) {
        let (before, lookup) = (tenant.lookups(), store.get(ID).await.unwrap());
        store.reread_for_absent(ID, &lookup).await.unwrap();
        if tenant.lookups() > before {
            read_at.push(start.elapsed().as_secs());
        }
        after(0.5).await;
    }
    let gaps: Vec<_> = read_at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, least) in gaps.iter().zip([5, 10, 20, 40, 60, 60]) {
        assert!((least..=least + 1).contains(gap), "{gaps:?}");
    }
    assert!(gaps.len() >= 6, "{gaps:?}");
    // A record that says something new begins again.
    tenant.0.same.store(false, Ordering::SeqCst);
    let lookup = store.get(ID).await.unwrap();
    after(60.0).await;
    assert_eq!(store.reread_for_absent(ID, &lookup).await.unwrap().found, Found::Loaded);
    // The pauses begin anew as well: 5 seconds to the next re-read, and 5 to the one after it.
    tenant.0.same.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        after(5.0).await;
        let lookup = store.get(ID).await.unwrap();
        assert_eq!(store.reread_for_absent(ID, &lookup).await.unwrap().found, Found::Loaded);
    }
}

#[tokio::test(start_paused = true)]
async fn an_absent_account_causes_no_re_read_while_the_rate_limit_is_short_or_a_newer_record_is_here() {
    let (store, tenant) = store();
    store.get(ID).await.unwrap();
    let old = store.get(ID).await.unwrap();
    tenant.0.short.store(true, Ordering::SeqCst);
    assert_eq!(store.reread_for_absent(ID, &old).await.unwrap().found, Found::Hit);
    assert_eq!(tenant.lookups(), 1);
    tenant.0.short.store(false, Ordering::SeqCst);
    // A crowd of callers causes one re-read.
    let all: Vec<_> = futures_join((0..50).map(|_| store.reread_for_absent(ID, &old))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(tenant.lookups(), 2);
    assert_eq!(token(&store.reread_for_absent(ID, &old).await.unwrap()), "t2", "newer than the one seen");
    assert_eq!(tenant.lookups(), 2);
    // A tenant that is down leaves the cached record.
    after(6.0).await;
    tenant.fail(Some(Fault::Tenant));
    let lookup = store.get(ID).await.unwrap();
    assert_eq!(token(&store.reread_for_absent(ID, &lookup).await.unwrap()), "t2");
}

#[tokio::test(start_paused = true)]
async fn a_record_read_without_idp_tokens_is_read_again_once_they_can_be_seen_and_never_shared() {
    let (tenant, redis) = (FakeTenant::default(), Arc::new(Redis::default()));
    let store = UserStore::over(tenant.clone(), "acme.test").shared(redis.clone()).build();
    tenant.0.withheld.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        let lookup = store.get(ID).await.unwrap();
        assert!(lookup.user.tokens_withheld());
    }
    assert_eq!((tenant.lookups(), redis.0.lock().unwrap().len()), (1, 0));
    tenant.0.withheld.store(false, Ordering::SeqCst);
    for _ in 0..20 {
        let lookup = store.get_newer(ID, SystemTime::UNIX_EPOCH).await.unwrap();
        assert!(!lookup.user.tokens_withheld());
    }
    assert_eq!((tenant.lookups(), redis.0.lock().unwrap().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn connected_accounts_are_read_once_a_minute_and_forgotten_with_the_user() {
    let (store, tenant) = store();
    let lists = || tenant.0.lists.load(Ordering::SeqCst);
    let all: Vec<_> = futures_join((0..50).map(|_| store.connected_accounts(ID))).await;
    assert!(all.iter().all(|list| list.as_ref().unwrap()[0].connection == "github"));
    after(59.0).await;
    store.connected_accounts(ID).await.unwrap();
    assert_eq!(lists(), 1);
    after(2.0).await;
    store.connected_accounts(ID).await.unwrap();
    assert_eq!(lists(), 2);
    store.invalidate(ID);
    store.connected_accounts(ID).await.unwrap();
    assert_eq!(lists(), 3);
    tenant.fail(Some(Fault::Tenant));
    after(61.0).await;
    assert!(store.connected_accounts(ID).await.is_ok(), "stale while the tenant is down");
    tenant.fail(Some(Fault::Operator));
    after(5.1).await;
    assert!(store.connected_accounts(ID).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn tm_c07_memory_is_bounded_by_bytes_and_by_records() {
    let tenant = FakeTenant::default();
    let store =
        UserStore::over(tenant.clone(), "acme.test").capacity(1_000_000).capacity_bytes(64 * 1024).build();
    for n in 0..500 {
        store.get(&format!("github|{n}")).await.unwrap();
        assert!(store.cached_bytes() <= 64 * 1024);
    }
    assert!(store.inner.records.len() < 300);
    let store = UserStore::over(tenant, "acme.test").capacity(10).build();
    for n in 0..50 {
        store.get(&format!("github|{n}")).await.unwrap();
    }
    assert!(store.inner.records.len() <= 10);
}

#[tokio::test(start_paused = true)]
async fn records_that_serve_no_more_are_dropped() {
    let (store, _) = store();
    store.get("github|old").await.unwrap();
    after(3601.0).await;
    store.get("github|new").await.unwrap();
    assert!(store.peek("github|old").is_none() && store.peek("github|new").is_some());
}

mod invalidation;
mod lists;
