//! Logouts and disconnections: many of them, lost ones, and those of older versions.

use super::*;
use crate::fleet::shard::{SHARDS, shard_of};

/// Marks count whole seconds.
const SECOND: Duration = Duration::from_secs(1);

fn moved(store: &Shaky) -> usize {
    store.moved.load(std::sync::atomic::Ordering::SeqCst)
}

/// A logout long ago costs nothing today, neither the replica that receives one nor those that learn of it.
#[tokio::test]
async fn tm_a19_a_logout_or_disconnection_costs_what_it_is_and_not_what_was_before() {
    let store = Arc::new(Shaky::default());
    let (one, two) = (Fleet::kept(store.clone(), "acme.test"), Fleet::kept(store.clone(), "acme.test"));
    one.read().await.unwrap();
    let now = SystemTime::now();
    let mut costs = Vec::new();
    for hundred in 0..30 {
        let before = moved(&store);
        for number in 0..100 {
            let user = format!("auth0|{hundred}-{number}");
            one.log_out(&user, now).await;
            one.revoke(revoked(&user, 1)).await;
        }
        two.read().await.unwrap();
        costs.push(moved(&store) - before);
    }
    let (early, late) = (costs[4], costs[29]);
    assert!(late < early * 3 / 2, "{early} bytes for 200 commands, later {late}");
    assert!(
        two.marks().refuses("auth0|0-0", now - SECOND) && two.marks().refuses("auth0|29-99", now - SECOND)
    );
    assert_eq!((one.revoked().len(), two.revoked().len()), (3000, 3000));
}

#[tokio::test]
async fn a_store_that_lost_everything_gets_logouts_and_disconnections_back() {
    let now = SystemTime::now();
    for begun_anew in [false, true] {
        let store = Arc::new(Shaky::default());
        let old = Fleet::kept(store.clone(), "acme.test");
        old.log_out("auth0|1", now).await;
        old.revoke(revoked("auth0|2", 7)).await;
        old.read().await.unwrap();
        let emptied = Arc::new(MemoryStore::new().unwrap());
        let fresh = Fleet::kept(store.clone(), "acme.test");
        if begun_anew {
            for user in ["auth0|other", "auth0|more", "auth0|last", "auth0|one", "auth0|two"] {
                let other = Fleet::kept(emptied.clone(), "acme.test");
                other.read().await.unwrap();
                other.log_out(user, now).await;
            }
        }
        *store.store.lock().unwrap() = emptied;
        if begun_anew {
            fresh.read().await.unwrap();
            assert!(
                fresh.marks().refuses("auth0|last", now - SECOND)
                    && !fresh.marks().refuses("auth0|1", now - SECOND)
            );
        }
        old.read().await.unwrap();
        fresh.read().await.unwrap();
        let late = Fleet::kept(store.clone(), "acme.test");
        late.read().await.unwrap();
        for fleet in [&old, &fresh, &late] {
            assert!(fleet.marks().refuses("auth0|1", now - SECOND), "{begun_anew}");
            assert_eq!(fleet.marks().refuses("auth0|last", now - SECOND), begun_anew);
            assert_eq!(fleet.revoked(), [revoked("auth0|2", 7)]);
        }
    }
}

#[tokio::test]
async fn what_an_older_version_kept_in_the_record_itself_is_taken_over_once() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let now = SystemTime::now();
    let seconds = crate::time::unix_seconds(now);
    let old = serde_json::json!({ "lineage": 5, "serial": 9, "blocks": [], "lately": [],
        "logouts": { "auth0|1": seconds }, "revoked": [revoked("auth0|2", 7)] });
    let name = record_name("acme.test");
    store.write(&name, None, old.to_string().as_bytes()).await.unwrap();
    let (one, two) = (Fleet::kept(store.clone(), "acme.test"), Fleet::kept(store.clone(), "acme.test"));
    for fleet in [&one, &two] {
        fleet.read().await.unwrap();
        assert!(fleet.marks().refuses("auth0|1", now - SECOND));
        assert_eq!(fleet.revoked(), [revoked("auth0|2", 7)]);
    }
    let Reading::Found { bytes, .. } = store.read(&name, None).await.unwrap() else { panic!() };
    assert!(!String::from_utf8_lossy(&bytes).contains("auth0|1"));
}

#[tokio::test]
async fn a_replica_that_missed_too_many_commands_reads_everything() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let (one, two) = (Fleet::kept(store.clone(), "acme.test"), Fleet::kept(store, "acme.test"));
    let now = SystemTime::now();
    two.read().await.unwrap();
    for number in 0..600 {
        one.log_out(&format!("auth0|{number}"), now).await;
    }
    two.read().await.unwrap();
    assert!((0..600).all(|number| two.marks().refuses(&format!("auth0|{number}"), now - SECOND)));
}

/// Until everything was read, a replica does not know who must be refused.
#[tokio::test]
async fn a_replica_that_has_read_a_part_is_not_ready() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let one = Fleet::kept(store.clone(), "acme.test");
    one.log_out("auth0|1", SystemTime::now()).await;
    let name = format!("{}/users/{:03x}", record_name("acme.test"), shard_of("auth0|1"));
    let Reading::Found { version, .. } = store.read(&name, None).await.unwrap() else { panic!() };
    store.write(&name, Some(version), b"torn").await.unwrap();
    let two = Fleet::kept(store, "acme.test");
    assert!(two.read().await.unwrap_err().is_damaged());
    assert!(matches!(two.status(), RecordStatus::Unread(_)));
}

#[test]
fn the_newest_revocations_of_a_shard_stay() {
    let mut users = Users::default();
    let index = shard_of("auth0|1");
    let same: Vec<String> =
        (0..).map(|number| format!("u{number}")).filter(|user| shard_of(user) == index).take(70).collect();
    for (at, user) in same.iter().enumerate() {
        users.revoke(&revoked(user, 100 + at as u64));
    }
    users.revoke(&revoked(&same[0], 1));
    let kept: Vec<u64> = users.revoked().iter().map(|grant| grant.at).collect();
    assert_eq!(kept, (106..170).collect::<Vec<u64>>());
    assert!(index < SHARDS);
}
