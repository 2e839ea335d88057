//! How often Auth0 is asked after a record was invalidated, with a store that a fleet shares.

use super::*;

/// A way to invalidate a record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Invalidate,
    InvalidateMatching,
    InvalidateAll,
    GetNewer,
    Reread,
    RereadAfter,
    ReadSince,
}

const WAYS: [Way; 7] = [
    Way::Invalidate,
    Way::InvalidateMatching,
    Way::InvalidateAll,
    Way::GetNewer,
    Way::Reread,
    Way::RereadAfter,
    Way::ReadSince,
];

/// Processes of a fleet, with clocks that go with Tokio's.
struct Replicas {
    clock: Clock,
    redis: Arc<Redis>,
    tenant: FakeTenant,
}

impl Replicas {
    fn new() -> Self {
        let clock = Clock::following_tokio();
        let tenant = FakeTenant(Arc::new(Auth0 { clock: clock.clone(), ..Auth0::default() }));
        Self { clock, redis: Arc::default(), tenant }
    }

    fn start(&self) -> UserStore {
        let builder = UserStore::over(self.tenant.clone(), "acme.test").clock(self.clock.clone());
        builder.shared(self.redis.clone()).build()
    }

    async fn invalidate(&self, store: &UserStore, way: Way) {
        let seen = store.get(ID).await.unwrap().user;
        let now = self.clock.now();
        match way {
            Way::Invalidate => assert!(store.invalidate(ID)),
            Way::InvalidateMatching => assert_eq!(store.invalidate_matching(|user| user.user_id() == ID), 1),
            Way::InvalidateAll => assert_eq!(store.invalidate_all(), 1),
            Way::GetNewer => drop(store.get_newer(ID, now + Duration::from_secs(1)).await.unwrap()),
            Way::Reread => drop(store.reread(ID, &seen).await.unwrap()),
            Way::RereadAfter => {
                drop(store.reread_after(ID, &seen, now + Duration::from_secs(5)).await.unwrap());
            }
            Way::ReadSince => drop(store.read_since(ID, now).await.unwrap()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_record_is_read_once_and_serves_then_also_beside_a_shared_store() {
    for way in WAYS {
        for at_once in [false, true] {
            let replicas = Replicas::new();
            let (store, other) = (replicas.start(), replicas.start());
            let old = token(&store.get(ID).await.unwrap()).to_owned();
            other.get(ID).await.unwrap();
            after(1.0).await;
            let before = replicas.tenant.lookups();
            replicas.invalidate(&store, way).await;
            // What is stored is an older copy all the time, as where a removal is late.
            let stale = replicas.redis.0.lock().unwrap().clone();
            if at_once {
                let all = futures_join((0..50).map(|_| store.get(ID))).await;
                assert!(all.iter().all(|lookup| token(lookup.as_ref().unwrap()) != old), "{way:?}");
            } else {
                for _ in 0..50 {
                    *replicas.redis.0.lock().unwrap() = stale.clone();
                    assert_ne!(token(&store.get(ID).await.unwrap()), old, "{way:?}");
                    after(0.2).await;
                }
            }
            assert_eq!(replicas.tenant.lookups() - before, 1, "{way:?}, at once: {at_once}");
        }
    }
}

/// Two processes may differ in their clocks, and a process may store an old copy late.
#[tokio::test(start_paused = true)]
async fn a_copy_of_another_process_serves_a_re_read_only_if_it_was_read_late_enough() {
    let replicas = Replicas::new();
    let (store, other) = (replicas.start(), replicas.start());
    let seen = store.get(ID).await.unwrap().user;
    after(1.0).await;
    let theirs = other.reread(ID, &seen).await.unwrap();
    assert_eq!((token(&theirs), replicas.tenant.lookups()), ("t2", 2));
    let written = replicas.clock.now();
    after(1.0).await;
    assert_eq!(token(&store.reread_after(ID, &seen, written).await.unwrap()), "t3", "theirs is older");
    let lookup = store.reread_after(ID, &seen, written).await.unwrap();
    assert_eq!((token(&lookup), lookup.found), ("t3", Found::Joined), "there is a newer one than `seen`");
    after(1.0).await;
    other.reread(ID, &theirs.user).await.unwrap();
    let seen = lookup.user;
    let theirs = other.reread_after(ID, &seen, replicas.clock.now()).await.unwrap();
    assert_eq!(token(&theirs), "t4");
    let lookup = store.reread_after(ID, &seen, written).await.unwrap();
    assert_eq!((token(&lookup), lookup.found), ("t4", Found::Loaded), "the one of the other process");
    assert_eq!(replicas.tenant.lookups(), 4);
}
